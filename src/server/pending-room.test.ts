import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostIdSchema } from '../contracts/fleet-ids.ts';
import type { PendingHost } from './host-store.ts';
import { crowding } from './pending-room.ts';
import { startServer, TestAgent } from './suite-server.ts';

const letters = 'abcdefghijklmnopqrstuvwxyz';

function waiting(...addresses: string[]): PendingHost[] {
  return addresses.map((address, index) => ({
    hostId: hostIdSchema.parse(`h-${(letters[index] ?? 'a').repeat(26)}`),
    address,
    enrolledAt: `2026-01-01T00:00:0${index}.000Z`,
  }));
}

test('of those that wait the newest of the most crowded network gives way, and no other', () => {
  const pending = waiting('10.0.0.1', '10.0.0.9', '10.0.0.9', '10.0.0.9', '10.0.0.1');

  assert.equal(crowding(pending, '10.0.0.2'), pending[3]);
  assert.equal(crowding(pending, '10.0.0.1'), undefined);
  assert.equal(crowding(pending, '10.0.0.9'), undefined);
  assert.equal(crowding(waiting('10.0.0.1', '10.0.0.2'), '10.0.0.3'), undefined);
  assert.equal(crowding([], '10.0.0.1'), undefined);
});

test('addresses of one network of IPv6 crowd together', () => {
  const pending = waiting('2001:db8::1', '2001:db8::2', '10.0.0.1');

  assert.equal(crowding(pending, '10.0.0.2'), pending[1]);
  assert.equal(crowding(pending, '2001:db8::3'), undefined);
});

test('who takes all the room for waiting keeps out no host of another address', async (t) => {
  const { url, admin } = await startServer(t, { mostPending: 4, trustsProxy: true });
  const { fetch: plain } = globalThis;
  t.after(() => (globalThis.fetch = plain));
  const from = (address: string) => {
    globalThis.fetch = (input, init) =>
      plain(input, { ...init, headers: { ...init?.headers, 'x-forwarded-for': address } });
  };
  from('10.0.0.9');
  const crowd = Array.from({ length: 4 }, () => new TestAgent(url));
  for (const agent of crowd) await agent.register({ name: 'crowd' });

  from('10.0.0.1');
  await new TestAgent(url).register({ name: 'ours' });
  from('10.0.0.9');
  await assert.rejects(crowd.at(-1)?.heartbeat() ?? Promise.resolve(), /session: it is not known here/);
  await assert.rejects(new TestAgent(url).register({ name: 'crowd' }), /4 hosts wait/);

  const { hosts } = await admin.call('listHosts', {});
  assert.deepEqual(
    hosts.map(({ name, address }) => [name, address]),
    [
      ['crowd', '10.0.0.9'],
      ['crowd-2', '10.0.0.9'],
      ['crowd-3', '10.0.0.9'],
      ['ours', '10.0.0.1'],
    ],
  );
});
