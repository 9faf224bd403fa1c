import { randomUUID } from 'node:crypto';
import { addAbortSignal, type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { containerStreams } from './docker-container-streams.ts';
import { dial } from './docker-dial.ts';
import { orUndefined } from './docker-errors.ts';
import { named } from './docker-host-errors.ts';
import { helperCreateOptions } from './docker-host-spec.ts';
import { ask } from './docker-request.ts';
import { demultiplex } from './docker-stream.ts';
import type { HelperContainer, HostEngine } from './host-engine.ts';

const outputBytes = 1024 * 1024;
const complaintBytes = 4_096;
const longestRunMs = 120_000;

const madeSchema = z.object({ Id: z.string() });

type HelperCalls = Pick<HostEngine, 'startContainer' | 'removeContainer'>;

/** Makes, starts, reads and removes one container; it is removed however that ends. */
export async function runHelper(
  connection: DockerConnection,
  { startContainer, removeContainer }: HelperCalls,
  { helper, signal }: { readonly helper: HelperContainer; readonly signal: AbortSignal | undefined },
): Promise<Uint8Array> {
  const name = `agora-helper-${randomUUID()}`;
  const limited = helper.onOutput === undefined ? withDeadline(longestRunMs, signal) : withoutDeadline(signal);
  const line = { method: 'POST', path: '/containers/create', query: { name }, answer: madeSchema } as const;
  try {
    const call = { action: `create helper container "${name}"`, signal: limited };
    await named(ask(connection, call, { ...line, body: helperCreateOptions(helper) }));
    const streams = await attach(connection, { name, helper, signal: limited });
    try {
      const printed = collect(streams, helper.onOutput);
      // Heard of below, after what goes wrong before.
      printed.catch(() => undefined);
      await startContainer(name, limited);
      if (helper.stdin !== undefined) feed(streams, helper.stdin, limited);
      const output = await printed;
      if (output.isTooLong) throw failure('limit-exceeded', helper, 'it printed more than 1 MiB');
      const exitCode = await orUndefined(containerStreams(connection).waitContainer(name, limited));
      const isGone = exitCode === undefined && helper.removesItself;
      if (exitCode === 0 || isGone) return output.stdout;
      throw failure('internal', helper, `exit code ${exitCode}, ${output.stderr.toString().trim()}`);
    } finally {
      streams.destroy();
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw limited.aborted ? failure('internal', helper, 'it did not end within two minutes') : error;
  } finally {
    // By name, and not with the caller's signal: it may have been made although nobody heard of it.
    await removeContainer(name);
  }
}

function failure(code: 'internal' | 'limit-exceeded', { command }: HelperContainer, state: string): AppError {
  return new AppError(code, `Cannot run helper "${command.join(' ')}": ${state}`);
}

interface Attachment {
  readonly name: string;
  readonly helper: HelperContainer;
  readonly signal: AbortSignal;
}

/** Not through the engine's log, which knows text only. */
async function attach(connection: DockerConnection, { name, helper, signal }: Attachment): Promise<Duplex> {
  const query = { stream: 1, stdout: 1, stderr: 1, ...(helper.stdin !== undefined && { stdin: 1 }) };
  const line = { path: `/containers/${name}/attach?`, method: 'POST', hijack: true } as const;
  const call = { action: `attach to helper container "${name}"`, signal };
  // With an empty body: that of the client's own `attach` may be taken for stdin.
  const streams = await connection.call(call, (docker) =>
    dial(docker, { ...line, file: Buffer.alloc(0), options: { _query: query } }, signal),
  );
  streams.on('error', () => undefined); // Its reader is told; without a listener a late one would end the process.
  return addAbortSignal(signal, streams);
}

interface Printed {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly isTooLong: boolean;
}

function withoutDeadline(signal: AbortSignal | undefined): AbortSignal {
  return signal ?? new AbortController().signal;
}

function feed(streams: Duplex, stdin: Uint8Array | AsyncIterable<Uint8Array>, signal: AbortSignal): void {
  if (stdin instanceof Uint8Array) streams.end(stdin);
  // Its failure is that of the streams, which their reader is told of.
  else pipeline(Readable.from(stdin, { objectMode: false, signal }), streams).catch(() => undefined);
}

/** Reads no further than is needed to see that it is too long. */
async function collect(streams: Duplex, onOutput?: (bytes: Uint8Array) => void): Promise<Printed> {
  const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  let left = outputBytes;
  let complaintsLeft = complaintBytes;
  for await (const { stream, bytes } of demultiplex(streams)) {
    if (stream === 'stdout' && onOutput !== undefined) onOutput(bytes);
    else if (stream === 'stdout') {
      left -= bytes.byteLength;
      if (left < 0) break;
      parts.stdout.push(bytes);
    } else if (complaintsLeft > 0) {
      parts.stderr.push(bytes.subarray(0, complaintsLeft));
      complaintsLeft -= bytes.byteLength;
    }
  }
  return { stdout: Buffer.concat(parts.stdout), stderr: Buffer.concat(parts.stderr), isTooLong: left < 0 };
}
