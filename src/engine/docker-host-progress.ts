import { AppError } from '../contracts/errors.ts';
import type { DockerCall, DockerConnection } from './docker-connection.ts';
import { type DockerRequestLine, openAnswer } from './docker-request.ts';
import { jsonLines } from './docker-stream.ts';
import type { ByteStream, ProgressOptions } from './engine.ts';

/** A step of a build, or the unpacking of an image, says nothing while it lasts. */
const silentFactor = 10;

interface Sending {
  readonly sending: (content: ByteStream) => ByteStream;
}

export interface Followed extends ProgressOptions {
  readonly line: DockerRequestLine | ((sending: Sending) => DockerRequestLine);
  readonly onMessage?: (message: ProgressMessage) => void;
}

export interface ProgressMessage {
  readonly aux: unknown;
  readonly status: string | undefined;
}

export async function follow(
  connection: DockerConnection,
  call: DockerCall,
  { line, onMessage, onProgress }: Followed,
): Promise<void> {
  const answer = connection.stream({ ...call, answerMs: connection.answerMs * silentFactor }, (docker, deadline) => {
    const complete = typeof line === 'function' ? line({ sending: (content) => deadline.sending(content) }) : line;
    return openAnswer(docker, complete, deadline.signal);
  });
  for await (const message of jsonLines(answer)) {
    const { error, stream, status, progress } = message;
    if (typeof error === 'string') {
      throw new AppError('internal', `Cannot ${call.action}: the engine says "${error.trim()}"`);
    }
    onMessage?.({ aux: message['aux'], status: typeof status === 'string' ? status : undefined });
    const words = progressWords({ id: message['id'], status: stream ?? status, progress });
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
