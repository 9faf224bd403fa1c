import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { busyboxContext, plainBuild } from '../../test/support/busybox-image.ts';
import { type PrivateEngine, privateEngineObstacle, startPrivateEngine } from '../../test/support/private-engine.ts';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import { volumeSpecSchema, workspaceSpecSchema } from '../contracts/host-spec.ts';
import { dockerHostEngine } from './docker-host.ts';
import { dockerHostSessions } from './docker-host-sessions.ts';
import type { EngineEvent, HostEngine } from './host-engine.ts';
import { collect } from './suite-session-output.ts';

const skip = (await privateEngineObstacle()) ?? false;
if (skip) process.stderr.write(`NO PRIVATE ENGINE: ${skip}: its tests are skipped\n`);

const labels = { [hostLabels.host]: 'restart' };
/** Ends at once when asked to, so that the engine does. */
const endless = 'trap exit TERM; sleep 1000 & wait';

describe('an engine that is restarted', { skip, timeout: 240_000, concurrency: false }, () => {
  let place: PrivateEngine;
  let engine: HostEngine;
  let imageId: string;

  before(async () => {
    place = await startPrivateEngine();
    engine = dockerHostEngine({ endpoint: place.endpoint });
    imageId = await engine.build(await busyboxContext(), { ...plainBuild, tag: 'restarted' });
  });
  after(() => place?.close());

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`fails what runs, ends what is followed and goes on afterwards: ${signal}`, async () => {
      const seen: EngineEvent[] = [];
      const following = (async () => {
        for await (const event of engine.events(new AbortController().signal)) seen.push(event);
      })();
      const name = `restarted-${signal}`;
      const spec = workspaceSpecSchema.parse({ image: 'restarted', command: ['sh', '-c', endless], restart: 'always' });
      const id = await engine.createWorkspace({ name, spec, imageId, secrets: {}, labels });
      await engine.startContainer(id);
      await waitUntil('the events', () => seen.some((event) => event.name === name && event.action === 'start'));
      let isBuilding = false;
      const building = engine.build(await busyboxContext(`RUN ["sh", "-c", "${endless}"]\n`), {
        ...plainBuild,
        tag: 'never',
        onProgress: (line) => {
          isBuilding ||= line.includes('RUN');
        },
      });
      const broken = assert.rejects(building, (error) => {
        // One that ends in good order may have ended the build before.
        return isAppError(error, 'unreachable') || (signal === 'SIGTERM' && isAppError(error, 'internal'));
      });
      await waitUntil('the build', () => isBuilding);

      await place.stop(signal);
      await broken;
      await following;
      await assert.rejects(engine.observeContainers(), (error) => isAppError(error, 'unreachable'));
      await place.start();

      const again = await waitUntil('the container', async () => {
        const found = (await engine.observeContainers()).find((container) => container.id === id);
        return found?.status === 'running' ? found : undefined;
      });
      assert.equal(again.name, name);
      await engine.removeContainer(id);
    });
  }

  test('sessions on one that is killed end, and say that it is away; what it does not know any more it tells', async () => {
    const spec = workspaceSpecSchema.parse({ image: 'restarted', command: ['sh', '-c', endless] });
    const id = await engine.createWorkspace({ name: 'sessions', spec, imageId, secrets: {}, labels });
    await engine.startContainer(id);
    const sessions = dockerHostSessions({ endpoint: place.endpoint });
    const terminal = { columns: 80, rows: 24 };
    const program = await sessions.exec(id, { command: ['sleep', '1000'], env: [], hasInput: true, terminal });
    const attached = await sessions.attach(id, { hasInput: false });
    const ends = [program, attached].map((one) => collect(one.output).catch(() => undefined));

    await place.stop('SIGKILL');

    await Promise.all(ends);
    for (const one of [program, attached]) {
      await assert.rejects(one.exit(), (error) => isAppError(error, 'unreachable') && Boolean(error.next));
      await assert.rejects(one.signal('SIGINT'), (error) => isAppError(error, 'unreachable') && Boolean(error.next));
      await one.write(Buffer.from('too late'));
    }
    await place.start();
    await assert.rejects(program.exit(), (error) => isAppError(error, 'not-found') && Boolean(error.next));
    program.close();
    await sessions.close();
    await engine.removeContainer(id);
  });

  test('a volume that it left half made gets its labels when it is asked for again, one that it knows never', async () => {
    const volume = volumeSpecSchema.parse({});
    const labelsOf = async (name: string) =>
      (await engine.observeVolumes()).find((one) => one.name === name)?.labels ?? assert.fail(`no ${name}`);
    await engine.createVolume('known', volume, { labels: {} });
    await place.stop('SIGKILL');
    // What it does first when it makes a volume; what it notes of it comes later.
    await mkdir(join(place.dataFolder, 'volumes/half/_data'), { recursive: true });
    await place.start();

    const before = await labelsOf('half');
    await engine.createVolume('half', volume, { labels });
    await assert.rejects(engine.createVolume('known', volume, { labels }), (error) =>
      isAppError(error, 'task-conflict'),
    );
    await place.stop('SIGTERM');
    await place.start();

    assert.deepEqual([before, await labelsOf('half'), await labelsOf('known')], [{}, labels, {}]);
  });

  test('one that is killed while it starts a container and then cannot start it any more shows it as dead', async () => {
    const spec = workspaceSpecSchema.parse({ image: 'restarted', command: ['sh', '-c', endless] });
    const cutStart = async () => {
      const id = await engine.createWorkspace({ name: 'cut', spec, imageId, secrets: {}, labels });
      const task = join(place.dataFolder, '../exec/containerd/daemon/io.containerd.runtime.v2.task/moby', id);
      const starting = engine.startContainer(id).catch(() => undefined);
      await waitUntil('the start to be half done', () => existsSync(task), { intervalMs: 1 });
      await place.stop('SIGKILL');
      await starting;
      await place.start();
      return id;
    };
    /** What becomes of it is a matter of the millisecond in which the engine ended. */
    const outcomeOf = async (id: string) => {
      const again = await engine.startContainer(id).then(() => 'started', String);
      const seen = (await engine.observeContainers()).find((container) => container.id === id);
      await engine.removeContainer(id);
      return { again, status: seen?.status };
    };

    let outcome = await outcomeOf(await cutStart());
    for (let tries = 1; outcome.status !== 'dead' && tries < 20; tries += 1) {
      assert.deepEqual(outcome, { again: 'started', status: 'running' });
      outcome = await outcomeOf(await cutStart());
    }

    assert.equal(outcome.status, 'dead');
    assert.match(outcome.again, /Cannot start container/);
  });
});
