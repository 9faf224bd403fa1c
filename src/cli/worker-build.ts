import { prepareWorkerImage } from '../compute/worker-image.ts';
import { packageRoot } from '../config/package-root.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { workerImage } from '../contracts/names.ts';
import { defineCommand } from './command.ts';
import { insecureOption } from './engine-option.ts';
import { say } from './output.ts';
import { probeEngine } from './probe-engine.ts';
import { programNames, runtimeOf } from './worker-program.ts';

export const workerBuild = defineCommand(
  {
    operands: [],
    options: {
      with: { type: 'string', value: '<program>', summary: `Build in what drives a model: ${programNames}` },
      insecure: insecureOption,
    },
    details: [
      "Builds the image from this machine's own files where that is possible, else pulls it. Prints the image id.",
      `It is tagged ${workerImage.repository}:<worker digest>[-<program>] and ${workerImage.latest}.`,
      'A program is downloaded from the npm registry. Without one the image runs commands only.',
    ],
    examples: ['agora worker build', 'agora worker build --with claude-code'],
  },
  async ({ options }, context) => {
    const runtime = runtimeOf(options.with);
    const probe = await probeEngine(context.env);
    if (probe.kind !== 'answers') {
      const state = probe.kind === 'none' ? 'no container engine is found' : `${probe.place}: ${probe.reason}`;
      throw new AppError('unreachable', `Cannot build the worker image: ${state}`, { next: 'agora doctor' });
    }
    const image = await prepareWorkerImage(probe.engine, {
      packageRoot,
      runtime,
      onProgress: (line) => void say(context.stderr, line),
    });
    if (image.how === 'present') await say(context.stderr, 'agora: the image is there and current');
    await say(context.stdout, image.imageId);
    return exitCodes.ok;
  },
);
