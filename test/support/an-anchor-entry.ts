import type { AnchorEntry } from '../../src/audit/anchor.ts';

/** Of a run that nobody ran. */
export function anAnchorEntry(changes: Partial<AnchorEntry> = {}): AnchorEntry {
  return {
    origin: `agora/${'5a'.repeat(16)}`,
    runId: 'run-1',
    root: 'ab'.repeat(32),
    size: 1,
    sealDigest: `sha256:${'cd'.repeat(32)}`,
    at: '2026-01-01T00:00:00.000Z',
    ...changes,
  };
}
