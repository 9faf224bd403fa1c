import { once } from 'node:events';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import type { Header } from 'tar-stream';
import { AppError, isAppError } from '../contracts/errors.ts';
import { type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import type { CallerSession } from '../session/caller-session.ts';
import type { TarEntry } from './copy-unpack.ts';
import type { ServerSessions } from './server-sessions.ts';
import type { SessionTalk } from './session-talk.ts';

export interface CopySessionOptions {
  readonly sessions: ServerSessions;
  readonly host: string;
  readonly workspace: string;
  readonly talk: SessionTalk;
  /** Told of bytes as they go. */
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** Hops of a link in a workspace, before it is said to lead nowhere. */
const mostHops = 16;

/** The tar of a path of a workspace as it comes. */
export async function* readCopy(path: string, options: CopySessionOptions): AsyncGenerator<Uint8Array> {
  const over = new AbortController();
  const session = copySession({ kind: 'copy-out', workspace: options.workspace, path }, options, over.signal);
  session.endInput();
  const ended = session.run();
  ended.catch(() => undefined); // The same is raised by its output.
  try {
    for await (const { bytes } of session.output()) {
      options.onBytes(bytes.length);
      yield bytes;
    }
    await ended;
  } finally {
    over.abort();
  }
}

/** Unpacks a tar in a folder of a workspace. */
export async function writeCopy(
  path: string,
  tar: AsyncIterable<Uint8Array>,
  options: CopySessionOptions,
): Promise<void> {
  const over = new AbortController();
  const session = copySession({ kind: 'copy-in', workspace: options.workspace, path }, options, over.signal);
  const fed = feed(session, tar, { onBytes: options.onBytes, signal: over.signal });
  // What cannot be read here must not arrive as if it were whole.
  fed.catch((error: unknown) => over.abort(error));
  try {
    await Promise.all([session.run(), drained(session)]);
  } finally {
    over.abort();
  }
}

type FeedOptions = Pick<CopySessionOptions, 'onBytes' | 'signal'>;

async function feed(session: CallerSession, tar: AsyncIterable<Uint8Array>, { onBytes, signal }: FeedOptions) {
  for await (const bytes of tar) {
    if (signal.aborted) return;
    await session.write(bytes);
    onBytes(bytes.length);
  }
  session.endInput();
}

async function drained(session: CallerSession): Promise<void> {
  for await (const _ of session.output());
}

/** What a path of a workspace is, links followed; undefined where nothing is. */
export async function lookAt(
  path: string,
  options: CopySessionOptions,
): Promise<(Pick<Header, 'type'> & { path: string }) | undefined> {
  let at = path;
  for (let hops = 0; hops < mostHops; hops += 1) {
    const header = await firstHeader(at, options);
    if (header?.type !== 'symlink') return header === undefined ? undefined : { type: header.type, path: at };
    at = posix.resolve(posix.dirname(at), header.linkname ?? '');
  }
  throw new AppError('refused', `Cannot copy "${path}": its links lead in circles`);
}

/** The first of its tar tells what it is; the rest is not asked for. */
async function firstHeader(path: string, options: CopySessionOptions): Promise<Header | undefined> {
  try {
    for await (const { header } of tarEntries(readCopy(path, { ...options, onBytes: () => undefined }))) return header;
    return undefined;
  } catch (error) {
    if (isAppError(error, 'not-found')) return undefined;
    throw error;
  }
}

export async function* tarEntries(tar: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const { extract } = await import('tar-stream');
  const entries = extract();
  const source = Readable.from(tar, { objectMode: false });
  source.on('error', (error) => entries.destroy(error));
  source.pipe(entries);
  try {
    for await (const entry of entries) {
      yield { header: entry.header, content: contentOf(entry as AsyncIterable<Uint8Array>, source) };
      // What was not read of it, so that the next one comes.
      entry.resume();
    }
  } finally {
    source.destroy();
    if (!source.closed) await once(source, 'close');
  }
}

/** Where it breaks off, with why that is: a tar only says that it did. */
async function* contentOf(entry: AsyncIterable<Uint8Array>, source: Readable): AsyncGenerator<Uint8Array> {
  try {
    yield* entry;
  } catch (error) {
    throw source.errored ?? error;
  }
}

function copySession(spec: SessionSpec, options: CopySessionOptions, over: AbortSignal): CallerSession {
  const { sessions, host, talk, signal } = options;
  return sessions.session({
    open: { host, session: spec, window: sessionLimits.copyWindowBytes },
    signal: AbortSignal.any([over, signal]),
    onNotice: (text) => talk.say(text),
    onAway: (isAway, reason) => talk.away(isAway, reason),
  });
}
