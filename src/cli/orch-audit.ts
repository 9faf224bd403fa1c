import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { exitCodeOf } from '../audit/verify/report.ts';
import { reportText } from '../audit/verify/report-text.ts';
import { auditRun } from './audit-run.ts';
import { defineCommand } from './command.ts';
import { requireRun } from './find-run.ts';
import { projectTrust } from './load-trust.ts';
import { configOption, openOrch } from './open-orch.ts';

export const orchAudit = defineCommand(
  {
    operands: ['<run>'],
    options: {
      out: { type: 'string', value: '<file>', summary: 'Write the bundle to this file instead of printing it' },
      config: configOption,
    },
    details: [
      'Waits up to 10 s for a run that is not sealed yet. The bundle is printed or written even when it does not verify.',
      'Exits 0 only if it verifies, 1 if it does not, 3 if that cannot be decided.',
    ],
    examples: ['agora orch audit fanout-1', 'agora orch audit fanout-1 --out bundle.json'],
  },
  async ({ operands, options }, context) => {
    const [word = ''] = operands;
    const { orch, folder } = await openOrch(options.config, context);
    const runId = await requireRun(orch.transport, word);
    const { report, text } = await auditRun(orch, runId, { trust: await projectTrust(orch.trust, folder) });
    if (options.out === undefined) await context.stdout.write(text);
    else await writeFile(resolve(context.cwd, options.out), text);
    const isForPerson = options.out !== undefined || context.stdout.isTerminal || !report.intact;
    if (isForPerson) await context.stderr.write(reportText(report));
    return exitCodeOf(report);
  },
);
