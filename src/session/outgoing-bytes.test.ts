import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FrameLink } from './frame-link.ts';
import { OutgoingBytes } from './outgoing-bytes.ts';
import { portEnd } from './port-end.suite.ts';
import { simulatedTime } from './simulated-time.suite.ts';

const window = 1_024;

/** Input of `sizeBytes` and its end, sent to a side that has said nothing yet. */
async function sent(t: TestContext, sizeBytes: number) {
  const pass = simulatedTime(t);
  const link = new FrameLink({ port: portEnd().port, mostStreams: 1 });
  const stream = link.open({}, { onFrame: () => undefined, onClose: () => undefined }) ?? assert.fail('it is full');
  const outgoing = new OutgoingBytes();
  let isDelivered = false;
  void outgoing.delivered.then(() => {
    isDelivered = true;
  });
  assert.equal(outgoing.resume({ input: 0, window, credit: window }, stream), undefined);
  await outgoing.write(Buffer.alloc(sizeBytes));
  outgoing.end();
  return { outgoing, pass, isDelivered: () => isDelivered };
}

test('input is delivered once the other side says so to the byte', async (t) => {
  const { outgoing, pass, isDelivered } = await sent(t, 1_000);

  await pass(120_000);
  assert.equal(isDelivered(), false);
  outgoing.credit(1_000 + window);
  await pass(0);

  assert.ok(isDelivered());
});

test('the last of it counts as delivered where the other side says nothing of so little', async (t) => {
  const { outgoing, pass, isDelivered } = await sent(t, 1_000);

  outgoing.credit(800 + window);
  await pass(29_000);
  assert.equal(isDelivered(), false);
  await pass(2_000);

  assert.ok(isDelivered());
});

test('where the link is lost, it may say so on the next one', async (t) => {
  const { outgoing, pass, isDelivered } = await sent(t, 100);

  outgoing.pause();
  await pass(120_000);

  assert.equal(isDelivered(), false);
});
