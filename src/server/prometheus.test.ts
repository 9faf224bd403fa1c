import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { HostLink } from '../contracts/fleet.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import { fleetText, type HostView } from './prometheus.ts';

const online: HostLink = {
  link: 'online',
  hasSocket: true,
  isEncrypted: false,
  engine: 'up',
  lastSeenAt: '2026-01-01T00:00:10.000Z',
  agentStartedAt: '2026-01-01T00:00:00.000Z',
};

test('every figure is text that Prometheus takes, whatever things are called', async () => {
  const names = ['/a "b"', 'C:\\data', 'two\nlines', '}{=,', 'ä 🙂', ''];
  const hosts = [aHost({ name: 'one', sample: aSample(names) }), aHost({ name: 'two', sample: aSample(names) })];

  const series = parsed(await textOf(hosts, new Map([['drift', 2]])));

  const paths = [...series.keys()].filter((key) => key.startsWith('agora_host_disk_used_bytes{host="one"'));
  assert.deepEqual(
    paths.map((key) => labelsOf(key).get('path')),
    names,
  );
  assert.equal(series.get('agora_workspace_restarts_total{host="two",workspace="/a \\"b\\""}'), 3);
  assert.equal(series.get('agora_alerts{rule="drift"}'), 2);
  assert.equal(series.get('agora_alerts{rule="gpu-hot"}'), 0);
  assert.equal(series.get('agora_hosts{admission="admitted"}'), 2);
  assert.equal(series.get('agora_hosts{admission="pending"}'), 0);
});

test('of a host that is silent, or does not tell, no figure is claimed', async () => {
  const silent = aHost({ name: 'silent', link: { ...online, link: 'offline', engine: 'unknown' }, sample: aSample() });
  const mute = aHost({ name: 'mute', sample: undefined });
  const waiting = aHost({ name: 'waiting', admission: 'pending', sample: aSample() });

  const series = parsed(await textOf([silent, mute, waiting]));

  const ofHosts = [...series].filter(([key]) => /host="/.test(key) && !key.includes('_seconds'));
  assert.deepEqual(ofHosts, [
    ['agora_host_link_up{host="silent"}', 0],
    ['agora_host_link_up{host="mute"}', 1],
    ['agora_host_socket_up{host="silent"}', 1],
    ['agora_host_socket_up{host="mute"}', 1],
    ['agora_host_engine_up{host="mute"}', 1],
  ]);
});

test('a server without hosts tells of itself', async () => {
  const series = parsed(await textOf([]));

  assert.equal(series.get('agora_server_info{version="1.2.3"}'), 1);
});

async function textOf(hosts: readonly HostView[], alerts = new Map()): Promise<string> {
  return await text(Readable.from(fleetText({ hosts, alerts, version: '1.2.3' })));
}

function aHost(changes: Partial<HostView> = {}): HostView {
  return { name: 'box', admission: 'admitted', link: online, sample: aSample(), ...changes };
}

function aSample(names: readonly string[] = ['/']): MetricsSample {
  return {
    at: '2026-01-01T00:00:00.000Z',
    host: {
      cpu: 0.5,
      cpus: [0.25, 0.75],
      load: [1, 2, 3],
      memory: { totalBytes: 2e21, usedBytes: 1, availableBytes: 1 },
      swap: { totalBytes: 0, usedBytes: 0 },
      disks: names.map((path) => ({ path, totalBytes: 3, usedBytes: 1, availableBytes: 1 })),
      io: { readBytesPerSecond: 1e-9, writeBytesPerSecond: 0 },
      network: { receivedBytesPerSecond: 1, sentBytesPerSecond: 2 },
      processes: 1,
      pressure: { cpu: 0.1, memory: 0, io: 0 },
      uptimeSeconds: 1,
    },
    gpus: names.map((uuid) => ({ uuid, name: 'H100', temperatureCelsius: 40, processes: [] })),
    workspaces: names.map((name) => ({ name, restarts: 3, cpus: 0.1, processes: 1 })),
  };
}

const label = String.raw`[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"`;
const sampleLine = new RegExp(`^(agora_[a-z0-9_]+)((?:\\{${label}(?:,${label})*\\})?) (-?[0-9.]+(?:e[+-][0-9]+)?)$`);
const units =
  /_(info|hosts|alerts|up|seconds|ratio|load1|load5|load15|bytes|per_second|processes|celsius|watts|cpus|total)$/;

/** By the rules of the text format 0.0.4: each metric in one piece, its help and type before it and once, no series twice. */
function parsed(exposition: string): Map<string, number> {
  const series = new Map<string, number>();
  const done = new Set<string>();
  assert.ok(exposition.endsWith('\n'));
  let current = '';
  const lines = exposition.slice(0, -1).split('\n');
  for (const [index, line] of lines.entries()) {
    const help = /^# HELP (\S+) (\S.*)$/.exec(line);
    if (help !== null) {
      current = help[1] ?? '';
      assert.ok(!done.has(current), `${current} comes twice`);
      assert.match(current, units);
      done.add(current);
      const type = current.endsWith('_total') ? 'counter' : 'gauge';
      assert.equal(lines[index + 1], `# TYPE ${current} ${type}`);
      continue;
    }
    if (line.startsWith('# TYPE ')) continue;
    const [, name, labels, value] = sampleLine.exec(line) ?? [];
    assert.equal(name, current, line);
    assert.ok(!series.has(`${name}${labels}`), `${line} comes twice`);
    series.set(`${name}${labels}`, Number(value));
  }
  return series;
}

function labelsOf(key: string): Map<string, string> {
  const found = key.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g);
  const plain = (escaped: string) => escaped.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
  return new Map([...found].map(([, name = '', value = '']) => [name, plain(value)]));
}
