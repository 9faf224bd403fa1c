import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type Dockerode from 'dockerode';
import type * as z from 'zod';
import type { DockerCall, DockerConnection } from './docker-connection.ts';

export interface DockerRequestLine {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Without a query. */
  readonly path: string;
  /** Undefined ones are left out; objects are written as JSON. */
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: object;
  /** Sent as the body, a tar. */
  readonly content?: Readable;
  /** For the registry of the reference in question; empty when it needs none. */
  readonly login?: object;
  /** By registry, for base images of a build. */
  readonly logins?: object;
}

/** The engine refused: with its status, and its words where `docker-errors` looks for them. */
export class RefusedRequest extends Error {
  readonly statusCode: number;
  readonly json: { readonly message: string };

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
    this.json = { message };
  }
}

/** For the client, which else would judge by them. */
export const statusCodes = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [index + 100, true]));

/** One call and its answer, JSON; undefined where the engine says nothing. */
export async function ask<T>(
  connection: DockerConnection,
  call: DockerCall,
  line: DockerRequestLine & { readonly answer: z.ZodType<T> },
): Promise<T> {
  return await connection.call(call, async (docker, deadline) => {
    const answer = await text(await openAnswer(docker, line, deadline.signal));
    return line.answer.parse(answer === '' ? undefined : JSON.parse(answer));
  });
}

/** One call whose answer says nothing but that it is done. */
export async function tell(connection: DockerConnection, call: DockerCall, line: DockerRequestLine): Promise<void> {
  await connection.call(call, async (docker, deadline) => text(await openAnswer(docker, line, deadline.signal)));
}

/** The answer of a request as a stream. Rejects with the engine's words where it refuses. */
export async function openAnswer(docker: Dockerode, line: DockerRequestLine, signal: AbortSignal): Promise<Readable> {
  const answer = await dialAny(docker, line, signal);
  const status = 'statusCode' in answer && typeof answer.statusCode === 'number' ? answer.statusCode : 500;
  if (status < 300) return answer;
  throw new RefusedRequest(status, wordsOf(await text(answer)));
}

function dialAny(docker: Dockerode, line: DockerRequestLine, abortSignal: AbortSignal): Promise<Readable> {
  const query = Object.fromEntries(Object.entries(line.query ?? {}).filter(([, value]) => value !== undefined));
  const complete = {
    // The client adds the query where it sees a question mark.
    path: Object.keys(query).length > 0 ? `${line.path}?` : line.path,
    method: line.method,
    options: { _query: query, _body: line.body ?? {} },
    file: line.content,
    authconfig: line.login,
    registryconfig: line.logins,
    abortSignal,
    isStream: true,
    statusCodes,
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(complete as never, (error: unknown, answer: unknown) => {
      if (error) reject(error);
      else resolve(answer as Readable);
    });
  });
}

/** The engine's words in an answer that refuses. */
export function wordsOf(answer: string): string {
  try {
    const parsed: unknown = JSON.parse(answer);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed) return String(parsed.message).trim();
  } catch {
    // Not JSON: a proxy before the engine answered.
  }
  return answer.slice(0, 1_000).trim();
}
