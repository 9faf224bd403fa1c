import { spawn } from 'node:child_process';
import { Duplex, PassThrough } from 'node:stream';
import { hostLabels } from '../contracts/fleet-names.ts';
import { isOfContainer } from './container-process.ts';
import type { SessionContainer } from './docker-session-container.ts';
import type { HelperContainer, HostEngine } from './host-engine.ts';
import { PortRelay } from './port-relay.ts';
import { commandOfMain, sessionHelperLabels, sessionHelperName } from './session-helper.ts';

const defaults = { idleMs: 60_000 };
const command = commandOfMain('port-relay-main');

export interface PortRelaysOptions {
  readonly engine: Pick<HostEngine, 'runHelper' | 'observeContainers' | 'removeContainer'>;
  /** Of the container that we are in. */
  readonly ownImage: string | undefined;
  /** How long a relay without connections is kept. Default: 60000. */
  readonly idleMs?: number;
}

interface Running {
  readonly relay: PortRelay;
  readonly ended: Promise<unknown>;
  connections: number;
  idle: NodeJS.Timeout | undefined;
}

/** One program in the network of each container whose ports are used, for as long as they are and a while after. */
export class PortRelays {
  readonly #options: PortRelaysOptions & typeof defaults;
  readonly #running = new Map<string, Running>();
  #swept: Promise<void> | undefined;

  constructor(options: PortRelaysOptions) {
    this.#options = { ...defaults, ...options };
  }

  /** Whether there is a way into the network of a container. */
  async leadsTo(container: SessionContainer): Promise<boolean> {
    if (this.#options.ownImage !== undefined) return true;
    return process.getuid?.() === 0 && (await isOfContainer(container.pid, container));
  }

  /** Undefined where nothing listens. */
  async dial(container: SessionContainer, port: number, signal: AbortSignal): Promise<Duplex | undefined> {
    const running = await this.#runningFor(container);
    running.connections += 1;
    clearTimeout(running.idle);
    try {
      const stream = await running.relay.dial(port, signal);
      // One that is closed already says so no more.
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

  async #runningFor(container: SessionContainer): Promise<Running> {
    // A container that was started again has another network.
    const key = `${container.id} ${container.pid}`;
    if (this.#options.ownImage !== undefined) await this.#sweep(container);
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
    const { ownImage, engine } = this.#options;
    return ownImage === undefined ? enterNetwork(container.pid) : joinNetwork(engine, container, ownImage);
  }

  /** What an agent that was killed had made and not started; the others removed themselves. */
  #sweep({ labels }: SessionContainer): Promise<void> {
    const { engine } = this.#options;
    const remove = async () => {
      for (const { id, labels: theirs, status } of await engine.observeContainers()) {
        const isOurs = theirs[hostLabels.host] === labels[hostLabels.host] && theirs[hostLabels.kind] === 'helper';
        const isLeft = status === 'created' || status === 'exited';
        if (isOurs && isLeft && theirs[hostLabels.name] === sessionHelperName) await engine.removeContainer(id);
      }
    };
    this.#swept ??= remove().catch((error: unknown) => {
      this.#swept = undefined;
      throw error;
    });
    return this.#swept;
  }
}

/** As root of the engine's machine. */
function enterNetwork(pid: number): { link: Duplex; ended: Promise<unknown> } {
  const program = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, '--', ...command], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const over = () => {
    program.stdout.destroy();
    program.stdin.destroy();
    resolve();
  };
  program.once('exit', over).once('error', over);
  return { link: linkOf(program.stdout, program.stdin), ended };
}

/** By a container of the image that we are in ourselves. */
function joinNetwork(
  engine: PortRelaysOptions['engine'],
  { id, labels }: SessionContainer,
  image: string,
): { link: Duplex; ended: Promise<unknown> } {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const helper: HelperContainer = {
    image,
    command,
    labels: sessionHelperLabels(labels),
    binds: [],
    hostNamespaces: false,
    networkOf: id,
    removesItself: true,
    stdin: input,
    onOutput: (bytes) => void output.write(bytes),
  };
  const link = linkOf(output, input);
  const ended = engine.runHelper(helper).then(
    () => output.end(),
    (error: unknown) => void link.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return { link, ended };
}

function linkOf(readable: NodeJS.ReadableStream, writable: NodeJS.WritableStream): Duplex {
  return Duplex.from({ readable, writable }).on('error', () => undefined); // The relay is told.
}
