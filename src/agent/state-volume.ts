import { gunzipSync } from 'node:zlib';
import * as z from 'zod';
import { isAppError } from '../contracts/errors.ts';
import { agentVolume } from '../contracts/fleet-names.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import { type AgentState, type StateName, stateNames } from './agent-state.ts';
import { helperLabels, removeLeftHelpers } from './left-helpers.ts';

export interface StateVolumeOptions {
  readonly engine: HostEngine;
  /** With the program that runs this, at the same path: that of the agent's own container. */
  readonly image: string;
  /** Default: `agora-agent`. */
  readonly volume?: string;
  /** Of the program that runs the scripts. Default: this process's own. */
  readonly program?: string;
  /** How long what costs only time when it is lost may wait, in milliseconds. Default: 20000. */
  readonly delayMs?: number;
  readonly log: (line: string) => void;
}

/** Small, and lost only for good. The others come again, or cost time. */
const urgent: ReadonlySet<StateName> = new Set(
  stateNames.filter((name) => name.endsWith('.pem') || ['server.json', 'machine-id'].includes(name)),
);
const filesSchema = z.partialRecord(z.enum(stateNames), z.string());
const folder = '/state';

/**
 * State in a folder of the agent's container, and in a named volume that it reads and writes through the engine, so that it is
 * there again when the container was removed.
 */
export class StateVolume implements AgentState {
  readonly place: string;
  readonly #local: AgentState;
  readonly #options: Required<StateVolumeOptions>;
  readonly #waiting = new Map<StateName, string | undefined>();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #swept: Promise<void> | undefined;

  constructor(local: AgentState, options: StateVolumeOptions) {
    this.#local = local;
    this.#options = { volume: agentVolume, program: process.execPath, delayMs: 20_000, ...options };
    this.place = `volume ${this.#options.volume}`;
  }

  /** Takes over what the volume has, where this container has nothing yet. */
  async restore(signal?: AbortSignal): Promise<void> {
    if ((await this.#local.read('identity.pem')) !== undefined) return;
    const files = await this.#readAll(signal);
    // The key last: with it, the rest counts as being there.
    const names = stateNames.filter((name) => files[name] !== undefined).reverse();
    for (const name of names) await this.#local.write(name, files[name] ?? '');
  }

  read(name: StateName): Promise<string | undefined> {
    return this.#local.read(name);
  }

  async write(name: StateName, text: string): Promise<void> {
    await this.#local.write(name, text);
    await this.#pass(name, text);
  }

  async remove(name: StateName): Promise<void> {
    await this.#local.remove(name);
    await this.#pass(name, undefined);
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#turn = this.#turn.catch(() => undefined).then(() => this.#writeWaiting());
    await this.#turn;
  }

  async #pass(name: StateName, text: string | undefined): Promise<void> {
    this.#waiting.set(name, text);
    if (urgent.has(name)) return await this.flush();
    this.#flushLater();
  }

  #flushLater(): void {
    this.#timer ??= setTimeout(() => {
      this.flush().catch((error: unknown) => {
        this.#options.log(
          `Cannot keep state in ${this.place}: ${error instanceof Error ? error.message : String(error)}`,
        );
        this.#flushLater();
      });
    }, this.#options.delayMs).unref();
  }

  async #writeWaiting(): Promise<void> {
    if (this.#waiting.size === 0) return;
    const files = new Map(this.#waiting);
    const entries = [...files].map(([name, text]) => [name, text ?? null]);
    await this.#run(writeScript, [], Buffer.from(JSON.stringify(Object.fromEntries(entries))));
    for (const [name, text] of files) if (this.#waiting.get(name) === text) this.#waiting.delete(name);
  }

  async #readAll(signal?: AbortSignal): Promise<z.infer<typeof filesSchema>> {
    const read = async (names: readonly StateName[]) => {
      const bytes = await this.#run(readScript, names, undefined, signal);
      return filesSchema.parse(JSON.parse(gunzipSync(bytes).toString('utf8')));
    };
    try {
      return await read(stateNames);
    } catch (error) {
      if (!isAppError(error, 'limit-exceeded')) throw error;
      // A very large target comes again from the server; the key does not.
      return await read(stateNames.filter((name) => name !== 'target.json' && name !== 'samples.json'));
    }
  }

  async #run(script: string, words: readonly string[], stdin: Uint8Array | undefined, signal?: AbortSignal) {
    const { engine, image, volume, program } = this.#options;
    this.#swept ??= this.#sweep();
    await this.#swept;
    const helper = {
      image,
      command: [program, '-e', script, folder, ...words],
      labels: helperLabels(this.#known),
      binds: [`${volume}:${folder}`],
      hostNamespaces: false,
      ...(stdin !== undefined && { stdin }),
    };
    return await engine.runHelper(helper, signal);
  }

  /** Whose they are is in the volume, and not known before it is read. */
  get #known() {
    return { owner: this.place, name: 'state' };
  }

  /** State matters more than what is left. */
  async #sweep(): Promise<void> {
    await removeLeftHelpers(this.#options.engine, this.#known, undefined).catch((error: unknown) =>
      this.#options.log(error instanceof Error ? error.message : String(error)),
    );
  }
}

const readScript = `
const fs = require('node:fs'), path = require('node:path');
const [folder, ...names] = process.argv.slice(1), files = {};
for (const name of names) {
  try { files[name] = fs.readFileSync(path.join(folder, name), 'utf8'); } catch (error) { if (error.code !== 'ENOENT') throw error; }
}
process.stdout.write(require('node:zlib').gzipSync(JSON.stringify(files)));`;

const writeScript = `
const fs = require('node:fs'), path = require('node:path');
const [folder] = process.argv.slice(1);
for (const [name, text] of Object.entries(JSON.parse(fs.readFileSync(0, 'utf8')))) {
  const file = path.join(folder, name);
  if (text === null) { fs.rmSync(file, { force: true }); continue; }
  const open = fs.openSync(file + '.tmp', 'w', 0o600);
  fs.writeSync(open, text); fs.fsyncSync(open); fs.closeSync(open);
  fs.renameSync(file + '.tmp', file);
}`;
