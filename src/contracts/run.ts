export const itemStatuses = [
  'pending',
  'ready',
  'running',
  'waiting',
  'done',
  'failed',
  'skipped',
  'cancelled',
] as const;
export type ItemStatus = (typeof itemStatuses)[number];

export const runStatuses = ['queued', 'running', 'waiting', 'done', 'failed', 'cancelled', 'rejected'] as const;
export type RunStatus = (typeof runStatuses)[number];

/** Why an attempt did not end well. */
export const failureCodes = [
  'exit-nonzero',
  'timeout',
  'memory-limit',
  'pids-limit',
  'disk-limit',
  'output-limit',
  'no-result',
  'lock-violation',
  'patch-conflict',
  'worker-lost',
  'interrupted',
  'integrity',
  'image-missing',
  'refused',
  'setup-failed',
  'gate-failed',
  'bad-question',
  'secret-missing',
  'runtime-missing',
  'key-missing',
  'key-refused',
  'rate-limit',
  'max-turns',
  'model-error',
] as const;
export type FailureCode = (typeof failureCodes)[number];

export function isTerminalItem(status: ItemStatus): boolean {
  return status === 'done' || status === 'failed' || status === 'skipped' || status === 'cancelled';
}

export function isTerminalRun(status: RunStatus): boolean {
  return status === 'done' || status === 'failed' || status === 'cancelled' || status === 'rejected';
}
