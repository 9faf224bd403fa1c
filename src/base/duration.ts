/** A duration for a person: `0.4 ms`, `85 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${trimmed(ms)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${trimmed(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 2_880) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** Milliseconds as they are told and recorded: more than a tenth is noise. */
export function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** The same for several, by name. */
export function roundAllMs<K extends string>(named: Readonly<Record<K, number>>): Record<K, number>;
export function roundAllMs(named: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(named).map(([name, ms]) => [name, roundMs(ms)]));
}

function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
