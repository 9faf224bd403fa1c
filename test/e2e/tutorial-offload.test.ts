import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertFanout, fanoutIds, fanoutPlan, watchLines } from '../support/fanout.ts';
import { exampleProject, type Project } from '../support/project.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { typed } from '../support/typed-session.ts';

/** As printed. */
const tutorial = [
  'agora orch serve &',
  'agora orch submit plan.json',
  'agora orch watch fanout-1',
  'agora orch audit fanout-1',
  'agora orch audit fanout-1 --out bundle.json',
  'kill %1',
];

/** Occurs in a file that is edited, so in its patch. */
const secret = 'only-refs-leave-storage-8c1f';

for (const { name, compute, skip } of await providerPlaces()) {
  describe(`on ${name}`, { skip }, () => {
    test('the commands of the tutorial work as printed, and again', async (t) => {
      const project = await exampleProject(t, compute);
      await appendFile(join(project.folder, 'fixture', 'shared.ts'), `// ${secret}\n`);
      assert.deepEqual(JSON.parse(await project.read('plan.json')), fanoutPlan);

      const [, submit, watch, audit, auditOut, kill] = await typed(project, tutorial);

      assert.equal(submit?.stdout, 'fanout-1\n');
      assertFanout(watchLines(watch?.stdout ?? ''));
      assert.equal(auditOut?.stdout, '');
      assert.deepEqual([submit, watch, audit, auditOut, kill].map(codeOf), [0, 0, 0, 0, 0]);
      const text = await project.read('bundle.json');
      assert.equal(audit?.stdout, text);
      assertBundle(JSON.parse(text));
      await assertOnlyRefsLeftStorage(project);

      const again = await typed(project, [...tutorial, 'agora orch submit plan.json --id fanout-2']);
      assert.equal(again[1]?.stdout, 'fanout-1\n');
      const { at } = watchLines(watch?.stdout ?? '').at(-1) ?? {};
      assert.match(again[1]?.stderr ?? '', new RegExp(`finished at ${at} as done`));
      assert.equal(again[2]?.stdout, watch?.stdout);
      assert.equal(again[3]?.stdout, audit?.stdout);
      assert.deepEqual(again.map(codeOf), [0, 0, 0, 0, 0, 0, 0]);
      assert.equal(again[6]?.stdout, 'fanout-2\n');
      assert.match(again[6]?.stderr ?? '', /agora orch serve/);
    });
  });
}

function codeOf(command: { readonly code: number } | undefined): number | undefined {
  return command?.code;
}

interface BundleOnDisk {
  readonly runId: string;
  readonly report: object;
  readonly items: readonly object[];
  readonly manifests: readonly { readonly itemId: string; readonly attempt: number; readonly locks: string[] }[];
}

function assertBundle({ runId, report, items, manifests }: BundleOnDisk): void {
  assert.equal(runId, 'fanout-1');
  assert.partialDeepStrictEqual(report, {
    intact: true,
    claim: 'tamper-detecting',
    guarantee: 'detect',
    completeness: 'no-log',
    artifacts: 'verified',
    failures: [],
  });
  assert.deepEqual(
    items.map((item) => ({ ...item, resultRef: undefined })),
    fanoutIds.map((id) => ({ id, status: 'done', attempt: 1, resultRef: undefined })),
  );
  const locks = new Map(manifests.map((manifest) => [manifest.itemId, manifest.locks]));
  assert.deepEqual(
    fanoutPlan.items.map((item) => locks.get(item.id)),
    fanoutPlan.items.map((item) => item.resourceLocks),
  );
}

/** The patch is in storage, and in no byte of run state, status, inbox or audit. */
async function assertOnlyRefsLeftStorage(project: Project): Promise<void> {
  const patch = await project.agora(['orch', 'patch', 'fanout-1', 'edit-shared']);
  assert.match(patch.stdout, new RegExp(secret));
  assert.match(patch.stdout, /^\+.*NEW_NAME/m);

  const state = join(project.folder, '.agora');
  const entries = await readdir(state, { recursive: true });
  const outside = entries.filter((path) => !path.startsWith('storage'));
  assert.ok(outside.includes('state.db'));
  for (const path of outside) {
    const file = join(state, path);
    if (!(await stat(file)).isFile()) continue;
    assert.equal((await readFile(file)).includes(secret), false, path);
  }
}
