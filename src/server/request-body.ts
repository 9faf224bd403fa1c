import type { FastifyRequest } from 'fastify';
import { AppError } from '../contracts/errors.ts';
import type { Route } from '../contracts/route.ts';

const jsonType = 'application/json';
const bytesType = 'application/octet-stream';
/** A body of JSON is there within this, and one that is streamed brings something within this. */
const patienceMs = 120_000;

/**
 * Refuses a body of another kind or size than the route takes, or its caller may send, before any of it is read, and ends one that does
 * not come.
 */
export function expectBody(request: FastifyRequest, { body, maxBodyBytes }: Route, mostBytes?: number): void {
  const { headers, raw } = request;
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  const wanted = body === 'bytes' ? bytesType : jsonType;
  if (type !== undefined && type !== wanted)
    throw new AppError('invalid-input', `Cannot take the body: it is "${type.slice(0, 100)}", not ${wanted}`);
  const sizeBytes = Number(headers['content-length'] ?? (headers['transfer-encoding'] === undefined ? 0 : Number.NaN));
  if (mostBytes !== undefined && !(sizeBytes <= mostBytes)) throw tooLarge();
  if (sizeBytes === 0) return;
  if (body !== 'bytes') {
    const late = setTimeout(() => raw.destroy(), patienceMs).unref();
    raw.once('end', () => clearTimeout(late)).once('close', () => clearTimeout(late));
    return;
  }
  if (maxBodyBytes !== undefined && sizeBytes > maxBodyBytes) throw tooLarge();
  raw.setTimeout(patienceMs, () => raw.destroy());
}

/** The pieces of a streamed body, up to the size its route takes. */
export async function* boundedBody(body: AsyncIterable<Uint8Array>, mostBytes: number): AsyncIterable<Uint8Array> {
  let sizeBytes = 0;
  for await (const piece of body) {
    sizeBytes += piece.length;
    if (sizeBytes > mostBytes) throw tooLarge();
    yield piece;
  }
}

function tooLarge(): AppError {
  return new AppError('limit-exceeded', 'Cannot take the body: it is larger than this address allows');
}
