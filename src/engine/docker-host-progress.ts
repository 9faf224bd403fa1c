import { AppError } from '../contracts/errors.ts';
import type { DockerCall, DockerConnection } from './docker-connection.ts';
import { aliveSignal } from './docker-ping.ts';
import { type DockerRequestLine, openAnswer } from './docker-request.ts';
import { jsonLines } from './docker-stream.ts';
import type { ProgressOptions } from './engine.ts';

export interface Followed extends ProgressOptions {
  readonly line: DockerRequestLine;
  readonly onMessage?: (message: ProgressMessage) => void;
}

export interface ProgressMessage {
  readonly aux: unknown;
  readonly status: string | undefined;
  /** As it would be printed, with its line ends; how far something has come is left out. */
  readonly text: string;
}

/** Reads what a build, pull or push says of itself. It may say nothing for long, while the engine shows that it is alive. */
export async function follow(connection: DockerConnection, call: DockerCall, followed: Followed): Promise<void> {
  const alive = aliveSignal(connection, call.signal);
  try {
    await read(connection, { ...call, signal: alive.signal, answerMs: Number.POSITIVE_INFINITY }, followed);
  } finally {
    await alive.end();
  }
}

async function read(
  connection: DockerConnection,
  call: DockerCall,
  { line, onMessage, onProgress }: Followed,
): Promise<void> {
  const answer = connection.stream(call, (docker, { signal }) => openAnswer(docker, line, signal));
  for await (const message of jsonLines(answer)) {
    const { error, stream, status, progress } = message;
    if (typeof error === 'string') {
      throw new AppError('internal', `Cannot ${call.action}: the engine says "${error.trim()}"`);
    }
    const words = progressWords({ id: message['id'], status: stream ?? status, progress });
    const isProgress = typeof progress === 'string' && progress !== '';
    const text = typeof stream === 'string' ? stream : words === '' || isProgress ? '' : `${words}\n`;
    onMessage?.({ aux: message['aux'], status: typeof status === 'string' ? status : undefined, text });
    if (words !== '') onProgress?.(words);
  }
}

function progressWords({ id, status, progress }: Readonly<Record<'id' | 'status' | 'progress', unknown>>): string {
  const said = typeof status === 'string' ? status.trim() : '';
  if (said === '') return '';
  const of = typeof id === 'string' && id !== '' && !said.includes(id) ? `${id}: ` : '';
  const far = typeof progress === 'string' && progress !== '' ? ` ${progress}` : '';
  return `${of}${said}${far}`;
}
