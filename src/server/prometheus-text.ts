/** A value of a metric, by its labels as `labelsText` writes them. */
export interface Measurement {
  readonly labels: string;
  readonly value: number | undefined;
}

export interface Metric {
  /** With its unit, as Prometheus names them: `agora_host_memory_used_bytes`; that of a counter ends in `_total`. */
  readonly name: string;
  readonly help: string;
  /** Each labels once. */
  readonly measurements: readonly Measurement[];
}

/** In the text format 0.0.4 of Prometheus. A metric nobody has a value of is left out: empty. */
export function metricText({ name, help, measurements }: Metric): string {
  const type = name.endsWith('_total') ? 'counter' : 'gauge';
  let text = '';
  for (const { labels, value } of measurements) {
    if (value !== undefined) text += labels === '' ? `${name} ${value}\n` : `${name}{${labels}} ${value}\n`;
  }
  return text === '' ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${text}`;
}

export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}="${escaped(value)}"`)
    .join(',');
}

function escaped(value: string): string {
  // Most hold none of them, and there are tens of thousands.
  if (!/[\\"\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
