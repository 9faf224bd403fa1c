import { spawn } from 'node:child_process';
import { Duplex, PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../contracts/errors.ts';
import { isOfContainer } from './container-process.ts';
import type { SessionContainer } from './docker-session-container.ts';
import type { SessionHelpers } from './docker-session-helpers.ts';
import { PortRelay } from './port-relay.ts';
import { commandOfMain } from './session-helper.ts';

const defaults = { idleMs: 60_000 };
const command = commandOfMain('port-relay-main');
const complaintLength = 1_000;

export interface PortRelaysOptions {
  /** Needed where we are in a container ourselves: from there the networks of others cannot be entered. */
  readonly helpers: SessionHelpers | undefined;
  /** How long a relay without connections is kept. Default: 60000. */
  readonly idleMs?: number;
}

interface Running {
  readonly relay: PortRelay;
  readonly ended: Promise<unknown>;
  connections: number;
  idle: NodeJS.Timeout | undefined;
}

/** One relay program in the network of each container whose ports are used; it ends `idleMs` after the last connection. */
export class PortRelays {
  readonly #options: PortRelaysOptions & typeof defaults;
  readonly #running = new Map<string, Running>();

  constructor(options: PortRelaysOptions) {
    this.#options = { ...defaults, ...options };
  }

  /** Whether there is a way into the network of a container. */
  async leadsTo(container: SessionContainer): Promise<boolean> {
    if (this.#options.helpers !== undefined) return true;
    return process.getuid?.() === 0 && (await isOfContainer(container.pid, container));
  }

  /** Undefined where nothing listens. */
  async dial(container: SessionContainer, port: number, signal: AbortSignal): Promise<Duplex | undefined> {
    const running = this.#runningFor(container);
    running.connections += 1;
    clearTimeout(running.idle);
    try {
      const stream = await running.relay.dial(port, signal);
      // A stream that is closed already emits no `close` any more.
      if (stream === undefined || stream.closed) this.#release(running);
      else stream.once('close', () => this.#release(running));
      return stream;
    } catch (error) {
      this.#release(running);
      throw error;
    }
  }

  async close(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { relay } of all) relay.close();
    await Promise.all(all.map(({ ended }) => ended));
  }

  #runningFor(container: SessionContainer): Running {
    // A container that was started again has another network.
    const key = `${container.id} ${container.pid}`;
    const found = this.#running.get(key);
    if (found !== undefined && !found.relay.isOver) return found;
    const { link, ended } = this.#start(container);
    const running: Running = { relay: new PortRelay(link), ended, connections: 0, idle: undefined };
    this.#running.set(key, running);
    running.relay.onOver(() => {
      clearTimeout(running.idle);
      if (this.#running.get(key) === running) this.#running.delete(key);
    });
    return running;
  }

  #release(running: Running): void {
    running.connections -= 1;
    if (running.connections > 0) return;
    running.idle = setTimeout(() => running.relay.close(), this.#options.idleMs).unref();
  }

  #start(container: SessionContainer): { link: Duplex; ended: Promise<unknown> } {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const link = Duplex.from({ readable: output, writable: input });
    const ended = this.#run(container, input, output).then(
      () => void output.end(),
      (error: unknown) => void link.destroy(error instanceof Error ? error : new Error(String(error))),
    );
    return { link, ended };
  }

  async #run(container: SessionContainer, input: Duplex, output: Duplex): Promise<void> {
    const { helpers } = this.#options;
    if (helpers === undefined) return await enterNetwork(container, input, output);
    await helpers.run(container.labels, {
      command,
      binds: [],
      hostNamespaces: false,
      networkOf: container.id,
      removesItself: true,
      stdin: input,
      onOutput: (bytes) => void output.write(bytes),
    });
  }
}

/** As root of the engine's machine. */
async function enterNetwork({ pid, name }: SessionContainer, input: Duplex, output: Duplex): Promise<void> {
  const program = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, '--', ...command], { stdio: 'pipe' });
  // What breaks is told by its end.
  pipeline(input, program.stdin).catch(() => undefined);
  pipeline(program.stdout, output, { end: false }).catch(() => undefined);
  let complaint = '';
  program.stderr.on('data', (bytes) => {
    complaint = `${complaint}${bytes}`.slice(0, complaintLength);
  });
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  program.once('error', reject);
  program.once('close', (code, signal) =>
    code === 0 ? resolve() : reject(new Error(complaint.trim() || `it ended with ${code ?? signal}`)),
  );
  await ended.catch((cause: unknown) => {
    const state = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('not-ready', `Cannot enter the network of container "${name}": ${state}`, {
      cause,
      next: 'See that the agent runs as root, and that its machine has nsenter (of util-linux).',
    });
  });
}
