import type { ProviderInfo } from './compute.ts';

/** A provider in words, with the limits it does not hold: nobody should take one for granted that was only asked for. */
export function providerSummary(name: string, remark: string | undefined, limits: ProviderInfo['limits']): string {
  const unheld = Object.entries(limits).flatMap(([limit, held]) => (held === 'not-enforced' ? [limit] : []));
  const remarks = [...(remark === undefined ? [] : [remark]), ...(unheld.length === 0 ? [] : [unheldText(unheld)])];
  return remarks.length === 0 ? name : `${name} (${remarks.join('; ')})`;
}

export function unheldText(limits: readonly string[]): string {
  return `not held: ${limits.join(', ')}`;
}
