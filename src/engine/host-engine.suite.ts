import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { EngineEvent } from './host-engine.ts';
import { type HostEngineUnderTest, SuiteHost } from './suite-host.ts';
import { resourceTests } from './suite-resources.ts';
import { type WorkspaceTestOptions, workspaceTests } from './suite-workspaces.ts';

export interface HostEngineSuiteOptions extends WorkspaceTestOptions {
  /** Why the engine cannot be tested here. Default: it can. */
  readonly skip?: string | false;
}

/** What every `HostEngine` does, tried with real containers. */
export function hostEngineSuite(
  name: string,
  open: () => Promise<HostEngineUnderTest>,
  { skip = false, ...options }: HostEngineSuiteOptions = {},
): void {
  describe(`host engine: ${name}`, { skip, concurrency: false }, () => {
    const host = new SuiteHost();
    before(() => host.open(open));
    afterEach(() => host.sweep());
    after(() => host.close());

    lookTests(host);
    workspaceTests(host, options);
    resourceTests(host);
  });
}

function lookTests(host: SuiteHost): void {
  const { labels } = host;
  const named = (what: string) => host.named(what);

  test('it tells what it is and what it runs on', async () => {
    const seen = await host.engine.describeHost();
    const again = await host.engine.describeHost();

    assert.equal(seen.operatingSystem, 'linux');
    assert.equal(seen.architecture, process.arch);
    assert.ok(seen.cpus > 0 && seen.memoryBytes > 0);
    assert.match(seen.rootFolder, /^\//);
    assert.ok(seen.hostName !== '' && seen.kernel !== '' && seen.distribution !== '' && seen.runtimes.length > 0);
    assert.equal(seen.id, again.id);
  });

  test('events tell what changes, from the call on and until the signal', { timeout: 30_000 }, async () => {
    const enough = new AbortController();
    const seen: EngineEvent[] = [];
    const events = host.engine.events(enough.signal);
    const reading = (async () => {
      for await (const event of events) seen.push(event);
    })();

    await host.start('events');
    await host.engine.stopContainer(named('events'), 0);
    const ofOurs = () => seen.filter(({ name }) => name === named('events')).map(({ action }) => action);
    await waitUntil('the events', () => ofOurs().includes('die'));
    enough.abort();
    await reading;

    const actions = ofOurs();
    assert.ok(actions.indexOf('create') < actions.indexOf('start'));
    assert.ok(actions.indexOf('start') < actions.indexOf('die'));
  });

  test('what a container uses is measured; one that does not run cannot be', async () => {
    await host.start('usage', { memory: '128m' });

    const usage = await host.engine.usageOf(named('usage'));
    assert.ok(usage.memoryBytes > 0 && usage.cpuNanoseconds > 0);
    assert.deepEqual([usage.memoryLimitBytes, usage.processes], [128 * 1024 * 1024, 1]);
    await host.engine.stopContainer(named('usage'), 0);
    await assert.rejects(host.engine.usageOf(named('usage')), (error) => isAppError(error, 'task-conflict'));
  });

  test('a helper reads stdin and folders of the host, and leaves nothing', async () => {
    const helper = { image: host.imageId, labels, binds: ['/etc:/host:ro'], hostNamespaces: true };

    const echoed = await host.engine.runHelper({ ...helper, command: ['cat'], stdin: Buffer.from('as given') });
    const hostName = await host.engine.runHelper({ ...helper, command: ['cat', '/host/hostname'] });
    await assert.rejects(
      host.engine.runHelper({ ...helper, command: ['sh', '-c', 'echo why >&2; exit 3'] }),
      (error) => isAppError(error, 'internal') && /3, why/.test(error.message),
    );
    await assert.rejects(
      host.engine.runHelper({ ...helper, command: ['head', '-c', '2000000', '/dev/zero'] }),
      (error) => isAppError(error, 'limit-exceeded'),
    );

    assert.equal(Buffer.from(echoed).toString(), 'as given');
    assert.ok(hostName.byteLength > 0);
    const left = (await host.engine.observeContainers()).filter(({ name }) => name.startsWith('agora-helper'));
    assert.deepEqual(
      left.filter((one) => one.labels[hostLabels.host] === labels[hostLabels.host]),
      [],
    );
  });
}
