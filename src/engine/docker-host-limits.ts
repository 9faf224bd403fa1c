import * as z from 'zod';
import type { ObservedContainer } from '../contracts/host-observation.ts';

const amountSchema = z.number().nullish();

export const limitsSchema = z.object({
  Memory: amountSchema,
  CpuQuota: amountSchema,
  CpuPeriod: amountSchema,
  NanoCpus: amountSchema,
  PidsLimit: amountSchema,
  RestartPolicy: z.object({ Name: z.string() }).nullish(),
});

const defaultPeriodMicros = 100_000;

/** Engines write 0, -1 or nothing for no limit. */
export function limitsOf(settings: z.infer<typeof limitsSchema>): ObservedContainer['limits'] {
  const { Memory: memoryBytes, CpuQuota: quota, CpuPeriod: period, NanoCpus: nanoCpus, PidsLimit: pids } = settings;
  const cpus = isLimit(nanoCpus)
    ? nanoCpus / 1e9
    : isLimit(quota)
      ? quota / (period || defaultPeriodMicros)
      : undefined;
  const restart = settings.RestartPolicy?.Name;
  return {
    ...(isLimit(memoryBytes) && { memoryBytes }),
    ...(cpus !== undefined && { cpus }),
    ...(isLimit(pids) && { pids }),
    ...(restart !== undefined && { restart: restart === '' ? 'no' : restart }),
  };
}

function isLimit(amount: number | null | undefined): amount is number {
  return amount !== null && amount !== undefined && amount > 0;
}
