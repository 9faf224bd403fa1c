import { exitCodes } from '../contracts/errors.ts';
import { closeTargets } from '../dispatch/targets.ts';
import { actorName, actorOption } from './actor.ts';
import { defineCommand } from './command.ts';
import { readRequest, requestOptions } from './dispatch-request.ts';
import { DispatchView, viewOptions } from './dispatch-view.ts';
import { insecureOption } from './engine-option.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';

export const dispatchRun = defineCommand(
  {
    operands: [],
    options: {
      ...requestOptions,
      'dispatch-id': { type: 'string', value: '<id>', summary: 'Its id (default: a random one)' },
      'allow-unsandboxed': { type: 'boolean', summary: 'Run it without a sandbox where there is none' },
      ...viewOptions,
      actor: actorOption,
      insecure: insecureOption,
      config: configOption,
    },
    details: [
      'Says on stderr what happens and what the worker prints; the result is JSON on stdout. Exits 0 when it is done, 1 when',
      'it failed, was cancelled or asks something. The first interrupt cancels it, a second one leaves it as it is.',
    ],
    examples: [
      'agora dispatch run --subagent greeter --env minimal',
      `agora dispatch run --subagent edit --source . --input '{"file":"a.ts"}' --trace >result.json`,
    ],
  },
  async ({ options }, context) => {
    const { client } = await openClient(options.config, context);
    const request = await readRequest(client, options, context);
    if (context.stop.aborted) return exitCodes.interrupted;
    const view = new DispatchView(context, options);
    const dispatchId = options['dispatch-id'];
    const firing = client.dispatch.fire(request, {
      ...view.listeners,
      signal: context.stop,
      actor: actorName(options.actor, context.env),
      allowUnsandboxed: options['allow-unsandboxed'] === true,
      ...(dispatchId === undefined ? {} : { dispatchId }),
    });
    const code = await view.follow(firing);
    // One that was left goes on, as far as its provider lets it.
    if (!context.force.aborted) await closeTargets(client);
    return code;
  },
);
