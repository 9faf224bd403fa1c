import { AppError, exitCodes } from '../contracts/errors.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { columns } from './command-help.ts';
import { insecureOption } from './engine-option.ts';
import { checkLeftovers } from './leftover-checks.ts';
import { checkMachine, type MachineReport } from './machine-checks.ts';
import { configOption } from './open-orch.ts';
import { say } from './output.ts';

export const doctor = defineCommand(
  {
    operands: [],
    options: {
      json: { type: 'boolean', summary: 'Print JSON' },
      config: configOption,
      target: {
        type: 'string',
        value: '<engine>',
        summary: 'Go the way to an engine, such as ssh://user@host, instead',
      },
      smoke: { type: 'boolean', summary: 'With --target: run one dispatch there as well' },
      insecure: insecureOption,
    },
    details: [
      'Starts and changes nothing, but with --smoke. Exits 0 when items can run, 1 when not.',
      'With --target it looks at each part of the way in its order, and stops at the first that does not hold.',
    ],
    examples: ['agora doctor', 'agora doctor --target ssh://user@host --smoke'],
  },
  async ({ options }, context) => {
    const { target, smoke = false } = options;
    if (smoke && target === undefined)
      throw new AppError('usage', 'Cannot smoke: --smoke is for a --target', {
        next: 'agora doctor --target <engine> --smoke',
      });
    const report =
      target === undefined
        ? await checkHere(options.config, context)
        : await (await import('./target-checks.ts')).checkTarget({
            address: target,
            env: context.env,
            isSmoked: smoke,
          });
    const place = target === undefined ? 'here' : 'there';
    const text = options.json === true ? JSON.stringify(report, undefined, 2) : reportLines(report, place).join('\n');
    await say(context.stdout, text);
    return report.canRunItems ? exitCodes.ok : exitCodes.no;
  },
);

const words = { pass: 'PASS', miss: 'MISS', note: 'NOTE' } as const;

async function checkHere(config: string | undefined, context: CommandContext): Promise<MachineReport> {
  const machine = await checkMachine({ env: context.env, cwd: context.cwd, config });
  return { ...machine, checks: [...machine.checks, ...(await checkLeftovers(config, context))] };
}

export function reportLines({ checks, canRunItems }: MachineReport, place: 'here' | 'there' = 'here'): string[] {
  const rows = checks.flatMap((check) => {
    const row = [`${words[check.state]}  ${check.name}`, check.detail] as const;
    return check.next === undefined ? [row] : [row, ['', `next: ${check.next}`] as const];
  });
  return [...columns(rows), '', canRunItems ? `Items can run ${place}.` : `Items cannot run ${place} yet.`];
}
