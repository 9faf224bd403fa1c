import { anchorSuite } from './anchor.suite.ts';
import { type AnchorRow, type AnchorRows, LocalAnchor } from './local-anchor.ts';

function inMemory(): AnchorRows {
  const rows = new Map<string, AnchorRow>();
  return {
    putAnchor: async (row) => void (rows.has(row.runId) || rows.set(row.runId, row)),
    getAnchor: async (runId) => rows.get(runId),
  };
}

anchorSuite('local anchor', {
  open: async () => {
    const rows = inMemory();
    return [new LocalAnchor(rows), new LocalAnchor(rows)];
  },
});
