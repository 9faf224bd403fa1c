import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printBundle } from '../bundle.ts';
import { anAnsweredRun, aPart, aSigner, bundleOf, RunWriter, refOf, trustIn } from '../sample-run.suite.ts';
import { verifyBundle } from './verify.ts';

const signer = aSigner();
const trust = await trustIn(signer);

// biome-ignore lint/suspicious/noExplicitAny: tests reach into a bundle the way someone with an editor would
type Edit = (bundle: any) => void;

test('an answered run is intact, with question and answer among its sealed artifacts', async () => {
  const { bundle } = await bundleOf(anAnsweredRun(), signer);

  assert.deepEqual(bundle.report.failures, []);
  const { subject } = JSON.parse(Buffer.from(bundle.seal.dsseEnvelope.payload, 'base64').toString());
  assert.deepEqual(
    subject.map(({ name }: { readonly name: string }) => name),
    ['plan', 'patch', 'question', 'session', 'answer']
      .map((port) => (port === 'plan' ? port : `item/edit/1/${port}`))
      .concat('item/edit/3/patch'),
  );
});

const otherResumes: Readonly<Record<string, (run: RunWriter) => RunWriter>> = {
  'with nothing': (run) => run.fire('edit', 2),
  'with another answer': (run) => run.fire('edit', 2, [], { ...resumeParts, answer: aPart('answer', 'edit', 7).ref }),
  'with another question': (run) =>
    run.fire('edit', 2, [], { ...resumeParts, question: aPart('question', 'edit', 7).ref }),
  'without what it had done': (run) =>
    run.fire('edit', 2, [], { question: resumeParts.question, answer: resumeParts.answer }),
  'with a patch of somewhere else': (run) =>
    run.fire('edit', 2, [], { ...resumeParts, partialPatch: refOf('edit', 7) }),
  'with more than there is': (run) => run.fire('edit', 2, [], { ...resumeParts, extra: refOf('edit', 1) }),
};
const resumeParts = {
  question: aPart('question', 'edit', 1).ref,
  answer: aPart('answer', 'edit', 1).ref,
  partialPatch: aPart('patch', 'edit', 1).ref,
  session: aPart('session', 'edit', 1).ref,
};

test('an answered item that goes on with anything but its answer and what it left is refused', async () => {
  for (const [name, go] of Object.entries(otherResumes)) {
    const writer = new RunWriter([{ id: 'edit' }]).fire('edit').asks('edit').answered('edit');
    const { bundle } = await bundleOf(go(writer).done('edit', 2).close('done', { done: 1 }), signer);

    assert.equal(bundle.report.failures[0]?.check, 'manifests', name);
  }
});

test('an attempt that goes on with an answer nobody gave is refused', async () => {
  const run = new RunWriter([{ id: 'edit' }]).fire('edit', 1, [], resumeParts).done('edit').close('done', { done: 1 });

  const { bundle } = await bundleOf(run, signer);

  assert.match(bundle.report.failures[0]?.message ?? '', /an answer nobody gave/);
});

test('an answer that is changed, moved or taken away in a bundle is noticed', async () => {
  const edits: Readonly<Record<string, Edit>> = {
    'its actor': (bundle) => {
      bundle.auditLog.entries[3].body.actor = 'mara';
    },
    'its bytes': (bundle) => {
      bundle.auditLog.entries[3].body.answer.ref = aPart('answer', 'edit', 7).ref;
    },
    'its record': (bundle) => bundle.auditLog.entries.splice(3, 1),
    'its artifact': (bundle) => bundle.artifacts.splice(3, 1),
    'what the attempt was handed': (bundle) => {
      bundle.manifests[1].resume.answer = aPart('answer', 'edit', 7).ref;
    },
  };
  const { bundle } = await bundleOf(anAnsweredRun(), signer);
  for (const [name, edit] of Object.entries(edits)) {
    const copy = JSON.parse(printBundle(bundle));
    edit(copy);
    assert.equal((await verifyBundle(JSON.stringify(copy), { trust })).intact, false, name);
  }
});
