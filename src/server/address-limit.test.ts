import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressLimit } from './address-limit.ts';

test('an address may do so many at once, and as many more as come back with time', () => {
  const limit = new AddressLimit({ burst: 3, perSecond: 0.5 });

  assert.deepEqual(
    [1, 2, 3, 4].map(() => limit.take('10.0.0.1', 0)),
    [0, 0, 0, 2],
  );
  assert.equal(limit.take('10.0.0.2', 0), 0);
  assert.equal(limit.take('10.0.0.1', 1_000), 1);
  assert.equal(limit.take('10.0.0.1', 2_000), 0);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => limit.take('10.0.0.1', 3_600_000)),
    [0, 0, 0, 2],
  );
});

test('a clock that is put back takes nothing away', () => {
  const limit = new AddressLimit({ burst: 2, perSecond: 1 });
  limit.take('10.0.0.1', 1_000_000);

  assert.equal(limit.take('10.0.0.1', 0), 0);
  assert.equal(limit.take('10.0.0.1', 0), 1);
});

test('one that has used up all of it is told of once, until it has all of it back', () => {
  const told: string[] = [];
  const limit = new AddressLimit({ burst: 2, perSecond: 1, onUsedUp: (address) => void told.push(address) });

  for (const now of [0, 0, 0, 100, 1_100, 1_200, 60_000, 60_000]) limit.take('10.0.0.1', now);
  assert.deepEqual(told, ['10.0.0.1']);
  for (const now of [60_000, 60_000]) limit.take('10.0.0.1', now);
  assert.deepEqual(told, ['10.0.0.1', '10.0.0.1']);
});

test('however many addresses come, few are remembered, and those that are not are free', () => {
  const limit = new AddressLimit({ burst: 1, perSecond: 0.001, mostAddresses: 100 });

  for (let count = 0; count < 10_000; count += 1) assert.equal(limit.take(`10.0.${count >> 8}.${count & 255}`, 0), 0);

  assert.equal(limit.size, 100);
});

test('the addresses of one network of IPv6 count as one, and those of IPv4 in IPv6 as themselves', () => {
  const limit = new AddressLimit({ burst: 1, perSecond: 0.001 });
  const one = ['2001:db8:0:7::1', '2001:0db8:0:7:ffff::', '2001:db8:0:7:1:2:3:4', '2001:db8::7:0:0:0:9'];

  assert.deepEqual(
    one.map((address) => limit.take(address, 0) > 0),
    [false, true, true, true],
  );
  assert.equal(limit.take('2001:db8:0:8::1', 0), 0);
  assert.deepEqual(
    ['::1', '::2', 'fe80::1%eth0'].map((address) => limit.take(address, 0) > 0),
    [false, true, false],
  );
  assert.deepEqual(
    ['::ffff:10.0.0.1', '::ffff:10.0.0.2', '10.0.0.2'].map((address) => limit.take(address, 0) > 0),
    [false, false, true],
  );
});
