import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { insecureOption } from './engine-option.ts';
import { oneLine } from './one-line.ts';
import { configOption, openOrch } from './open-orch.ts';
import { say } from './output.ts';

/** What it says is of its own making, but for names and texts that anyone may have sent. */
const lineLength = 2_000;

export const orchServe = defineCommand(
  {
    operands: [],
    options: {
      drain: { type: 'boolean', summary: 'On the first signal wait for what runs instead of leaving it' },
      'allow-unsandboxed': {
        type: 'boolean',
        summary: 'Run commands without a sandbox where neither an engine nor bubblewrap is there',
      },
      insecure: insecureOption,
      config: configOption,
    },
    details: [
      'Takes submissions, runs their items and publishes status and audit bundles until SIGINT or SIGTERM.',
      'Containers go on while it is away and are picked up by the next one. A second signal stops the workers.',
    ],
    examples: ['agora orch serve &', 'agora orch serve --drain'],
  },
  async ({ options }, context) => {
    const { orch } = await openOrch(options.config, context);
    if (context.stop.aborted) return exitCodes.ok;
    await orch.runService(context.stop, {
      allowUnsandboxed: options['allow-unsandboxed'] === true,
      drain: options.drain === true,
      stopWorkers: context.force,
      onLine: (line) => void say(context.stderr, oneLine(line, lineLength)),
    });
    return exitCodes.ok;
  },
);
