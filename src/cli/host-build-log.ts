import { stripVTControlCharacters } from 'node:util';
import { retry } from '../base/retry.ts';
import type { Build } from '../contracts/builds.ts';
import { AppError, type ExitCode, exitCodes, isAppError } from '../contracts/errors.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

export const hostBuildLog = defineCommand(
  {
    operands: ['<host>', '[build]'],
    options: {
      follow: { type: 'boolean', short: 'f', summary: 'Go on until the build has ended' },
      ...serverOptions,
    },
    details: [
      'A build is named by its id, the beginning of it, or its image: then the newest. Without one it is the newest of all.',
      'Secrets are blacked out on the host. With --follow the exit code is 0 when the build succeeded.',
    ],
    examples: ['agora host build log gpu-box-1', 'agora host build log gpu-box-1 web -f'],
  },
  async ({ operands: [word = '', typed], options }, context) => {
    const client = await openServer(options, context);
    const { hostId: host, name } = await findHost(client, word);
    const build = typed ?? (await newest(client, host, name));
    return await print({ client, host, build, follows: options.follow === true }, context);
  },
);

interface Printed {
  readonly client: ServerClient;
  readonly host: string;
  readonly build: string;
  readonly follows: boolean;
}

async function newest(client: ServerClient, host: string, name: string): Promise<string> {
  const { builds } = await client.call('listBuilds', { params: { host } });
  const [build] = builds;
  if (build !== undefined) return build.buildId;
  throw new AppError('not-found', `Cannot show a build of "${name}": nothing was built there yet`);
}

async function print({ client, host, build: named, follows }: Printed, context: CommandContext): Promise<ExitCode> {
  let build = named;
  for (let from = 0, isFirst = true; ; isFirst = false) {
    const query = { from, waitSeconds: follows && !isFirst ? 20 : 0 };
    // A server that restarts is no end of a log.
    const read = await retry(() => client.call('readBuildLog', { params: { host, build }, query }), {
      attempts: follows ? 20 : 1,
      maxDelayMs: 3_000,
      isRetryable: (error) => isAppError(error, 'unreachable'),
    });
    // An image may be built anew meanwhile: this is about the one it began with.
    build = read.build.buildId;
    if (follows && isFirst && read.build.state === 'queued')
      await say(context.stderr, `agora: ${build} waits for its turn`);
    if (read.first > from) await say(context.stderr, `agora: ${read.first - from} lines before this are not kept`);
    const text = read.lines.map((line) => `${shown(line)}\n`).join('');
    if (text !== '') await context.stdout.write(text);
    from = read.first + read.lines.length;
    if (read.isComplete) return follows ? await tellEnd(read.build, context) : exitCodes.ok;
    if (!follows && read.lines.length === 0) return exitCodes.ok;
  }
}

async function tellEnd({ state, image, problem }: Build, { stderr }: CommandContext): Promise<ExitCode> {
  if (state === 'succeeded' && problem === undefined) return exitCodes.ok;
  await say(
    stderr,
    `agora: the build of ${image} ended as ${state}${problem === undefined ? '' : `: ${shown(problem)}`}`,
  );
  return exitCodes.no;
}

/** A build prints what it likes; here nothing of it acts on the terminal. */
function shown(line: string): string {
  return stripVTControlCharacters(line).replace(/(?!\t)\p{Cc}/gu, '');
}
