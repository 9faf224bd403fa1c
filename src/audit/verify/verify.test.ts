import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleBundle, printBundle } from '../bundle.ts';
import {
  aRun,
  aSigner,
  at,
  bundleOf,
  localEvidence,
  RunWriter,
  refOf,
  type SampleRun,
  seal,
  trustIn,
} from '../sample-run.suite.ts';
import { digestOfRef } from './forms.ts';
import { exitCodeOf, type Report } from './report.ts';
import type { Trust } from './trust.ts';
import { verifyBundle } from './verify.ts';

const signer = aSigner();
const trust = await trustIn(signer);
const otherOrigin = `agora/${'6b'.repeat(16)}`;

// biome-ignore lint/suspicious/noExplicitAny: tests reach into a bundle the way someone with an editor would
type Edit = (bundle: any) => void;

/** The text of an intact bundle after a change someone without the key could make. */
async function edited(edit: Edit, run: SampleRun = aRun()): Promise<string> {
  const { bundle } = await bundleOf(run, signer);
  const copy = JSON.parse(printBundle(bundle));
  edit(copy);
  return JSON.stringify(copy);
}

async function judge(edit: Edit, run?: SampleRun): Promise<Report> {
  return verifyBundle(await edited(edit, run), { trust });
}

/** The records of one run with the seal and anchor of another; the root in the bundle is made to fit its records. */
async function bundleWithSealOf(sealed: SampleRun, shown: SampleRun, by = signer): Promise<string> {
  const { root, size } = await seal(shown, by);
  const foreign = await seal(sealed, by);
  const anchors = [localEvidence(sealed.origin, foreign)];
  return printBundle(assembleBundle({ ...shown, seal: { ...foreign, root, size }, anchors, trust }));
}

test('a clean run is intact: tamper-detecting, with the guarantee of its local anchor', async () => {
  const { bundle } = await bundleOf(aRun(), signer);

  const report = await verifyBundle(printBundle(bundle), { trust });

  assert.equal(report.intact, true);
  assert.equal(report.claim, 'tamper-detecting');
  assert.equal(report.guarantee, 'detect');
  assert.equal(report.completeness, 'no-log');
  assert.equal(report.artifacts, 'refs-only');
  assert.equal(report.signerKeyId, await signer.keyId());
  assert.ok(Object.values(report.checks).every((check) => check === true));
  assert.equal(exitCodeOf(report), 0);
  assert.deepEqual(bundle.report, report);
});

test('a retried run and a run whose items all failed are intact, with every attempt and reason', async () => {
  const retried = new RunWriter([{ id: 'edit' }])
    .fire('edit')
    .failed('edit')
    .append({ kind: 'item.retried', item: 'edit', attempt: 1, body: { dueAt: at, because: 'exit-nonzero' } })
    .fire('edit', 2)
    .done('edit', 2)
    .close('done', { done: 1 });
  const failed = new RunWriter([{ id: 'a' }, { id: 'b' }])
    .fire('a')
    .fire('b')
    .failed('b')
    .failed('a')
    .close('failed', { failed: 2 });

  const [first, second] = [await bundleOf(retried, signer), await bundleOf(failed, signer)];

  assert.deepEqual(first.bundle.report.failures, []);
  assert.equal(first.bundle.manifests.length, 2);
  assert.equal(first.bundle.items[0]?.attempt, 2);
  assert.deepEqual(second.bundle.report.failures, []);
  assert.deepEqual(
    second.bundle.items.map(({ reason }) => reason),
    ['exit-nonzero: exited with 1', 'exit-nonzero: exited with 1'],
  );
});

test('a seal is bound to its run, size, time and context: another one does not fit, whoever signed it', async () => {
  const other = aRun({ runId: 'sample-2' });

  assert.equal((await verifyBundle(await bundleWithSealOf(other, aRun()), { trust })).checks.seal, false);
  for (const member of ['runId', 'origin', 'sealedAt', 'actor', 'gaps']) {
    const report = await judge((bundle) => {
      const envelope = bundle.seal.dsseEnvelope;
      const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
      statement.predicate[member] = member === 'sealedAt' ? '2026-11-21T11:00:00.000Z' : 7;
      envelope.payload = Buffer.from(JSON.stringify(statement)).toString('base64');
    });
    assert.equal(report.checks.seal, false, member);
  }
});

test("one run's records do not verify under another run's id", async () => {
  const renamed = await judge((bundle) => {
    bundle.runId = 'sample-2';
  });
  const { bundle } = await bundleOf(aRun(), signer);
  const asked = await verifyBundle(printBundle(bundle), { trust, expectRunId: 'sample-2' });

  assert.equal(renamed.failure, 'records');
  assert.equal(renamed.failures[0]?.path, 'auditLog.entries[0].run');
  assert.equal(asked.failures[0]?.message, 'is "sample-1", not "sample-2"');
});

test("a record of another run or deployment does not verify among a run's own", async () => {
  for (const foreign of [aRun({ runId: 'sample-2' }), aRun({ origin: otherOrigin })]) {
    const report = await judge((bundle) => {
      bundle.auditLog.entries[3] = JSON.parse(foreign.recordTexts[3] as string);
    });
    assert.equal(report.checks.records, false);
  }
});

test('a run of a deployment the trust file does not list is refused, though its key is trusted', async () => {
  const { bundle } = await bundleOf(aRun({ origin: otherOrigin }), signer);

  const report = await verifyBundle(printBundle(bundle), { trust });

  assert.deepEqual(
    report.failures.map(({ check }) => check),
    ['seal'],
  );
  assert.match(report.failures[0]?.message ?? '', /does not list/);
});

test('a log without records, or without its end, is refused', async () => {
  const empty = await judge((bundle) => {
    bundle.auditLog = { entries: [], root: { size: 0, hash: '0'.repeat(64) } };
  });
  const cut = await judge((bundle) => {
    bundle.auditLog.entries.pop();
    bundle.auditLog.root.size -= 1;
  });

  assert.deepEqual(
    empty.failures.map(({ check, message }) => [check, message]),
    [['records', 'is empty']],
  );
  assert.equal(cut.checks.root, false);
  assert.equal(cut.checks.items, false);
  assert.equal(exitCodeOf(cut), 1);
});

test('a recorded gap is counted, and cannot be taken out and the records chained anew', async () => {
  const steps = (hasGap: boolean) => {
    const run = new RunWriter([{ id: 'edit' }]).fire('edit');
    if (hasGap) run.append({ kind: 'audit.gap', item: 'edit', attempt: 1, body: { reason: 'worker-lost' } });
    return run.done('edit').close('done', { done: 1 });
  };

  const { bundle } = await bundleOf(steps(true), signer);
  const forged = await verifyBundle(await bundleWithSealOf(steps(true), steps(false)), { trust });

  assert.equal(bundle.report.intact, true);
  assert.equal(bundle.report.gaps, 1);
  assert.equal(forged.checks.seal, false);
});

test('a run without a seal is not intact', async () => {
  const report = await judge((bundle) => {
    delete bundle.seal;
  });

  assert.deepEqual(report.failures, [{ check: 'parse', path: 'seal', message: 'is missing' }]);
});

test('what is said of an item is bound to the records', async () => {
  for (const change of [{ status: 'failed' }, { attempt: 2 }, { resultRef: refOf('beta', 1) }, { reason: 'none' }]) {
    const report = await judge((bundle) => Object.assign(bundle.items[0], change));
    assert.deepEqual([report.intact, report.failure], [false, 'items'], JSON.stringify(change));
  }
});

test('artifact bytes are hashed where they can be fetched: others are refused, missing ones are said', async () => {
  const text = await edited(() => undefined);
  const alpha = digestOfRef(refOf('alpha', 1));
  const fetching = (state: 'mismatch' | 'missing') => async (digest: string) => (digest === alpha ? state : 'ok');

  const verified = await verifyBundle(text, { trust, artifacts: async () => 'ok' });
  const missing = await verifyBundle(text, { trust, artifacts: fetching('missing') });
  const mismatch = await verifyBundle(text, { trust, artifacts: fetching('mismatch') });

  assert.deepEqual([verified.intact, verified.artifacts], [true, 'verified']);
  assert.deepEqual([missing.intact, missing.artifacts], [true, 'missing:1']);
  assert.deepEqual([mismatch.intact, mismatch.artifacts, mismatch.failure], [false, 'mismatch:1', 'artifacts']);
});

test('a seal without its signature is refused, not passed over', async () => {
  const stripped = await judge((bundle) => {
    bundle.seal.dsseEnvelope.signatures = [];
  });

  assert.equal(stripped.checks.seal, false);
  assert.equal(exitCodeOf(stripped), 1);
});

test('records written anew are refused with the old seal and with one by another key', async () => {
  const rewritten = new RunWriter([{ id: 'alpha' }, { id: 'beta' }, { id: 'verify', depends_on: ['alpha', 'beta'] }])
    .fire('alpha')
    .done('alpha')
    .fire('beta')
    .done('beta')
    .fire('verify')
    .done('verify')
    .close('done', { done: 3 });

  const oldSeal = await verifyBundle(await bundleWithSealOf(aRun(), rewritten), { trust });
  const otherKey = await verifyBundle(await bundleWithSealOf(rewritten, rewritten, aSigner()), { trust });

  assert.equal(oldSeal.checks.seal, false);
  assert.deepEqual(
    otherKey.failures.map(({ check }) => check),
    ['seal'],
  );
  assert.match(otherKey.failures[0]?.message ?? '', /does not list/);
});

test('a key that is revoked, or was not valid at the time, seals nothing', async () => {
  const text = await edited(() => undefined);
  const changedTrust = (change: object): Trust => ({
    ...trust,
    keys: trust.keys.map((key) => ({ ...key, ...change })),
  });

  for (const change of [
    { status: 'revoked' },
    { notBefore: '2026-11-21T10:00:00.001Z' },
    { notBefore: '2026-01-01T00:00:00.000Z', notAfter: '2026-11-21T09:59:59.999Z' },
  ]) {
    const report = await verifyBundle(text, { trust: changedTrust(change) });
    assert.deepEqual([report.intact, report.failure], [false, 'seal'], JSON.stringify(change));
  }
});

test('without a trust file there is no verdict, and a broken bundle is still not intact', async () => {
  const undecided = await verifyBundle(await edited(() => undefined), { trust: undefined });
  const broken = await verifyBundle(await edited((bundle) => bundle.items.pop()), { trust: undefined });

  assert.deepEqual([undecided.intact, undecided.failure, undecided.checks.seal], [false, 'no-trust', 'n/a']);
  assert.equal(undecided.signerKeyId, await signer.keyId());
  assert.equal(exitCodeOf(undecided), 3);
  assert.equal(exitCodeOf(broken), 1);
});

test('manifests and starts of attempts belong together, both ways', async () => {
  const edits: Edit[] = [
    (bundle) => bundle.manifests.pop(),
    (bundle) => bundle.manifests.push(bundle.manifests[0]),
    (bundle) => bundle.manifests.reverse(),
    (bundle) => Object.assign(bundle.manifests[1], { actor: 'someone' }),
  ];

  for (const edit of edits) assert.equal((await judge(edit)).failure, 'manifests');
});

test('the plan is the submitted one, in its one canonical form', async () => {
  const spaced = await judge((bundle) => {
    bundle.plan = ` ${bundle.plan}`;
  });
  const other = await judge((bundle) => {
    bundle.plan = bundle.plan.replace('"queue":"default"', '"queue":"express"');
  });

  assert.equal(spaced.failure, 'plan');
  assert.equal(other.failure, 'plan');
});

test('an anchor that holds another root or seal, or is missing, is refused', async () => {
  const edits: Edit[] = [
    (bundle) => bundle.anchors.pop(),
    (bundle) => Object.assign(bundle.anchors[0].evidence, { root: '0'.repeat(64) }),
    (bundle) => Object.assign(bundle.anchors[0].evidence, { sealDigest: `sha256:${'0'.repeat(64)}` }),
    (bundle) => Object.assign(bundle.anchors[0], { id: 'other' }),
  ];

  for (const edit of edits) {
    const report = await judge(edit);
    assert.deepEqual([report.failure, report.guarantee], ['anchors', 'none']);
  }
});

test('text two parsers could read differently is refused before anything is believed', async () => {
  const text = await edited(() => undefined);
  const tricks = [
    text.replace('"runId":"sample-1"', '"runId":"sample-2","runId":"sample-1"'),
    text.replace('"size":8', '"size":8.0'),
    text.replace('"sizeBytes":120', '"sizeBytes":9007199254740993'),
    text.replace('"sample-1"', '"s\\u0061mple-1"'),
    `\ufeff${text}`,
    `${text}{}`,
    text.replace('{', '{"__proto__":{},'),
  ];

  for (const trick of tricks) {
    assert.notEqual(trick, text);
    assert.equal((await verifyBundle(trick, { trust })).failure, 'parse', trick.slice(0, 60));
  }
});
