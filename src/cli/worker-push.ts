import { homedir } from 'node:os';
import { dockerLogins } from '../agent/registry-logins.ts';
import { type CopiedImage, copyWorkerImage } from '../compute/worker-copy.ts';
import { type PreparedImage, prepareWorkerImage } from '../compute/worker-image.ts';
import { environmentEngine } from '../config/local-docker-provider.ts';
import { packageRoot } from '../config/package-root.ts';
import { exitCodes, isAppError } from '../contracts/errors.ts';
import { dockerEngine } from '../engine/docker.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { type EngineEndpoint, namedEndpoint } from '../engine/endpoint.ts';
import type { Engine } from '../engine/engine.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { dockerConfigFile } from './docker-config-file.ts';
import { insecureOption } from './engine-option.ts';
import { farPull } from './far-pull.ts';
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
      'Brings the image of the engine here, which builds it if it has to, and prints the image id. Where a registry has it,',
      'the other engine pulls it by digest, with what `docker login` wrote down here; else it is copied.',
      'A login is never sent to tcp:// without certificates. Where that engine has it, nothing is done. Processors of two kinds',
      'are told before anything is. Without an engine here, which is told, the other one gets it as with a first dispatch.',
    ],
    examples: ['agora worker push --target ssh://user@host'],
  },
  async ({ options }, context) => {
    const target = requiredOption('worker push', 'target', options.target);
    const runtime = runtimeOf(options.with);
    const endpoint = namedEndpoint(target, '--target', { env: context.env, homeDirectory: homedir() });
    const to = dockerEngine({ endpoint });
    const prepare = { packageRoot, runtime, onProgress: (line: string) => void say(context.stderr, line) };
    const from = await engineHere(context);
    const { imageId, how } =
      from === undefined
        ? await prepareWorkerImage(to, prepare)
        : await copyWorkerImage(from, to, { ...prepare, pull: pullAt(endpoint, context) });
    const remark = remarks[how];
    if (remark !== undefined) await say(context.stderr, `agora: ${remark}`);
    await say(context.stdout, imageId);
    return exitCodes.ok;
  },
);

type How = (CopiedImage | PreparedImage)['how'];

const remarks: { readonly [Case in How]: string | undefined } = {
  present: 'the image is there and current',
  same: 'that is the engine here, and it has the image now: nothing was copied',
  built: undefined,
  pulled: undefined,
  copied: undefined,
};

/** Undefined where there is none, which is told: then the other engine gets the image as it does with a first dispatch. */
async function engineHere(context: CommandContext): Promise<Engine | undefined> {
  try {
    return await environmentEngine();
  } catch (error) {
    if (!isAppError(error, 'unreachable')) throw error;
    await say(context.stderr, `agora: ${error.message}; the other engine gets the image by itself`);
    return undefined;
  }
}

function pullAt(endpoint: EngineEndpoint, context: CommandContext): (reference: string) => Promise<string> {
  const logins = dockerLogins({ file: dockerConfigFile(context), env: context.env });
  return farPull({ endpoint, engine: dockerHostEngine({ endpoint }), logins, signal: context.stop });
}
