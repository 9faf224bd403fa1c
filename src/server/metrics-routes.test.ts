import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { type MetricsSample, metricsSampleSchema } from '../contracts/metrics.ts';
import { agentSocketPath } from '../contracts/routes-agent.ts';
import { startServer, TestAgent, type TestServer } from './suite-server.ts';

test('what a heartbeat measured is given back, also after a restart of the server', async (t) => {
  const place = await startServer(t);
  const agent = await anAgent(place);
  await agent.heartbeat([aSample(0.5)]);

  const before = await place.admin.call('getMetrics', { params: { host: 'box' }, query: { points: 10 } });
  const { hosts } = await place.admin.call('listLatestMetrics', {});
  const again = await place.restart();
  const after = await again.admin.call('getMetrics', {
    params: { host: 'box' },
    query: { kind: 'host', series: 'cpu' },
  });

  const known = ({ series }: typeof before) =>
    series.map(({ kind, of, name, mean }) => [kind, of, name, mean.filter((value) => value !== null)]);
  const ofHost = known(before).filter(([kind]) => kind === 'host');
  assert.deepEqual(ofHost.slice(0, 2), [
    ['host', '', 'cpu', [0.5]],
    ['host', '', 'disk:/a "b"', [1]],
  ]);
  assert.ok(known(before).some(([kind, of, name]) => kind === 'workspace' && of === 'web' && name === 'restarts'));
  assert.equal(before.latest?.host?.cpu, 0.5);
  assert.deepEqual(
    hosts.map(({ host, sample }) => [host, sample.host?.cpu]),
    [['box', 0.5]],
  );
  assert.deepEqual(known(after), [['host', '', 'cpu', [0.5]]]);
  assert.equal(after.latest, undefined);
});

test('a time that ends before it begins, an unknown host and a sample that is none are refused', async (t) => {
  const place = await startServer(t);
  const agent = await anAgent(place);
  const ask = (host: string, query: object) => place.admin.call('getMetrics', { params: { host }, query });

  await assert.rejects(ask('box', { from: 2, to: 1 }), (error) => isAppError(error, 'invalid-input'));
  await assert.rejects(ask('box', { points: 1e9 }), (error) => isAppError(error, 'invalid-input'));
  await assert.rejects(ask('other', {}), (error) => isAppError(error, 'not-found'));
  const hostile = { ...aSample(1), host: { cpu: -1 } } as unknown as MetricsSample; // As no agent of ours sends it.
  await assert.rejects(agent.heartbeat([hostile]), (error) => isAppError(error, 'invalid-input'));
  const ofYearOne = { ...aSample(1), at: '0001-01-01T00:00:00.000Z' };
  await agent.heartbeat([ofYearOne]);
  const { series } = await ask('box', {});
  assert.deepEqual(series, []);
});

test('a live view asks the host for a sample each second and gives them on, until the viewer leaves', async (t) => {
  const place = await startServer(t);
  const agent = await anAgent(place);
  const socket = await aSocket(t, place, agent);
  const nudges: unknown[] = [];
  socket.on('message', (bytes) => nudges.push(JSON.parse(String(bytes))));
  const left = new AbortController();

  const response = await place.admin.send('watchMetrics', { params: { host: 'box' } }, { signal: left.signal });
  await waitUntil('to be asked', () => nudges.length > 0);
  const lines = createInterface({ input: Readable.from(response.body ?? [], { objectMode: false }) })[
    Symbol.asyncIterator
  ]();
  const seen: (number | undefined)[] = [];
  for (const cpu of [0.1, 0.2, 0.3]) {
    socket.send(JSON.stringify({ kind: 'sample', sample: aSample(cpu) }));
    let line = '';
    while (line === '') line = String((await lines.next()).value);
    seen.push(metricsSampleSchema.parse(JSON.parse(line)).host?.cpu);
  }
  left.abort();

  assert.deepEqual(nudges, [{ kind: 'live', seconds: 20 }]);
  assert.deepEqual(seen, [0.1, 0.2, 0.3]);
  const { series } = await place.admin.call('getMetrics', { params: { host: 'box' } });
  assert.deepEqual(series, []);
});

test('Prometheus reads what hosts are and measure, with a token or where everybody may', async (t) => {
  const place = await startServer(t, { prometheus: { token: 'scraper' } });
  const agent = await anAgent(place);
  await agent.heartbeat([aSample(0.5)]);
  const read = (authorization?: string) =>
    fetch(`${place.url}/metrics`, authorization === undefined ? {} : { headers: { authorization } });
  const open = await startServer(t, { prometheus: { isOpen: true } });

  const statuses = [await read(), await read('Bearer wrong'), await read(`Bearer ${place.adminToken}`)].map(
    ({ status }) => status,
  );
  const response = await read('Bearer scraper');
  const text = await response.text();
  const openly = await fetch(`${open.url}/metrics`);

  assert.deepEqual([...statuses, openly.status], [401, 401, 200, 200]);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const lines = text.split('\n');
  for (const line of [
    'agora_hosts{admission="admitted"} 1',
    'agora_host_link_up{host="box"} 1',
    'agora_host_engine_up{host="box"} 1',
    'agora_host_cpu_ratio{host="box"} 0.5',
    'agora_host_disk_used_bytes{host="box",path="/a \\"b\\""} 1',
    'agora_workspace_restarts_total{host="box",workspace="web"} 2',
    '# TYPE agora_host_cpu_ratio gauge',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.ok(lines.every((line) => line === '' || /^(#|[a-z0-9_]+(\{.*\})? [-0-9.e+]+$)/.test(line)));
});

async function anAgent(place: TestServer): Promise<TestAgent> {
  const { joinToken } = await place.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(place.url);
  await agent.register({ joinToken });
  return agent;
}

async function aSocket(t: TestContext, place: TestServer, agent: TestAgent): Promise<WebSocket> {
  const authorization = agent.authorization({ method: 'GET', path: agentSocketPath, body: undefined });
  const socket = new WebSocket(`${place.url.replace(/^http/, 'ws')}${agentSocketPath}`, { headers: { authorization } });
  t.after(() => socket.terminate());
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
}

function aSample(cpu: number): MetricsSample {
  return {
    at: new Date().toISOString(),
    host: {
      cpu,
      load: [1, 1, 1],
      memory: { totalBytes: 2, usedBytes: 1, availableBytes: 1 },
      swap: { totalBytes: 0, usedBytes: 0 },
      disks: [{ path: '/a "b"', totalBytes: 2, usedBytes: 1, availableBytes: 1 }],
      processes: 1,
      uptimeSeconds: 1,
    },
    workspaces: [{ name: 'web', restarts: 2 }],
  };
}
