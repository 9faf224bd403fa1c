import { request } from 'node:http';
import type { HostSpec } from '../src/contracts/host-spec.ts';
import { dockerHostEngine } from '../src/engine/docker-host.ts';
import type { EngineEndpoint } from '../src/engine/endpoint.ts';
import type { HostEngine } from '../src/engine/host-engine.ts';
import { busyboxContext } from '../test/support/busybox-image.ts';
import { type PrivateEngine, startPrivateEngine } from '../test/support/private-engine.ts';

export const benchImage = 'bench:1';

/** An engine of the bench's own with one small image, and what happens to its containers by the time it is heard of. */
export class BenchEngine {
  readonly endpoint: EngineEndpoint;
  readonly host: string;
  readonly calls: HostEngine;
  readonly imageId: string;
  readonly #socket: string;
  readonly #close: () => Promise<void>;
  readonly #ending = new AbortController();
  readonly #waiting = new Map<string, (at: number) => void>();

  private constructor(engine: PrivateEngine, { calls, imageId }: Pick<BenchEngine, 'calls' | 'imageId'>) {
    this.endpoint = engine.endpoint;
    this.host = engine.host;
    this.calls = calls;
    this.imageId = imageId;
    this.#socket = engine.host.replace('unix://', '');
    this.#close = () => engine.close();
    void this.#follow();
  }

  static async start(): Promise<BenchEngine> {
    const engine = await startPrivateEngine();
    try {
      const calls = dockerHostEngine({ endpoint: engine.endpoint });
      const request = {
        tag: benchImage,
        dockerfile: 'Dockerfile',
        args: {},
        labels: {},
        useCache: true,
        pullBase: false,
      };
      const imageId = await calls.build(await busyboxContext(), request);
      return new BenchEngine(engine, { calls, imageId });
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  /** When the container next starts, of `performance.now()`. */
  started(name: string): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#waiting.set(name, resolve);
    return promise;
  }

  /** What a spec declares, made and started without anything in between; so many at once. */
  async runBare({ workspaces }: HostSpec, prefix: string, atOnce = 1): Promise<void> {
    const waiting = Object.entries(workspaces);
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [name, spec] = next;
        const container = { name: `${prefix}${name}`, spec, imageId: this.imageId, secrets: {}, labels: {} };
        await this.calls.startContainer(await this.calls.createWorkspace(container));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }

  /** SIGKILL, as `docker kill` sends it. */
  async kill(name: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sent = request({ socketPath: this.#socket, method: 'POST', path: `/containers/${name}/kill` }, (answer) => {
      answer.resume();
      if (answer.statusCode === 204) resolve();
      else reject(new Error(`Cannot kill "${name}": status ${answer.statusCode}`));
    });
    sent.on('error', reject).end();
    await promise;
  }

  /** Removes every container whose name begins so. */
  async clear(prefix = ''): Promise<void> {
    const found = (await this.calls.observeContainers()).filter(({ name }) => name.startsWith(prefix));
    for (const { id } of found) {
      await this.calls.stopContainer(id, 0);
      await this.calls.removeContainer(id);
    }
  }

  async close(): Promise<void> {
    await this.clear();
    this.#ending.abort();
    await this.#close();
  }

  async #follow(): Promise<void> {
    for await (const { type, action, name } of this.calls.events(this.#ending.signal)) {
      if (type !== 'container' || action !== 'start') continue;
      this.#waiting.get(name)?.(performance.now());
      this.#waiting.delete(name);
    }
  }
}
