import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { FrameLink } from '../session/frame-link.ts';
import { aSource } from '../session/session.suite.ts';
import type { SessionLimits } from './session-limits.ts';
import { aRelay, olga } from './suite-relay.ts';
import { anOpen, callSession } from './suite-sessions.ts';

const timeout = 20_000;

/** A relay that olga uses herself, and others by the addresses of her pages. */
function someLinks(t: TestContext, limits: Partial<SessionLimits>) {
  const { relay } = aRelay(t, () => ({ source: aSource().source, isTerminal: false, readsOn: false }), limits);
  const own = relay.link(olga, { address: '10.0.0.1' });
  const pages = ['10.0.0.2', '10.0.0.3'].map((address) => relay.link(olga, { address, isPage: true }));
  const pageAt = (index: number) => pages[index % pages.length] ?? assert.fail('there are pages');
  return { own, pageAt };
}

/** `accepted`, or why not. */
async function open(t: TestContext, link: FrameLink, port: number): Promise<string> {
  const wish = anOpen({ session: { kind: 'proxy', workspace: 'web', port } });
  const { session, ended } = callSession(t, async () => link, wish);
  const over = new AbortController();
  const refusal = ended.then(
    () => assert.fail('it ended'),
    (error: unknown) => {
      over.abort();
      return isAppError(error) ? `${error.code}: ${error.message}` : assert.fail(String(error));
    },
  );
  refusal.catch(() => undefined);
  const accepted = waitUntil('its acceptance', () => session.accepted, { signal: over.signal });
  return accepted.then(
    () => 'accepted',
    () => refusal,
  );
}

test('pages of one port have half of a user’s sessions at most, all pages three quarters, from whatever addresses', {
  timeout,
}, async (t) => {
  const { own, pageAt } = someLinks(t, { perUser: 8 });
  const opened: string[] = [];

  for (let index = 0; index < 4; index += 1) opened.push(await open(t, pageAt(index), 80));
  assert.match(await open(t, pageAt(1), 80), /^limit-exceeded: .*pages of "olga" have 4 open to this port/);
  for (let index = 0; index < 2; index += 1) opened.push(await open(t, pageAt(index), 81));
  assert.match(await open(t, pageAt(0), 81), /^limit-exceeded: .*pages of "olga" have 6 open, which is the most/);
  for (let index = 0; index < 2; index += 1) opened.push(await open(t, own, 80));

  assert.deepEqual(opened, Array(8).fill('accepted'));
  assert.match(await open(t, own, 80), /^limit-exceeded: .*"olga" has 8 open, which is the most/);
});

test('however often pages open sessions, their user may', { timeout }, async (t) => {
  const { own, pageAt } = someLinks(t, { opensPerMinute: 3 });
  for (let index = 0; index < 3; index += 1) assert.equal(await open(t, pageAt(index), 80), 'accepted');

  assert.match(await open(t, pageAt(0), 80), /^limit-exceeded: .*"olga" opens more than 3 a minute/);
  assert.equal(await open(t, own, 80), 'accepted');
});
