import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { aSession, aSource, aViewer } from './session.suite.ts';

/** A session whose source takes its time over each event, until the test lets it go on. */
function aSlowSession() {
  const { source, told } = aSource();
  const waiting: PromiseWithResolvers<void>[] = [];
  const slowly = async (what: string) => {
    told.push(what);
    waiting.push(Promise.withResolvers());
    await waiting.at(-1)?.promise;
  };
  const { session } = aSession({
    ...source,
    resize: ({ columns }) => slowly(`resize ${columns}`),
    signal: (name) => slowly(name),
  });
  const viewer = aViewer(session);
  return {
    told,
    viewer,
    resize: (columns: number) => viewer.stream.send({ type: 'control', json: { event: 'resize', columns, rows: 24 } }),
    signal: (name: string) => viewer.stream.send({ type: 'control', json: { event: 'signal', name } }),
    goOn: () => waiting.shift()?.resolve(),
    fail: () => waiting.shift()?.reject(new AppError('not-ready', 'Cannot do it: not now')),
  };
}

test('events go in one at a time and in order; of sizes that wait only the newest', async () => {
  const { told, viewer, resize, signal, goOn } = aSlowSession();
  resize(80);
  await viewer.becomes('the first', () => told.length === 1);
  for (const columns of [81, 82]) resize(columns);
  signal('SIGINT');
  resize(83);
  viewer.carry();
  assert.deepEqual(told, ['resize 80']);

  const goesOn = () => {
    goOn();
    return told.length === 3;
  };
  await waitUntil('the others', goesOn);

  assert.deepEqual(told, ['resize 80', 'resize 83', 'SIGINT']);
});

test('the next event comes also after one that failed', async () => {
  const { told, viewer, resize, signal, fail } = aSlowSession();
  resize(80);
  signal('SIGINT');
  await viewer.becomes('the first', () => told.length === 1);

  fail();

  await viewer.becomes('the second', () => told.length === 2);
  await viewer.becomes('word of the failure', () => viewer.events().length === 1);
  assert.deepEqual(viewer.events(), [{ event: 'notice', text: 'Cannot do it: not now' }]);
});

test('a signal is refused where too many wait, and taken again once they are sent', async () => {
  const { told, viewer, signal, goOn } = aSlowSession();
  for (let count = 0; count < 17; count += 1) signal('SIGINT');
  await viewer.becomes('the refusal', () => viewer.events().length === 1);
  assert.match(JSON.stringify(viewer.events()), /Cannot send \\"SIGINT\\": 16 signals wait/);
  const allButLast = () => {
    goOn();
    return told.length === 16;
  };
  await waitUntil('the first 16', allButLast);

  signal('SIGTERM');

  await viewer.becomes('one more', () => {
    goOn();
    return told.length === 17;
  });
  assert.equal(told.at(-1), 'SIGTERM');
});
