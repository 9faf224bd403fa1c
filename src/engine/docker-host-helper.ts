import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { containerStreams } from './docker-container-streams.ts';
import { named } from './docker-host-errors.ts';
import { helperCreateOptions } from './docker-host-spec.ts';
import { ask } from './docker-request.ts';
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
  const streams = containerStreams(connection);
  const name = `agora-helper-${randomUUID()}`;
  const limited = withDeadline(longestRunMs, signal);
  const line = { method: 'POST', path: '/containers/create', query: { name }, answer: madeSchema } as const;
  try {
    const call = { action: `create helper container "${name}"`, signal: limited };
    await named(ask(connection, call, { ...line, body: helperCreateOptions(helper) }));
    if (helper.stdin !== undefined) await streams.writeStdin(name, helper.stdin, limited);
    await startContainer(name, limited);
    const exitCode = await streams.waitContainer(name, limited);
    const [stdout, stderr] = await Promise.all([
      output(streams.logs(name, { follow: false, streams: ['stdout'], signal: limited })),
      output(streams.logs(name, { follow: false, streams: ['stderr'], signal: limited })),
    ]);
    if (exitCode === 0) return within(stdout, helper);
    const complaint = stderr.subarray(0, complaintBytes).toString().trim();
    throw new AppError(
      'internal',
      `Cannot run helper "${helper.command.join(' ')}": exit code ${exitCode}, ${complaint}`,
    );
  } finally {
    // By name, and not with the caller's signal: it may have been made although nobody heard of it.
    await removeContainer(name);
  }
}

function within(stdout: Uint8Array, { command }: HelperContainer): Uint8Array {
  if (stdout.byteLength <= outputBytes) return stdout;
  throw new AppError('limit-exceeded', `Cannot run helper "${command.join(' ')}": it printed more than 1 MiB`);
}

/** Read no further than is needed to see that it is too long. */
async function output(chunks: AsyncIterable<{ readonly bytes: Uint8Array }>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const { bytes } of chunks) {
    parts.push(bytes);
    length += bytes.byteLength;
    if (length > outputBytes) break;
  }
  return Buffer.concat(parts);
}
