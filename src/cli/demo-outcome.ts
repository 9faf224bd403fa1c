import type { Report } from '../audit/verify/report.ts';
import type { OrchContext } from '../config/orch-context.ts';
import { auditRun } from './audit-run.ts';
import type { CommandContext } from './command.ts';
import { exampleFolder, nextCommands } from './demo-example.ts';
import type { DemoRun } from './demo-run.ts';
import { projectTrust } from './load-trust.ts';
import { type Output, say } from './output.ts';
import { type ItemPatch, readPatch, readRunPatches } from './run-patches.ts';
import { itemLine } from './status-tree.ts';

const editItems = ['edit-alpha', 'edit-beta', 'edit-shared'] as const;

/** Prints what came of the run, and returns each thing that is not as the demo claims. */
export async function printDemoOutcome(orch: OrchContext, run: DemoRun, context: CommandContext): Promise<string[]> {
  const problems = [
    ...(await printItems(run, context.stdout)),
    ...(await printPatches(orch, run, context.stdout)),
    ...(await printAudit(orch, run, context.stdout)),
  ];
  if (problems.length === 0) await printNext(run, context);
  return problems;
}

async function printItems({ state, clock }: DemoRun, output: Output): Promise<string[]> {
  const items = [...state.items.values()];
  const width = Math.max(...items.map((item) => item.id.length));
  await say(output, '\nOutcome');
  for (const item of items) await say(output, itemLine(item, clock.elapsedMs(item, Date.now()), width));
  return items
    .filter((item) => item.status !== 'done')
    .map((item) => `item "${item.id}" is ${item.status}: ${item.reason ?? 'no reason is known'}`);
}

async function printPatches(orch: OrchContext, { runId }: DemoRun, output: Output): Promise<string[]> {
  const { patches } = await readRunPatches(orch.transport, runId);
  await say(output, '\nPatches');
  const problems: string[] = [];
  for (const id of editItems) {
    const patch = patches.find(({ item }) => item === id);
    const text = patch === undefined ? '' : await patchText(orch, patch);
    if (!/^\+.*NEW_NAME/m.test(text)) problems.push(`item "${id}" left no patch with its edit`);
    await say(output, text === '' ? `  ${id}: none` : `  ${id}`);
    await output.write(text.replace(/^(?=.)/gm, '    '));
  }
  return problems;
}

async function patchText(orch: OrchContext, patch: ItemPatch): Promise<string> {
  return new TextDecoder().decode(await readPatch(orch.storage, patch));
}

async function printAudit(orch: OrchContext, { runId }: DemoRun, output: Output): Promise<string[]> {
  const trust = await projectTrust(orch.trust, exampleFolder);
  const { report } = await auditRun(orch, runId, { trust });
  await say(output, '\nAudit');
  await say(
    output,
    `  ${report.intact ? 'intact' : 'NOT INTACT'}  claim: ${report.claim}  guarantee: ${report.guarantee}`,
  );
  await say(output, `  artifacts: ${report.artifacts}  signer: ${report.signerKeyId ?? 'unknown'}`);
  await say(output, `  ${report.notProved}`);
  return auditProblems(report);
}

function auditProblems(report: Report): string[] {
  const problems = report.failures.map(({ check, path, message }) => `audit: ${check}: ${path} ${message}`);
  if (!report.intact && problems.length === 0) problems.push('audit: the bundle is not intact');
  if (report.guarantee !== 'detect') problems.push(`audit: the guarantee is "${report.guarantee}", not "detect"`);
  if (report.artifacts !== 'verified') problems.push(`audit: the artifacts are "${report.artifacts}", not "verified"`);
  return problems;
}

async function printNext({ runId }: DemoRun, context: CommandContext): Promise<void> {
  const commands = nextCommands({
    runId,
    item: editItems[0],
    folder: exampleFolder,
    path: context.env['PATH'] ?? '',
  });
  await say(context.stdout, '\nNext, in this shell (the last command takes the edits back)');
  for (const command of commands) await say(context.stdout, `  ${command}`);
}
