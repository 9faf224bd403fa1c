import { Started } from './fleet-processes.ts';
import { residentBytesOf } from './process-use.ts';

/** A server of Node's own that says 304 to whatever is asked: what no program of ours can go below. */
const program = `const server = require('node:http').createServer((_, reply) => reply.writeHead(304).end());
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port))`;
const polls = 1_000;

export interface BareNode {
  readonly residentBytes: number;
  /** Of requests one after the other, through `fetch`. */
  readonly pollMs: readonly number[];
}

export async function measureBareNode(): Promise<BareNode> {
  const started = new Started(process.execPath, ['-e', program], {});
  try {
    const [, port] = await started.says(/port (\d+)/, 'a bare server');
    const pollMs: number[] = [];
    for (let round = 0; round < polls; round++) {
      const startedAt = performance.now();
      await fetch(`http://127.0.0.1:${port}/`);
      pollMs.push(performance.now() - startedAt);
    }
    return { residentBytes: await residentBytesOf(started.pid), pollMs };
  } finally {
    await started.stop();
  }
}

export async function bareNodeBytes(): Promise<number> {
  return (await measureBareNode()).residentBytes;
}
