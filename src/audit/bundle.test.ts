import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assembleBundle, printBundle } from './bundle.ts';
import { aRun, aSigner, aWideRun, bundleOf, seal, trustIn } from './sample-run.suite.ts';
import { sealDigestOf } from './verify/checks.ts';
import { verifyBundle } from './verify/verify.ts';

test('a printed bundle says of itself what a verifier finds', async () => {
  const { bundle, trust } = await bundleOf(aWideRun(50), aSigner());

  const report = await verifyBundle(printBundle(bundle), { trust });

  assert.equal(report.intact, true);
  assert.deepEqual(report, bundle.report);
});

test('records that were damaged before they were exported are shown, and the bundle says it is not intact', async () => {
  const signer = aSigner();
  const run = aRun();
  const trust = await trustIn(signer);
  const sealed = await seal(run, signer);
  const damages = [run.recordTexts.with(2, '{"v":1'), run.recordTexts.slice(0, -1), run.recordTexts.toSpliced(1, 1)];

  for (const recordTexts of damages) {
    const bundle = assembleBundle({ ...run, recordTexts, seal: sealed, anchors: [], trust });
    assert.equal(bundle.report.intact, false);
    assert.deepEqual(bundle.items, []);
    assert.equal((await verifyBundle(printBundle(bundle), { trust })).intact, false);
  }
});

test('the same records, key and time give the same seal', async () => {
  const signer = aSigner();

  const [first, second] = [await seal(aRun(), signer), await seal(aRun(), signer)];

  assert.deepEqual(first, second);
  assert.equal(first.digest, sealDigestOf(first.envelope.dsseEnvelope));
});

test('a seal names the plan and every artifact of the run', async () => {
  const { envelope } = await seal(aRun(), aSigner());

  const statement = JSON.parse(Buffer.from(envelope.dsseEnvelope.payload, 'base64').toString());

  assert.equal(statement._type, 'https://in-toto.io/Statement/v1');
  assert.deepEqual(
    statement.subject.map(({ name }: { name: string }) => name),
    ['plan', 'item/beta/1/patch', 'item/alpha/1/patch', 'item/verify/1/patch'],
  );
});

test('a run that is not closed has no seal', async () => {
  const run = aRun();

  await assert.rejects(seal({ ...run, recordTexts: run.recordTexts.slice(0, -1) }, aSigner()), /run\.closed/);
  await assert.rejects(seal({ ...run, recordTexts: [] }, aSigner()), /run\.submitted/);
});
