import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { type DispatchId, deploymentIdSchema, itemIdSchema, type RunId, runIdSchema } from '../../src/contracts/ids.ts';
import type { FailureCode } from '../../src/contracts/run.ts';
import type { ItemView, StatusRecord } from '../../src/contracts/status.ts';
import { dispatchIdOf } from '../../src/dispatch/dispatch-id.ts';
import { LocalDirMailbox } from '../../src/mailbox/local-dir.ts';
import { MailboxSubmissionTransport } from '../../src/orchestrator/submission-transport.ts';
import { emptyProject, type Project, type ProjectCompute } from './project.ts';

/** For a condition that other work on the machine may delay. */
export const patience = { timeoutMs: 90_000, intervalMs: 20 };

export interface ShellProjectOptions {
  readonly concurrency?: number;
  /** Files of the source directory, by path; without any, runs start from an empty worktree. */
  readonly source?: Readonly<Record<string, string>>;
  readonly enforceLocks?: boolean;
}

/** A project whose items are shell scripts: `item('a', 'echo hello > hello.txt')`. */
export async function shellProject(
  t: Pick<TestContext, 'after'>,
  compute: ProjectCompute,
  options: ShellProjectOptions = {},
): Promise<Project> {
  const project = await emptyProject(t, compute);
  const { concurrency = 4, source, enforceLocks = false } = options;
  for (const [path, text] of Object.entries(source ?? {})) await writeSource(project, path, text);
  const config = {
    queues: { default: { concurrency } },
    subagents: {
      shell: { command: ['sh', '-c', '{{script}}'] },
      node: { command: ['node', '-e', '{{script}}'] },
    },
    ...(source === undefined ? {} : { source: 'source' }),
    enforceLocks,
  };
  const text = `import { defineConfig } from 'agora-offload';\nexport default defineConfig(${JSON.stringify(config)});\n`;
  await writeFile(join(project.folder, 'agora.config.mjs'), text);
  return project;
}

/** An item of a shell project. */
export function item(id: string, script: string, more: object = {}) {
  return { id, inputs: { subagent: 'shell', workerInput: { script } }, ...more };
}

/** Submits through the CLI, with the run's id as the plan file's name. */
export async function submit(project: Project, runId: string, items: readonly object[]): Promise<RunId> {
  const file = await project.writePlan({ id: runId, items }, `${runId}.json`);
  const { code, stderr } = await project.agora(['orch', 'submit', file]);
  assert.equal(code, 0, stderr);
  return runIdSchema.parse(runId);
}

export function transportOf(project: Project): MailboxSubmissionTransport {
  return new MailboxSubmissionTransport(new LocalDirMailbox(join(project.folder, '.agora', 'mailbox')));
}

/** Every status record published so far, oldest first. */
export async function statusesOf(project: Project, runId: RunId): Promise<StatusRecord[]> {
  const transport = transportOf(project);
  return Promise.all((await transport.statusKeys(runId)).map((key) => transport.statusAt(key)));
}

/** Waits until an item is so; gives its view. */
export function seen(
  project: Project,
  runId: RunId,
  itemId: string,
  isSo: (view: ItemView) => boolean,
): Promise<ItemView> {
  return waitUntil(
    `"${itemId}" of ${runId}`,
    async () => {
      const view = (await statusesOf(project, runId)).at(-1)?.items.find(({ id }) => id === itemId);
      return view !== undefined && isSo(view) ? view : undefined;
    },
    patience,
  );
}

export interface EndedRun {
  /** Exit code of `agora orch watch`. */
  readonly code: number | null;
  readonly records: readonly StatusRecord[];
  /** Status of each item at the end. */
  readonly statuses: Readonly<Record<string, string>>;
}

/** Watches a run to its end, as a person does. */
export async function watched(project: Project, runId: RunId): Promise<EndedRun> {
  const { code, stdout } = await project.agora(['orch', 'watch', runId]);
  const records = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as StatusRecord);
  const items = records.at(-1)?.items ?? [];
  return { code, records, statuses: Object.fromEntries(items.map(({ id, status }) => [id, status])) };
}

interface Entry {
  readonly kind: string;
  readonly item?: string;
  readonly attempt?: number;
  readonly body: {
    readonly outcome?: string;
    readonly code?: FailureCode;
    readonly message?: string;
    readonly exitCode?: number | null;
    readonly artifacts?: readonly { readonly port: string; readonly path?: string; readonly ref: string }[];
  };
}

export interface AuditedBundle {
  readonly report: { readonly intact: boolean };
  readonly items: readonly { readonly id: string; readonly status: string; readonly attempt: number }[];
  readonly manifests: readonly { readonly itemId: string; readonly attempt: number }[];
  readonly auditLog: { readonly entries: readonly Entry[] };
}

/** The run's bundle, after asserting that `agora orch audit` calls it intact. */
export async function intactBundle(project: Project, runId: RunId): Promise<AuditedBundle> {
  const { code, stdout, stderr } = await project.agora(['orch', 'audit', runId, '--out', 'bundle.json']);
  assert.equal(code, 0, `${stdout}${stderr}`);
  const bundle: AuditedBundle = JSON.parse(await readFile(join(project.folder, 'bundle.json'), 'utf8'));
  assert.equal(bundle.report.intact, true);
  return bundle;
}

/** How each attempt of an item ended, in order. */
export function results(bundle: AuditedBundle, itemId: string) {
  return bundle.auditLog.entries.filter((entry) => entry.kind === 'item.result' && entry.item === itemId);
}

/** Outcome, code and exit code of each attempt of an item. */
export function outcomes(bundle: AuditedBundle, itemId: string) {
  return results(bundle, itemId).map(({ body }) => [body.outcome, body.code, body.exitCode]);
}

/** The text of an output file, or of the patch, that an attempt of an item left. */
export async function artifactText(
  project: Project,
  bundle: AuditedBundle,
  of: { readonly item: string; readonly attempt?: number; readonly path?: string },
): Promise<string> {
  const found = results(bundle, of.item)
    .filter((entry) => of.attempt === undefined || entry.attempt === of.attempt)
    .flatMap(({ body }) => body.artifacts ?? [])
    .findLast(({ port, path }) => (of.path === undefined ? port === 'patch' : path === of.path));
  assert.ok(found, `no such artifact of "${of.item}": ${JSON.stringify(results(bundle, of.item))}`);
  const { code, stdout, stderr } = await project.agora(['artifact', 'get', found.ref]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** What an attempt's container or sandbox is named; the project must have been served once. */
export async function dispatchOf(project: Project, runId: RunId, itemId: string, attempt = 1): Promise<DispatchId> {
  const text = await readFile(join(project.folder, '.agora', 'deployment.json'), 'utf8');
  const deploymentId = deploymentIdSchema.parse(JSON.parse(text).deploymentId);
  return dispatchIdOf({ deploymentId, runId, itemId: itemIdSchema.parse(itemId), attempt });
}

async function writeSource(project: Project, path: string, text: string): Promise<void> {
  const file = join(project.folder, 'source', path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}
