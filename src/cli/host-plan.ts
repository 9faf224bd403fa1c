import { exitCodes } from '../contracts/errors.ts';
import type { HostPlan } from '../contracts/host-change.ts';
import { problemLine, stepLine } from './change-text.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { fileOption, type GivenSpec, readSpec } from './given-spec.ts';
import { packContexts } from './host-spec-contexts.ts';
import { type FoundSecrets, findSpecSecrets } from './host-spec-secrets.ts';
import { agoText } from './host-text.ts';
import { jsonText } from './json-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { sayWrapped } from './wrap-line.ts';

export const hostPlan = defineCommand(
  {
    operands: ['<host>'],
    options: {
      file: { ...fileOption, summary: 'The spec, in YAML; - is standard input (default: what is declared)' },
      json: { type: 'boolean', summary: 'Print JSON' },
      ...serverOptions,
    },
    details: [
      'Prints each step that the spec would take, with its reason, from what the host last reported, and the index of the plan.',
      'Nothing is changed and nothing is handed in. agora host apply --check <index> refuses when host or spec moved since.',
    ],
    examples: ['agora host plan gpu-box-1 -f spec.yaml', 'agora host plan gpu-box-1 --json'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const given = options.file === undefined ? undefined : await readSpec(options.file, context);
    const packed = given && (await packContexts(given));
    const secrets = given && (await knownSecrets(given, context));
    const client = await openServer(options, context);
    const { hostId, name, link } = await findHost(client, word);
    const params = { host: hostId };
    const spec = packed?.spec ?? (await client.call('getSpec', { params })).spec;
    const plan = await client.call('planSpec', { params, body: { spec, ...(secrets && { secrets }) } });
    if (options.json === true) await say(context.stdout, jsonText(plan, 2));
    else {
      await printPlan(plan, { name, file: options.file }, context);
      if (link.link !== 'online') await say(context.stderr, awayLine(name, plan, client.now()));
    }
    return exitCodes.ok;
  },
);

/** Who may not have them can still look at the rest. */
async function knownSecrets(given: GivenSpec, context: CommandContext): Promise<FoundSecrets['values']> {
  const { values, problems } = await findSpecSecrets(given, context);
  for (const problem of problems) await say(context.stderr, `agora: ${problem}; its value is not compared`);
  return values;
}

async function printPlan(
  plan: HostPlan,
  { name, file }: { readonly name: string; readonly file: string | undefined },
  { stdout, stderr }: Pick<CommandContext, 'stdout' | 'stderr'>,
): Promise<void> {
  for (const step of plan.steps) await sayWrapped(stdout, stepLine(step));
  for (const problem of plan.problems) await sayWrapped(stderr, `agora: ${problemLine(problem)}`);
  if (plan.steps.length === 0 && plan.problems.length === 0)
    await say(stderr, `agora: ${name} is as the spec says: nothing to do`);
  await say(stdout, `index ${plan.index}`);
  if (file !== undefined && plan.steps.length > 0) {
    await say(stderr, `agora: to do just this: agora host apply ${name} -f ${file} --check ${plan.index}`);
  }
}

function awayLine(name: string, { observedAt }: HostPlan, now: number): string {
  const told = observedAt === undefined ? '' : `: this is from what it told ${agoText(observedAt, now)}`;
  return `agora: ${name} is not online${told}`;
}
