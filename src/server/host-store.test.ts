import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SqliteDatabase } from '../base/sqlite-database.ts';
import { HostStore } from './host-store.ts';
import { migrations } from './store-schema.ts';
import { aStoredHost } from './suite-stored-host.ts';

const early = '2026-01-01T00:00:00.000Z';
const late = '2026-01-01T00:00:10.000Z';
const aHost = aStoredHost({ lastSeenAt: early });
const { hostId } = aHost;

async function aStore(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-hosts-'));
  const database = new SqliteDatabase({ file: join(folder, 'x.db'), subject: 'x', migrations });
  t.after(async () => {
    database.close();
    await rm(folder, { recursive: true });
  });
  const hosts = new HostStore(database);
  hosts.add(aHost);
  return { database, hosts };
}

test('a host is known as it was last changed, and a change that was undone never was', async (t) => {
  const { database, hosts } = await aStore(t);

  assert.deepEqual(hosts.byId(hostId), aHost);
  hosts.change(hostId, { address: '127.0.0.2' });
  assert.deepEqual(hosts.byKey(aHost.publicKey), { ...aHost, address: '127.0.0.2' });
  const fail = () =>
    database.transaction(() => {
      hosts.change(hostId, { address: '127.0.0.3' });
      assert.equal(hosts.named('box').address, '127.0.0.3');
      throw new Error('no');
    });
  assert.throws(fail, /^Error: no$/);

  assert.equal(hosts.byId(hostId)?.address, '127.0.0.2');
  hosts.remove(hostId);
  assert.equal(hosts.byId(hostId), undefined);
});

test('a sign of life is told at once, and the same before and after it is written', async (t) => {
  const { database, hosts } = await aStore(t);
  const written = () => database.get('SELECT last_seen_at FROM hosts')?.['last_seen_at'];
  hosts.byId(hostId);

  hosts.saw(hostId, late);
  const before = [hosts.byId(hostId)?.lastSeenAt, written()];
  hosts.flush();
  const after = [hosts.byId(hostId)?.lastSeenAt, written()];

  assert.deepEqual(before, [late, early]);
  assert.deepEqual(after, [late, late]);
});
