import { join } from 'node:path';
import { loadOrch } from '../config/load-config.ts';
import type { OrchContext } from '../config/orch-context.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { isPresent } from '../orchestrator/presence.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { DaemonChild } from './daemon-child.ts';
import { prepareDemoCompute } from './demo-compute.ts';
import { checkFixture, exampleFolder } from './demo-example.ts';
import { printDemoOutcome } from './demo-outcome.ts';
import { runDemoPlan } from './demo-run.ts';
import { say } from './output.ts';

export const demo = defineCommand(
  {
    operands: [],
    options: {},
    details: [
      'Starts a daemon for examples/offload-fanout if none runs there, submits its plan, shows it live, and ends with',
      'the patches, the verdict on the audit bundle and commands to go on with. Uses no key. Ctrl-C cancels and cleans up.',
    ],
    examples: ['agora demo'],
  },
  async (_words, context) => {
    try {
      return await runDemo(context);
    } catch (cause) {
      if (!context.stop.aborted) throw cause;
      const next = 'agora demo';
      throw new AppError('interrupted', 'Stopped the demo: the run was cancelled and nothing of it is left running', {
        next,
      });
    }
  },
);

async function runDemo(context: CommandContext) {
  checkFixture(exampleFolder);
  await say(context.stdout, `Running ${join(exampleFolder, 'plan.json')}`);
  await say(context.stdout, 'Every item runs a `command` subagent: no model and no key is used.');
  const orch = await loadOrch(join(exampleFolder, 'agora.config.mjs'));
  await using daemon = await ownDaemon(orch, context);
  const outcome = await runDemoPlan(orch, daemon, context);
  const problems = await printDemoOutcome(orch, outcome, context);
  for (const problem of problems) await say(context.stderr, `agora: ${problem}`);
  return problems.length === 0 ? exitCodes.ok : exitCodes.no;
}

/** Starts a daemon in the example's folder; undefined when one runs there. */
async function ownDaemon(orch: OrchContext, context: CommandContext): Promise<DaemonChild | undefined> {
  const presence = await orch.transport.presence();
  if (presence !== undefined && isPresent(presence, Date.now())) {
    await say(context.stdout, `A daemon (pid ${presence.pid}) runs here already; its workers: ${presence.compute}`);
    return undefined;
  }
  const { allowUnsandboxed } = await prepareDemoCompute({
    env: context.env,
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
