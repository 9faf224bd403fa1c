import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { OrchContext } from '../config/orch-context.ts';
import { AppError, type ExitCode, exitCodes } from '../contracts/errors.ts';
import type { RunId } from '../contracts/ids.ts';
import type { Source } from '../contracts/mailbox.ts';
import { type ApplyOutcome, applyPatches } from '../worktree/apply.ts';
import { choosePatches } from './choose-patches.ts';
import { defineCommand } from './command.ts';
import { requireRun } from './find-run.ts';
import { sayHumanTouched } from './human-touch.ts';
import { configOption, openOrch } from './open-orch.ts';
import { type Output, say } from './output.ts';
import { type ItemPatch, type RunPatches, readPatch, readRunPatches } from './run-patches.ts';

export const orchApply = defineCommand(
  {
    operands: ['<run>', '[item...]'],
    options: {
      to: {
        type: 'string',
        value: '<folder>',
        summary: 'Apply to this folder (default: the one the run started from)',
      },
      config: configOption,
    },
    details: [
      'Applies the patches of the named items, or of all that are done. Everything is tried aside first: on a conflict, or',
      'when a file has changes that are not committed, nothing is changed. Applying twice does nothing and says so.',
    ],
    examples: ['agora orch apply fanout-1', 'agora orch apply fanout-1 edit-alpha --to ../copy'],
  },
  async ({ operands, options }, context) => {
    const [runWord = '', ...itemWords] = operands;
    const { orch } = await openOrch(options.config, context);
    const runId = await requireRun(orch.transport, runWord);
    const found = await readRunPatches(orch.transport, runId);
    const patches = choosePatches(runId, found, itemWords);
    const source = await sourceOf(orch, runId);
    const directory = options.to === undefined ? source.directory : resolve(context.cwd, options.to);
    await requireFolder(runId, directory);
    if (itemWords.length === 0) await sayWhatIsMissing(runId, found, context.stderr);
    await sayHumanTouched(found, patches, context.stderr);
    const outcome = await apply(orch, { source, directory, patches });
    return report(outcome, { runId, directory, output: context.stdout });
  },
);

async function requireFolder(runId: RunId, directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  throw new AppError('usage', `Cannot apply run "${runId}" to "${directory}": there is no such folder`, {
    next: `agora orch apply ${runId} --to <folder>`,
  });
}

async function sayWhatIsMissing(runId: RunId, { state }: RunPatches, stderr: Output): Promise<void> {
  const others = [...(state?.items.values() ?? [])].filter((item) => item.status !== 'done');
  if (others.length === 0) return;
  const shown = others.slice(0, 10).map((item) => `${item.id} (${item.status})`);
  const more = others.length > shown.length ? ` and ${others.length - shown.length} more` : '';
  const status = state?.record.status;
  await say(stderr, `agora: run "${runId}" is ${status}; this leaves out ${shown.join(', ')}${more}`);
}

async function sourceOf(orch: OrchContext, runId: RunId): Promise<Source> {
  const source = (await orch.transport.accepted(runId))?.source;
  if (source !== undefined) return source;
  throw new AppError('not-found', `Cannot apply run "${runId}": it started from no directory`, {
    next: `agora orch patch ${runId} | git apply`,
  });
}

interface ApplyPlan {
  readonly source: Source;
  readonly directory: string;
  readonly patches: readonly ItemPatch[];
}

async function apply(orch: OrchContext, { source, directory, patches }: ApplyPlan): Promise<ApplyOutcome> {
  const workFolder = await mkdtemp(join(tmpdir(), 'agora-apply-'));
  try {
    return await applyPatches({
      directory,
      snapshot: orch.storage.getBlob(source.snapshot),
      patches: await Promise.all(
        patches.map(async (patch) => ({ itemId: patch.item, bytes: await readPatch(orch.storage, patch) })),
      ),
      workFolder,
    });
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

interface ReportOptions {
  readonly runId: RunId;
  readonly directory: string;
  readonly output: Output;
}

async function report(outcome: ApplyOutcome, { runId, directory, output }: ReportOptions): Promise<ExitCode> {
  const action = `Cannot apply run "${runId}" to "${directory}"`;
  switch (outcome.kind) {
    case 'applied':
      for (const file of outcome.files) await say(output, `applied ${file}`);
      return exitCodes.ok;
    case 'already-applied':
      await say(output, `nothing to do: ${directory} has these changes already`);
      return exitCodes.ok;
    case 'conflict': {
      const hunk = outcome.hunk === undefined ? '' : ` at ${outcome.hunk}`;
      const place = `the patch of item "${outcome.itemId}" does not fit "${outcome.path}"${hunk}`;
      throw new AppError('patch-conflict', `${action}: ${place}; nothing was changed`, {
        next: `agora orch patch ${runId} ${outcome.itemId}`,
      });
    }
    case 'dirty':
      throw new AppError('refused', `${action}: not committed yet: ${outcome.paths.join(', ')}; nothing was changed`, {
        next: 'commit or put away those changes, then apply again',
      });
  }
}
