import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createEmbedded } from '../config/embedded.ts';
import { runIdSchema } from '../contracts/ids.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import { submitPlan } from './submit-plan.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-submit-'));
after(() => rm(root, { recursive: true, force: true }));

const runId = runIdSchema.parse('run-1');

async function aProject() {
  const folder = await mkdtemp(join(root, 'project-'));
  const { orch } = createEmbedded({
    stateFolder: join(folder, '.agora'),
    subagents: { noop: { command: ['true'] } },
  });
  const submit = (plan: object, options: { id?: string; queue?: string } = {}) =>
    submitPlan(orch, {
      input: { label: 'plan.json', content: Buffer.from(JSON.stringify(plan)), folder },
      actor: 'human:test',
      ...options,
    });
  return { folder, orch, submit };
}

function aPlan(more: object = {}) {
  return { id: 'run-1', items: [{ id: 'a', inputs: { subagent: 'noop' } }], ...more };
}

test('a plan waits in the inbox under its own digest, with its actor', async () => {
  const { orch, submit } = await aProject();

  const { before } = await submit(aPlan());

  const [hex = ''] = await orch.transport.waitingSubmissions(runId);
  const text = await orch.transport.mailbox.get(mailboxKeys.submission(runId, hex));
  const { plan, actor, source } = JSON.parse(text ?? '');
  assert.deepEqual([before, plan.id, actor, source], [undefined, 'run-1', 'human:test', undefined]);
});

test('the same plan again is the same run', async () => {
  const { orch, submit } = await aProject();
  await submit(aPlan());

  const { before } = await submit(aPlan());

  assert.equal(before?.text, 'run "run-1" was submitted before and waits for the daemon');
  assert.equal((await orch.transport.waitingSubmissions(runId)).length, 1);
});

test('another plan under the same id is refused, and --id is the way out', async () => {
  const { submit } = await aProject();
  await submit(aPlan());

  const other = aPlan({ labels: { a: 'b' } });
  await assert.rejects(submit(other), { code: 'run-exists', next: /--id/ });

  assert.equal((await submit(other, { id: 'run-2' })).runId, 'run-2');
});

test('a bad plan is refused with every problem, and nothing is left behind', async () => {
  const { folder, submit } = await aProject();
  const items = [
    { id: 'a', inputs: { subagent: 'nope' } },
    { id: 'b', inputs: { subagent: 'noop' }, depends_on: ['c'] },
  ];

  await assert.rejects(submit(aPlan({ items }), { queue: 'fast' }), {
    code: 'invalid-plan',
    message: [
      'Cannot submit "plan.json": 3 problems',
      '  queue: unknown queue "fast"; declared: default',
      '  items[0].inputs.subagent: unknown subagent "nope"; declared: noop',
      '  items[1].depends_on[0]: no item "c" in this plan (did you mean "a"?)',
    ].join('\n'),
  });

  assert.equal(existsSync(join(folder, '.agora')), false);
});

test('the source is snapshotted into storage, relative to the plan', async () => {
  const { folder, orch, submit } = await aProject();
  await writeFile(join(folder, 'file.txt'), 'content');

  await submit(aPlan({ source: '.' }));

  const [hex = ''] = await orch.transport.waitingSubmissions(runId);
  const { source } = JSON.parse((await orch.transport.mailbox.get(mailboxKeys.submission(runId, hex))) ?? '');
  assert.deepEqual([source.directory, source.fileCount, source.sizeBytes], [folder, 1, 'content'.length]);
  assert.ok(await orch.storage.statBlob(source.snapshot));
});
