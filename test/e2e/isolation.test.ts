import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Probe, type ProbeWish, probeCommand } from '../../src/compute/suite-probe.ts';
import { workerPaths } from '../../src/contracts/names.ts';
import { packageRoot } from '../support/engine.ts';
import { aHostToLeaveAlone } from '../support/isolation-host.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { artifactText, intactBundle, shellProject, submit, watched } from '../support/shell-project.ts';

const hostSecret = 'SECRET_OF_THE_DAEMON';
const sockets = ['/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock'];
const supervisorsOwn = ['/agora/out/result.json', '/agora/git/HEAD', '/etc/shadow'];
/** What lies in a project and what this machine keeps elsewhere; readable inside, each would be the host's. */
const statesOwn = ['state.db', 'deployment.json', 'trust.json', 'keys/seal.pem', 'mailbox/orchestrator/daemon.json'];
const hostFolders = [
  packageRoot,
  homedir(),
  '/root',
  '/home',
  '/boot',
  '/run',
  '/var/lib/agora-offload',
  '/var/lib/docker',
  '/var/log',
  '/etc/ssh',
  '/sys/kernel/debug',
];
const notWritable = ['/agora/in/new', '/agora/out/new', '/agora/git/new', '/etc/new', '/usr/bin/new', '/new'];

const contained: Probe = {
  reached: [],
  interfaces: [],
  read: [],
  wrote: [],
  foreign: [],
  capabilities: '0000000000000000',
};

for (const place of await providerPlaces()) {
  test(`two items that look around at once on ${place.name} find neither each other nor the host`, {
    skip: place.skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute);
    project.env[hostSecret] = 'hunter2';
    const host = await aHostToLeaveAlone(t);
    const wish: ProbeWish = {
      connect: [...sockets, ...host.connect, ...engineSocket(project.env['DOCKER_HOST'])],
      read: [host.file, ...supervisorsOwn, ...statesOwn.map((name) => join(project.folder, '.agora', name))],
      write: [host.file, ...notWritable],
    };
    await project.serve();

    const folders = [...hostFolders, project.folder, join(project.folder, '.agora', 'storage')];
    const runId = await submit(project, 'probes', [
      probing({ id: 'one', other: 'two', folders }, wish),
      probing({ id: 'two', other: 'one', folders }, wish),
    ]);
    const ended = await watched(project, runId);

    assert.equal(ended.code, 0, JSON.stringify(ended.records.at(-1)));
    const bundle = await intactBundle(project, runId);
    for (const item of ['one', 'two']) {
      assert.deepEqual(JSON.parse(await artifactText(project, bundle, { item, path: 'probe.json' })), contained);
      const self = JSON.parse(await artifactText(project, bundle, { item, path: 'self.json' }));
      assert.deepEqual(self.secrets, [], 'nothing of the daemon’s environment');
      assert.deepEqual(self.met, [], 'no trace of the other item');
      assert.deepEqual(self.listed, [], 'no folder of the host');
      if (place.name === 'docker') assert.deepEqual([self.uid, self.groups], [1000, [1000]]);
      assert.notEqual(self.uid, 0);
    }
  });
}

interface Meeting {
  readonly id: string;
  readonly other: string;
  /** Of the host, to be listed. */
  readonly folders: readonly string[];
}

/** Probes while the other item runs; leaves a mark and looks for the other's wherever a worker can write. */
function probing(meeting: Meeting, wish: ProbeWish) {
  const { id } = meeting;
  return {
    id,
    inputs: {
      subagent: 'node',
      workerInput: {
        script: `(${meetAndProbe})(${JSON.stringify({ ...meeting, hostSecret, marks: markFolders })});${probeCommand(wish)[2]}`,
      },
    },
  };
}

const markFolders = [workerPaths.workspace, workerPaths.outputs, '/tmp', '/dev/shm', '/var/tmp'];

/** Runs inside the worker: plain JavaScript that needs nothing but Node. */
function meetAndProbe(its: Meeting & { hostSecret: string; marks: readonly string[] }): void {
  const fs = process.getBuiltinModule('node:fs');
  const tryTo = (action: () => void) => {
    try {
      action();
    } catch {
      // What is not possible is as it should be.
    }
  };
  for (const folder of its.marks) tryTo(() => fs.writeFileSync(`${folder}/mark-${its.id}`, its.id));
  const met = new Set<string>();
  const secrets = new Set<string>();
  const until = Date.now() + 3_000;
  while (Date.now() < until) {
    for (const folder of its.marks) if (fs.existsSync(`${folder}/mark-${its.other}`)) met.add(folder);
    for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      tryTo(() => {
        const others = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        if (others.includes(`"id":"${its.other}"`)) met.add(`process ${pid}`);
        if (fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(its.hostSecret)) secrets.add(`process ${pid}`);
      });
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  const listed = its.folders.filter((folder) => {
    let names: string[] = [];
    tryTo(() => {
      names = fs.readdirSync(folder);
    });
    return names.length > 0;
  });
  const self = { uid: process.getuid?.(), groups: process.getgroups?.(), secrets: [...secrets], met: [...met], listed };
  fs.writeFileSync(`${process.env['AGORA_OUTPUT_DIR']}/self.json`, JSON.stringify(self));
}

function engineSocket(host: string | undefined): string[] {
  return host?.startsWith('unix://') === true ? [host.slice('unix://'.length)] : [];
}
