import { type Duplex, Readable } from 'node:stream';
import type Dockerode from 'dockerode';

export interface DialRequest {
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly hijack?: boolean;
  readonly file?: Buffer;
  readonly options?: object;
}

/** The answer of a request as a stream, for what the client itself has no method or no signal for. */
export function dial(docker: Dockerode, request: DialRequest, abortSignal: AbortSignal): Promise<Duplex> {
  const statusCodes = { 200: true, 404: 'no such thing', 500: 'server error' };
  return new Promise((resolve, reject) => {
    const complete = { ...request, abortSignal, isStream: true, statusCodes };
    docker.modem.dial(complete as never, (error: unknown, stream: unknown) => {
      if (stream instanceof Readable) resolve(stream as Duplex);
      else reject(error);
    });
  });
}
