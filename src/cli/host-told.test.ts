import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeSchema, type HostPlan } from '../contracts/host-change.ts';
import { digestSchema } from '../contracts/ids.ts';
import { tellDeclared } from './host-told.ts';

const specDigest = digestSchema.parse(`sha256:${'0'.repeat(64)}`);
const change = changeSchema.parse({ revision: 3, specDigest, actor: 'user:ana', message: '', times: {} });

function aPlan(steps: number): HostPlan {
  const step = { kind: 'create-workspace' as const, reason: 'it is not there', after: [] };
  return {
    index: 'x',
    specDigest,
    steps: Array.from({ length: steps }, (_, index) => ({ ...step, name: `w${index}` })),
    problems: [],
  };
}

async function told(plan: HostPlan, { isNew = true, isJson = false } = {}) {
  const written = { stdout: '', stderr: '' };
  const to = (name: keyof typeof written) => ({
    write: async (content: string | Uint8Array) => {
      written[name] += content;
    },
    ...{ isTerminal: false, columns: 80, rows: 24 },
  });
  await tellDeclared({ change, plan, isNew }, isJson, { stdout: to('stdout'), stderr: to('stderr') });
  return written;
}

test('the number of the revision is what is printed; of many steps the first are told', async () => {
  const { stdout, stderr } = await told(aPlan(30));

  assert.equal(stdout, '3\n');
  assert.equal(stderr.match(/create-workspace/g)?.length, 20);
  assert.match(stderr, /\n {2}… and 10 more: agora host plan shows them\n$/);
  assert.doesNotMatch((await told(aPlan(20))).stderr, /more/);
});

test('what is declared already is told as unchanged, and in JSON too', async () => {
  assert.match((await told(aPlan(0), { isNew: false })).stderr, /unchanged: revision 3/);
  const { stdout } = await told(aPlan(30), { isNew: false, isJson: true });
  assert.deepEqual([JSON.parse(stdout).isNew, JSON.parse(stdout).plan.steps.length], [false, 30]);
});
