import { Started } from './fleet-processes.ts';
import { residentBytesOf } from './process-use.ts';

/** A server of Node's own that says 304 to whatever is asked: what no program of ours can go below. */
const program = `const server = require('node:http').createServer((_, reply) => reply.writeHead(304).end());
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port))`;
const polls = 1_000;

export class BareNode {
  readonly url: string;
  readonly #started: Started;

  private constructor(started: Started, port: string) {
    this.#started = started;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<BareNode> {
    const started = new Started(process.execPath, ['-e', program], {});
    const [, port = ''] = await started.says(/port (\d+)/, 'a bare server');
    return new BareNode(started, port);
  }

  get pid(): number {
    return this.#started.pid;
  }

  async stop(): Promise<void> {
    await this.#started.stop();
  }
}

/** What it holds after some requests. */
export async function bareNodeBytes(): Promise<number> {
  const bare = await BareNode.start();
  try {
    for (let round = 0; round < polls; round++) await fetch(bare.url);
    return await residentBytesOf(bare.pid);
  } finally {
    await bare.stop();
  }
}
