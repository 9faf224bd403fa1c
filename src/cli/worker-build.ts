import { prepareWorkerImage } from '../compute/worker-image.ts';
import { packageRoot } from '../config/package-root.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { workerImage } from '../contracts/names.ts';
import { defineCommand } from './command.ts';
import { say } from './output.ts';
import { probeEngine } from './probe-engine.ts';

export const workerBuild = defineCommand(
  {
    operands: [],
    options: {},
    details: [
      "Builds the image from this machine's own files where that is possible, else pulls it. Prints the image id.",
      `It is tagged ${workerImage.repository}:<worker digest> and ${workerImage.latest}.`,
    ],
    examples: ['agora worker build'],
  },
  async (_words, context) => {
    const probe = await probeEngine(context.env);
    if (probe.kind !== 'answers') {
      const state = probe.kind === 'none' ? 'no container engine is found' : `${probe.place}: ${probe.reason}`;
      throw new AppError('unreachable', `Cannot build the worker image: ${state}`, { next: 'agora doctor' });
    }
    const image = await prepareWorkerImage(probe.engine, {
      packageRoot,
      onProgress: (line) => void say(context.stderr, line),
    });
    if (image.how === 'present') await say(context.stderr, 'agora: the image is there and current');
    await say(context.stdout, image.imageId);
    return exitCodes.ok;
  },
);
