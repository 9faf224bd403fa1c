/** A value of a metric, by its labels. */
export interface Measurement {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | undefined;
}

export interface Gauge {
  /** With its unit, as Prometheus names them: `agora_host_memory_used_bytes`. */
  readonly name: string;
  readonly help: string;
  readonly measurements: readonly Measurement[];
}

/** In the text format 0.0.4 of Prometheus. A gauge nobody has a value of is left out. */
export function prometheusText(gauges: readonly Gauge[]): string {
  return gauges.map(gaugeText).join('');
}

function gaugeText({ name, help, measurements }: Gauge): string {
  const lines = measurements.flatMap(({ labels, value }) =>
    value === undefined ? [] : [`${name}${labelText(labels)} ${value}\n`],
  );
  return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
  return texts.length === 0 ? '' : `{${texts.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
