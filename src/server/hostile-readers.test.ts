import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { waitUntil } from '../base/deadline.ts';
import { type CloseCode, closeSchema, sessionLimits } from '../contracts/session-wire.ts';
import { decodeFrame, encodeFrame } from '../session/frame.ts';
import { type PortEnd, portEnd } from '../session/port-end.suite.ts';
import { aSource } from '../session/session.suite.ts';
import type { OpenedSource } from '../session/session-desk.ts';
import { aRelay, olga } from './suite-relay.ts';
import { anOpen } from './suite-sessions.ts';

const window = sessionLimits.copyWindowBytes;

/** Has as much to say as fits into a window, and does not end. */
function talkative(): OpenedSource {
  const { source, say } = aSource();
  say(Buffer.alloc(window, 'y'));
  return { source, isTerminal: false, readsOn: false };
}

/** A link whose other side takes `taken` messages of what it is sent, and no more. */
function aMuteLink({ relay }: ReturnType<typeof aRelay>) {
  const end = portEnd();
  const link = relay.serve(olga, { address: '10.0.0.1' }, end.port);
  const open = (stream: number) =>
    link.receive(encodeFrame(stream, { type: 'open', json: anOpen({ host: 'box', window }) }));
  return { link, end, open };
}

/** With which a stream was closed, once all that was sent is read. */
function closeOf({ sent, carry }: PortEnd, stream: number): CloseCode | undefined {
  assert.ok(sent.length > 0);
  const codes = new Map<number, CloseCode>();
  carry((message) => {
    const { stream: of, frame } = decodeFrame(message);
    if (frame.type === 'close') codes.set(of, closeSchema.parse(frame.json).code);
  });
  return codes.get(stream);
}

test('what is closed and not read counts until it was, over all links of a user', async (t) => {
  const place = aRelay(t, talkative, { perUser: 2 });
  const links = [aMuteLink(place), aMuteLink(place)] as const;
  for (const { open } of links) {
    open(1);
    await waitUntil('its acceptance', () => place.relay.list().length === 1);
    const [session] = place.relay.list();
    await waitUntil('all it says', () => place.relay.list()[0]?.outputBytes === window);
    await place.relay.end(session ?? assert.fail('none is listed'), olga, t.signal);
    assert.deepEqual(place.relay.list(), []);
  }

  const other = aMuteLink(place);
  other.open(1);
  await waitUntil('its refusal', () => other.end.sent.length > 0);
  assert.equal(closeOf(other.end, 1), 'limit-exceeded');

  links[0].end.carry(() => undefined);
  links[1].link.end({ code: 'host-away', message: 'cut' });
  other.open(2);
  await waitUntil('its acceptance', () => place.relay.list().length === 1);
});

test('who opens, does not read, closes and opens again has nothing kept but the last', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const place = aRelay(t, talkative);
  const { link, open } = aMuteLink(place);
  const heldBytes = () => {
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const before = heldBytes();

  for (let stream = 1; stream <= 16; stream += 1) {
    open(stream);
    await waitUntil('all it says', () => place.relay.list()[0]?.outputBytes === window, { intervalMs: 1 });
    link.receive(encodeFrame(stream, { type: 'close', json: { code: 'cancelled', message: 'enough' } }));
    await waitUntil('its end', () => place.desk.list().length === 0, { intervalMs: 1 });
  }

  await waitUntil('what it said to be gone', () => heldBytes() - before < 4 * window);
});
