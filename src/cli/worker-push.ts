import { homedir } from 'node:os';
import { copyWorkerImage } from '../compute/worker-image.ts';
import { environmentEngine } from '../config/local-docker-provider.ts';
import { packageRoot } from '../config/package-root.ts';
import { exitCodes } from '../contracts/errors.ts';
import { dockerEngine } from '../engine/docker.ts';
import { namedEndpoint } from '../engine/endpoint.ts';
import { defineCommand } from './command.ts';
import { insecureOption } from './engine-option.ts';
import { say } from './output.ts';
import { requiredOption } from './required-option.ts';
import { programNames, runtimeOf } from './worker-program.ts';

export const workerPush = defineCommand(
  {
    operands: [],
    options: {
      target: { type: 'string', value: '<engine>', summary: 'Where to, such as ssh://user@host' },
      with: { type: 'string', value: '<program>', summary: `With what drives a model: ${programNames}` },
      insecure: insecureOption,
    },
    details: [
      'Copies the image from the engine here, which builds it if it has to. Prints the image id.',
      'Where that engine has it, nothing is copied. Processors of two kinds are told before anything is.',
    ],
    examples: ['agora worker push --target ssh://user@host'],
  },
  async ({ options }, context) => {
    const target = requiredOption('worker push', 'target', options.target);
    const runtime = runtimeOf(options.with);
    const to = dockerEngine({
      endpoint: namedEndpoint(target, '--target', { env: context.env, homeDirectory: homedir() }),
    });
    const image = await copyWorkerImage(await environmentEngine(), to, {
      packageRoot,
      runtime,
      onProgress: (line) => void say(context.stderr, line),
    });
    if (image.how === 'present') await say(context.stderr, 'agora: the image is there and current');
    await say(context.stdout, image.imageId);
    return exitCodes.ok;
  },
);
