import { join } from 'node:path';
import { loadOrch } from '../config/load-config.ts';
import type { OrchContext } from '../config/orch-context.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { isPresent } from '../orchestrator/presence.ts';
import { apiKeyName, subscriptionTokenName } from '../runtime/claude-code-key.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { DaemonChild } from './daemon-child.ts';
import { prepareDemoCompute } from './demo-compute.ts';
import { checkFixture, exampleFolder } from './demo-example.ts';
import { paidBy, paidByName, runtimeLines, withEnvFile } from './demo-model.ts';
import { printDemoOutcome } from './demo-outcome.ts';
import { runDemoPlan } from './demo-run.ts';
import { insecureOption } from './engine-option.ts';
import { say } from './output.ts';

export const demo = defineCommand(
  {
    operands: [],
    options: {
      // Node itself would take an --env-file, wherever it stands.
      'env-from': {
        type: 'string',
        value: '<file>',
        summary: 'Edit with Claude Code if a key is set, in the environment or in this file',
      },
      insecure: insecureOption,
    },
    details: [
      'Starts a daemon for examples/offload-fanout if none runs there, submits its plan, shows it live, and ends with',
      'the patches, the verdict on the audit bundle and commands to go on with. Ctrl-C cancels and cleans up.',
      `Uses no model and no key; with --env-from and ${apiKeyName} or ${subscriptionTokenName}, Claude Code makes the`,
      'edits and the model is paid for. The file need not be there; what the environment sets counts first.',
    ],
    examples: ['agora demo', 'agora demo --env-from .env'],
  },
  async ({ options }, context) => {
    try {
      return await runDemo(context, options['env-from']);
    } catch (cause) {
      if (!context.stop.aborted) throw cause;
      const next = 'agora demo';
      throw new AppError('interrupted', 'Stopped the demo: the run was cancelled and nothing of it is left running', {
        next,
      });
    }
  },
);

async function runDemo(given: CommandContext, envFile: string | undefined) {
  checkFixture(exampleFolder);
  const env = envFile === undefined ? given.env : await withEnvFile(given.env, envFile, given.cwd);
  const key = envFile === undefined ? undefined : paidBy(env);
  const context: CommandContext = { ...given, env: { ...env, [paidByName]: key } };
  await say(context.stdout, `Running ${join(exampleFolder, 'plan.json')}`);
  // The config is read here too, and must say what the daemon's says.
  if (key === undefined) delete process.env[paidByName];
  else process.env[paidByName] = key;
  const orch = await loadOrch(join(exampleFolder, 'agora.config.mjs'));
  for (const line of runtimeLines(orch.declarations, key)) await say(context.stdout, line);
  await using daemon = await ownDaemon(orch, context);
  const outcome = await runDemoPlan(orch, daemon, context);
  const problems = await printDemoOutcome(orch, outcome, context);
  for (const problem of problems) await say(context.stderr, `agora: ${problem}`);
  return problems.length === 0 ? exitCodes.ok : exitCodes.no;
}

/** Starts a daemon in the example's folder; undefined when one runs there. */
async function ownDaemon(orch: OrchContext, context: CommandContext): Promise<DaemonChild | undefined> {
  const presence = await orch.transport.presence();
  const key = context.env[paidByName];
  if (presence !== undefined && isPresent(presence, Date.now())) {
    if (key !== undefined) throw otherDaemon(presence.pid);
    await say(context.stdout, `A daemon (pid ${presence.pid}) runs here already; its workers: ${presence.compute}`);
    return undefined;
  }
  const { allowUnsandboxed } = await prepareDemoCompute({
    env: context.env,
    runtimes: key === undefined ? ['command'] : ['command', 'claude-code'],
    signal: context.stop,
    onLine: (line) => say(context.stdout, line),
  });
  context.stop.throwIfAborted();
  const daemon = await DaemonChild.start({
    folder: exampleFolder,
    transport: orch.transport,
    env: context.env,
    allowUnsandboxed,
    signal: context.stop,
  });
  const started = await orch.transport.presence();
  await say(context.stdout, `The daemon is up; its workers: ${started?.compute ?? 'unknown'}`);
  return daemon;
}

/** Its config was read without the key: the edits would be made by a command, whatever was said here. */
function otherDaemon(pid: number): AppError {
  const message = `Cannot run the demo with Claude Code: a daemon (pid ${pid}) runs there already, without the key`;
  return new AppError('daemon-running', message, { next: `kill ${pid}` });
}
