import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { columns } from './command-help.ts';
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
    },
    details: ['Starts and changes nothing. Exits 0 when items can run here, 1 when not.'],
    examples: ['agora doctor'],
  },
  async ({ options }, context) => {
    const machine = await checkMachine({ env: context.env, cwd: context.cwd, config: options.config });
    const leftovers = await checkLeftovers(options.config, context);
    const report = { ...machine, checks: [...machine.checks, ...leftovers] };
    const text = options.json === true ? JSON.stringify(report, undefined, 2) : reportLines(report).join('\n');
    await say(context.stdout, text);
    return report.canRunItems ? exitCodes.ok : exitCodes.no;
  },
);

const words = { pass: 'PASS', miss: 'MISS', note: 'NOTE' } as const;

export function reportLines({ checks, canRunItems }: MachineReport): string[] {
  const rows = checks.flatMap((check) => {
    const row = [`${words[check.state]}  ${check.name}`, check.detail] as const;
    return check.next === undefined ? [row] : [row, ['', `next: ${check.next}`] as const];
  });
  return [...columns(rows), '', canRunItems ? 'Items can run here.' : 'Items cannot run here yet.'];
}
