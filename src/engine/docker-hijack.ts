import { Duplex, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type Dockerode from 'dockerode';
import { AppError } from '../contracts/errors.ts';
import type { DockerCall, DockerConnection } from './docker-connection.ts';
import { RefusedRequest, statusCodes, wordsOf } from './docker-request.ts';

export interface HijackLine {
  /** With its query. */
  readonly path: string;
  readonly body?: object;
  /** Whether we write as well as read. */
  readonly hasInput: boolean;
}

/** The connection of a request, from then on both ways ours: it outlives the call and its signal. */
export async function hijack(connection: DockerConnection, call: DockerCall, line: HijackLine): Promise<Duplex> {
  return await connection.call(call, async (docker, { signal }) => {
    // Of its own: the client would break the connection with the caller's signal for as long as it lasts.
    const asking = new AbortController();
    const giveUp = () => asking.abort();
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    try {
      const answer = await dialUpgrade(docker, line, asking.signal);
      if (answer instanceof Duplex) return heard(answer);
      return await withoutUpgrade(answer, call, line);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  });
}

/** Its reader is told of a failure; without a listener a late one would end the process. */
function heard(stream: Duplex): Duplex {
  return stream.on('error', () => undefined);
}

function dialUpgrade(docker: Dockerode, { path, body }: HijackLine, abortSignal: AbortSignal): Promise<Readable> {
  const request = {
    path,
    method: 'POST',
    hijack: true,
    isStream: true,
    statusCodes,
    abortSignal,
    // An empty one where there is no body: what the client would send may be taken for input.
    ...(body === undefined && { file: Buffer.alloc(0) }),
    options: { _query: {}, _body: body ?? {} },
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(request as never, (error: unknown, answer: unknown) => {
      if (error) reject(error);
      else resolve(answer as Readable);
    });
  });
}

/** A refusal, or an engine behind something that carries no more than requests and answers. */
async function withoutUpgrade(answer: Readable, { action }: DockerCall, { hasInput }: HijackLine): Promise<Duplex> {
  const status = 'statusCode' in answer && typeof answer.statusCode === 'number' ? answer.statusCode : 500;
  if (status >= 300) throw new RefusedRequest(status, wordsOf(await text(answer)));
  if (!hasInput) return heard(Duplex.from({ readable: answer }));
  answer.destroy();
  const state = `what leads to the engine carries no input (it answered ${status} where the engine says 101)`;
  throw new AppError('unreachable', `Cannot ${action}: ${state}`, {
    next: 'Give the agent the engine itself, or a proxy that passes "Upgrade: tcp" on.',
  });
}
