import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { busyboxContext, plainBuild } from '../../test/support/busybox-image.ts';
import { isAppError } from '../contracts/errors.ts';
import { volumeSpecSchema } from '../contracts/host-spec.ts';
import type { SuiteHost } from './suite-host.ts';

export function resourceTests(host: SuiteHost): void {
  const { labels } = host;
  const named = (what: string) => host.named(what);

  test('a workspace is on all of its networks, and joins and leaves them', async () => {
    await host.network('one', { subnet: `${host.subnet}.0/24`, gateway: `${host.subnet}.1` });
    await host.network('two', { internal: true });
    await host.network('three');
    await host.start('networks', { networks: [named('one'), named('two')] });

    assert.deepEqual((await host.see('networks')).networks, [named('one'), named('two')]);
    await host.engine.connectNetwork(named('three'), named('networks'));
    await host.engine.connectNetwork(named('three'), named('networks'));
    await host.engine.disconnectNetwork(named('two'), named('networks'));
    await host.engine.disconnectNetwork(named('two'), named('networks'));

    assert.deepEqual((await host.see('networks')).networks, [named('one'), named('three')]);
    await assert.rejects(host.engine.removeNetwork(named('one')), (error) => isAppError(error, 'task-conflict'));
  });

  test('networks and volumes are seen with their labels; removing them twice is fine', async () => {
    const id = await host.network('seen', { labels: { mine: 'x' } });
    await host.engine.createVolume(named('seen'), volumeSpecSchema.parse({ labels: { mine: 'y' } }), { labels });

    const seenNetwork = (await host.engine.observeNetworks()).find((one) => one.name === named('seen'));
    const seenVolume = (await host.engine.observeVolumes()).find((one) => one.name === named('seen'));
    assert.deepEqual(seenNetwork, { id, name: named('seen'), driver: 'bridge', labels: { mine: 'x', ...labels } });
    assert.deepEqual(seenVolume, { name: named('seen'), driver: 'local', labels: { mine: 'y', ...labels } });
    for (const _ of [1, 2]) {
      await host.engine.removeNetwork(named('seen'));
      await host.engine.removeVolume(named('seen'));
    }
    assert.equal(
      (await host.engine.observeVolumes()).some((one) => one.name === named('seen')),
      false,
    );
  });

  test('a network of a taken name is a conflict, one whose addresses are taken is refused', async () => {
    await host.network('taken', { subnet: `${host.subnet}.0/24` });

    await assert.rejects(host.network('taken'), (error) => isAppError(error, 'task-conflict'));
    await assert.rejects(host.network('overlap', { subnet: `${host.subnet}.0/25` }), (error) =>
      isAppError(error, 'invalid-input'),
    );
  });

  test('a volume that somebody else has is not taken for ours; one that is in use is not removed', async () => {
    await host.engine.createVolume(named('foreign'), volumeSpecSchema.parse({}), { labels: {} });

    await assert.rejects(host.engine.createVolume(named('foreign'), volumeSpecSchema.parse({}), { labels }), (error) =>
      isAppError(error, 'task-conflict'),
    );
    await host.create('user', { mounts: [{ type: 'volume', volume: named('foreign'), target: '/x' }] });
    await assert.rejects(host.engine.removeVolume(named('foreign')), (error) => isAppError(error, 'task-conflict'));
    await host.engine.removeContainer(named('user'));
  });

  test('a build tells its steps, takes arguments and a target, labels its result and is found by its tag', async () => {
    const built = named('built');
    const dockerfile =
      'FROM scratch AS early\nARG COLOUR\nLABEL colour=$COLOUR\nCOPY root /\nFROM early\nLABEL late=yes\n';

    const { id, lines } = await host.build(`${built}:latest`, dockerfile, {
      args: { COLOUR: 'green' },
      target: 'early',
    });

    const seen = (await host.engine.observeImages()).find((image) => image.id === id);
    assert.deepEqual(seen?.tags, [`${built}:latest`]);
    const { colour, late, 'suite.label': kept } = seen?.labels ?? {};
    assert.deepEqual({ colour, late, kept }, { colour: 'green', late: undefined, kept: 'kept' });
    assert.ok(lines.some((line) => /step \d+/i.test(line)));
    await host.engine.tagImage(id, `${built}:other`);
    await host.engine.removeImage(`${built}:latest`);
    await host.engine.removeImage(`${built}:latest`);
    const left = (await host.engine.observeImages()).find((image) => image.id === id);
    assert.deepEqual(left?.tags, [`${built}:other`]);
  });

  test('a build whose result would tell a secret is refused, one that uses it in an early stage is not', async () => {
    const secretArgs = { TOKEN: `secret-${randomUUID()}` };
    const name = named('secret');

    for (const line of ['ENV KEPT=$TOKEN', 'LABEL kept=$TOKEN']) {
      await assert.rejects(host.build(name, `ARG TOKEN\n${line}\n`, { secretArgs }), (error) => {
        return (
          isAppError(error, 'invalid-input') && /"TOKEN"/.test(error.message) && !error.message.includes('secret-')
        );
      });
    }
    const left = await host.engine.observeImages();
    const stages = `FROM ${host.tag} AS early\nARG TOKEN\nENV KEPT=$TOKEN\nFROM ${host.tag}\nLABEL one=two\n`;
    await host.build(name, stages, { secretArgs });

    assert.ok(!left.some(({ tags }) => tags.some((tag) => tag.startsWith(name))));
    assert.ok((await host.engine.observeImages()).some(({ tags }) => tags.includes(`${name}:latest`)));
    await host.engine.removeImage(name);
  });

  test('a build that fails says so in the words of the engine, and one that is cancelled ends', async () => {
    await assert.rejects(host.build(named('failing'), 'RUN ["sh", "-c", "exit 7"]\n'), (error) => {
      return isAppError(error, 'internal') && /\b7\b/.test(error.message);
    });

    const caller = new AbortController();
    const building = host.engine.build(await busyboxContext('RUN ["sleep", "1000"]\n'), {
      ...plainBuild,
      tag: named('cancelled'),
      useCache: false,
      signal: caller.signal,
      onProgress: (line) => line.includes('sleep') && caller.abort(new Error('enough')),
    });
    await assert.rejects(building, /enough/);
  });
}
