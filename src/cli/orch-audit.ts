import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { exitCodeOf, type Report } from '../audit/verify/report.ts';
import { reportText } from '../audit/verify/report-text.ts';
import { exitCodes } from '../contracts/errors.ts';
import { auditRun } from './audit-run.ts';
import { defineCommand } from './command.ts';
import { requireRun } from './find-run.ts';
import { projectTrust } from './load-trust.ts';
import { configOption, openOrch } from './open-orch.ts';
import { say } from './output.ts';

export const orchAudit = defineCommand(
  {
    operands: ['<run>'],
    options: {
      out: { type: 'string', value: '<file>', summary: 'Write the bundle to this file instead of printing it' },
      evidence: { type: 'string', value: '<file>', summary: 'Write what the anchors showed, for "agora verify"' },
      config: configOption,
    },
    details: [
      'Waits up to 10 s for a run that is not sealed yet. The bundle is printed or written even when it does not verify.',
      "Asks the anchors of the config's orch what they hold now: locks, and every version.",
      'Exits 0 only if it verifies and every artifact is in storage, 1 if not, 3 if that cannot be decided.',
    ],
    examples: ['agora orch audit fanout-1', 'agora orch audit fanout-1 --out bundle.json'],
  },
  async ({ operands, options }, context) => {
    const [word = ''] = operands;
    const { orch, folder } = await openOrch(options.config, context);
    const runId = await requireRun(orch.transport, word);
    const { report, text, evidence } = await auditRun(orch, runId, { trust: await projectTrust(orch.trust, folder) });
    if (options.out === undefined) await context.stdout.write(text);
    else await writeFile(resolve(context.cwd, options.out), text);
    if (options.evidence !== undefined && evidence !== undefined) {
      await writeFile(resolve(context.cwd, options.evidence), `${JSON.stringify(evidence, undefined, 2)}\n`);
    }
    const exitCode = lacksArtifacts(report) ? exitCodes.no : exitCodeOf(report);
    const isForPerson = options.out !== undefined || context.stdout.isTerminal || exitCode !== exitCodes.ok;
    if (isForPerson) await context.stderr.write(reportText(report));
    for (const { id, state } of isForPerson ? report.anchors : []) {
      if (state !== 'not-read') continue;
      await say(
        context.stderr,
        `agora: anchor "${id}" was not asked: it is not among the "anchors" of the config's orch`,
      );
    }
    return exitCode;
  },
);

/** Lost bytes make a bundle no less true, but here, beside the storage, their loss is an answer. */
function lacksArtifacts(report: Report): boolean {
  return report.intact && report.artifacts !== 'verified';
}
