import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { signalGroup } from '../base/process-sweep.ts';
import { AppError } from '../contracts/errors.ts';
import { startServer, type TestServer } from '../server/suite-server.ts';
import { startHost, type TestHostOptions } from '../server/suite-sessions.ts';
import type { LoggedBytes } from '../session/byte-log.ts';
import type { OpenableSpec, OpenedSource } from '../session/session-desk.ts';
import type { Source } from '../session/source.ts';
import type { Command, CommandContext } from './command.ts';
import { describeError } from './describe-error.ts';
import { parseWords } from './parse-words.ts';

export interface TypedOptions {
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly stop?: AbortSignal;
  readonly force?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Fails as a pipe does that nobody reads any more, after so many bytes. */
  readonly stdoutBytes?: number;
}

export interface TypedResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server with the host `box`, whose sessions are what `open` gives, and commands as a person types them. */
export async function aSessionPlace(t: TestContext, open: TestHostOptions['open'] = openHere) {
  const server = await startServer(t);
  const host = await startHost(t, server, { open });
  return { server, host, type: typist(t, server) };
}

/** The host has the workspace `web`, as far as its server knows. */
export async function declareWeb({ admin }: TestServer): Promise<void> {
  const spec = { schemaVersion: 1 as const, images: { a: { pull: 'a:1' } }, workspaces: { web: { image: 'a' } } };
  await admin.call('applySpec', { params: { host: 'box' }, body: { spec } });
}

/** Types commands as the admin of a server. Each gives what was printed so far by `printed` as well. */
export function typist(t: TestContext, { url, adminToken }: { readonly url: string; readonly adminToken: string }) {
  return (command: Command, typed: readonly string[], options: TypedOptions = {}) => {
    const printed = { stdout: '', stderr: '' };
    const bytes: Uint8Array[] = [];
    let left = options.stdoutBytes ?? Number.POSITIVE_INFINITY;
    const output = (name: 'stdout' | 'stderr') => ({
      ...{ isTerminal: false, columns: 80, rows: 24 },
      write: async (content: string | Uint8Array) => {
        if (name === 'stdout') {
          left -= content.length;
          bytes.push(Buffer.from(content));
          if (left < 0) throw Object.assign(new Error('nobody reads'), { code: 'EPIPE' });
        }
        printed[name] += Buffer.from(content).toString();
      },
    });
    const context: CommandContext = {
      env: { AGORA_SERVER: url, AGORA_TOKEN: adminToken, HOME: '/nonexistent', ...options.env },
      ...{ cwd: options.cwd ?? '/', stdin: options.stdin ?? typedNothing() },
      ...{ stdout: output('stdout'), stderr: output('stderr') },
      ...{ stop: options.stop ?? t.signal, force: options.force ?? t.signal },
    };
    const run = async (): Promise<TypedResult> => {
      try {
        const words = parseWords('host test', command.spec, typed);
        if (words === undefined) throw new Error('it asks for the help');
        const code = await command.run(words, context);
        return { code, ...printed };
      } catch (error) {
        printed.stderr += describeError(error, { withStack: false });
        return { code: error instanceof AppError ? error.exitCode : 3, ...printed };
      }
    };
    return { ended: run(), printed, bytes: () => Buffer.concat(bytes) };
  };
}

export async function* typedNothing(): AsyncGenerator<Uint8Array> {}

export async function* typedText(...texts: readonly (string | Buffer)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** Commands of a workspace `web` run on this machine instead. */
export function openHere(spec: OpenableSpec): OpenedSource {
  if (spec.kind !== 'exec') throw new AppError('invalid-input', `Cannot open a session: the test has no ${spec.kind}`);
  if (spec.workspace !== 'web')
    throw new AppError('not-found', `Cannot find workspace "${spec.workspace}": this host has none of that name`);
  return { source: sourceOf(spec.command, spec.env), isTerminal: spec.terminal !== undefined, readsOn: false };
}

function sourceOf([program = '', ...words]: readonly string[], env: readonly string[]): Source {
  const own = Object.fromEntries(env.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  const child = spawn(program, words, { env: { PATH: process.env['PATH'], ...own }, detached: true });
  child.stdin.on('error', () => undefined); // What ends without reading is no failure.
  const exited = once(child, 'close');
  return {
    output: joined(child),
    write: async (bytes) => {
      if (!child.stdin.write(bytes)) await Promise.race([once(child.stdin, 'drain'), exited]);
    },
    endInput: async () => void child.stdin.end(),
    resize: async () => {},
    signal: async (name) => void child.kill(name as NodeJS.Signals),
    exit: async () => {
      const [code, signal] = await exited;
      return signal === null ? { code } : { code: 130, signal };
    },
    close: () => void (child.pid !== undefined && signalGroup(child.pid, 'SIGKILL')),
  };
}

/** Both of its outputs as they come, each no further ahead than the other is read. */
async function* joined({ stdout, stderr }: ReturnType<typeof spawn>): AsyncGenerator<LoggedBytes> {
  const streams = [
    { channel: 'output', stream: stdout },
    { channel: 'error', stream: stderr },
  ] as const;
  const waiting: LoggedBytes[] = [];
  let open = streams.length;
  let awaited = Promise.withResolvers<void>();
  for (const { channel, stream } of streams) {
    stream?.on('data', (bytes: Uint8Array) => {
      waiting.push({ channel, bytes });
      if (waiting.length > 16) stream.pause();
      awaited.resolve();
    });
    stream?.on('end', () => {
      open -= 1;
      awaited.resolve();
    });
  }
  while (open > 0 || waiting.length > 0) {
    const part = waiting.shift();
    if (part !== undefined) yield part;
    else {
      for (const { stream } of streams) stream?.resume();
      await awaited.promise;
      awaited = Promise.withResolvers();
    }
  }
}
