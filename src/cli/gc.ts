import { removeOldBuilds } from '../compute/image-builds.ts';
import { findOldImages, removeOldImage } from '../compute/old-images.ts';
import { buildWorkerBundle } from '../compute/worker-bundle.ts';
import { environmentEngine } from '../config/local-docker-provider.ts';
import { packageRoot } from '../config/package-root.ts';
import { exitCodes, isAppError } from '../contracts/errors.ts';
import { type Garbage, removing } from '../dispatch/garbage-item.ts';
import { defineCommand } from './command.ts';
import { insecureOption } from './engine-option.ts';
import { findLeftovers } from './leftover-checks.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { say } from './output.ts';

export const gc = defineCommand(
  {
    operands: [],
    options: {
      'dry-run': { type: 'boolean', summary: 'Say what there is and change nothing' },
      insecure: insecureOption,
      config: configOption,
    },
    details: [
      'Removes what crashes left of this project, records whose time is over, and staged secrets that nothing needs; one line',
      'each. What a process that died had begun is collected and recorded first. Workers of runs are the daemon’s.',
      'Worker images of other versions go as well, once they are a day old and no container uses them.',
    ],
    examples: ['agora gc --dry-run', 'agora gc'],
  },
  async ({ options }, context) => {
    const isDry = options['dry-run'] === true;
    const { client } = await openClient(options.config, context);
    const onProblem = (line: string) => void say(context.stderr, `agora: ${line}`);
    const leftovers = await findLeftovers(client, { config: options.config, context, onProblem });
    const garbage = [...leftovers, ...(await imageGarbage())];
    let hasFailed = false;
    for (const { what, clear } of garbage) {
      if (isDry) {
        await say(context.stdout, what);
        continue;
      }
      try {
        await say(context.stdout, `${what}: ${await clear()}`);
      } catch (error) {
        hasFailed = true;
        onProblem(`Cannot clear ${what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (!isDry) await removeBuilds();
    if (garbage.length === 0) await say(context.stderr, 'agora: nothing is left over');
    return hasFailed ? exitCodes.undecided : exitCodes.ok;
  },
);

/** Worker images that other versions of this package left, if there is an engine. */
async function imageGarbage(): Promise<Garbage[]> {
  try {
    const engine = await environmentEngine();
    const { digest } = await buildWorkerBundle(packageRoot);
    const images = await findOldImages(engine, { digest, now: Date.now() });
    return images.map((image) =>
      removing(`worker image ${image.tag}, ${Math.round(image.sizeBytes / 1e6)} MB`, () =>
        removeOldImage(engine, image),
      ),
    );
  } catch (error) {
    if (isAppError(error, 'unreachable')) return [];
    throw error;
  }
}

/** What builds of worker images that were killed left in the engine, if there is one. */
async function removeBuilds(): Promise<void> {
  try {
    await removeOldBuilds(await environmentEngine(), Date.now());
  } catch (error) {
    if (!isAppError(error, 'unreachable')) throw error;
  }
}
