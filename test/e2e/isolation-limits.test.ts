import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeDispatch } from '../support/dispatches.ts';
import { attackWithShell } from '../support/isolation-worker.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { artifactText, intactBundle, results, shellProject, submit, watched } from '../support/shell-project.ts';

interface Excess {
  readonly id: string;
  readonly resources?: object;
  readonly timeoutSeconds?: number;
  readonly script: string;
  /** The code it fails with, where the limit is held. */
  readonly code: string;
  /** Only the kernel can hold it, through an engine. */
  readonly needsEngine?: boolean;
}

// That of the output is in the conformance suite of the providers: here it could not be small.
const excesses: readonly Excess[] = [
  {
    id: 'memory',
    resources: { memoryMb: 160 },
    script: 'const kept = []; for (;;) kept.push(Buffer.alloc(1e7, 1));',
    code: 'memory-limit',
    needsEngine: true,
  },
  {
    id: 'memory-of-tmp',
    resources: { memoryMb: 160, diskMb: 512 },
    script: `const fs = process.getBuiltinModule('node:fs'); const file = fs.openSync('/tmp/fill', 'w');
      const block = Buffer.alloc(1e6, 1);
      try { for (let i = 0; i < 100; i++) fs.writeSync(file, block); process.exit(0) } catch (error) { process.exit(error.code === 'ENOSPC' ? 9 : 8) }`,
    code: 'exit-nonzero',
    needsEngine: true,
  },
  {
    id: 'processes',
    resources: { pids: 32 },
    script: `const { spawn } = process.getBuiltinModule('node:child_process');
      for (let i = 0; i < 100; i++) spawn('sleep', ['30']).on('error', () => process.exit(1));`,
    code: 'pids-limit',
  },
  {
    id: 'disk-of-worktree',
    resources: { diskMb: 16 },
    script: `const fs = process.getBuiltinModule('node:fs');
      for (let i = 0; ; i++) { fs.writeFileSync('f' + i, Buffer.alloc(1e6, 1)); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20); }`,
    code: 'disk-limit',
  },
  {
    id: 'disk-of-outputs',
    resources: { diskMb: 16 },
    script: `const fs = process.getBuiltinModule('node:fs'); const folder = process.env.AGORA_OUTPUT_DIR;
      for (let i = 0; ; i++) { fs.writeFileSync(folder + '/f' + i, Buffer.alloc(1e6, 1)); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20); }`,
    code: 'disk-limit',
  },
  {
    id: 'time',
    timeoutSeconds: 1,
    script: `process.on('SIGTERM', () => {}); for (;;);`,
    code: 'timeout',
  },
];

for (const place of await providerPlaces()) {
  test(`on ${place.name} each limit is hit, named, and no neighbour is harmed`, { skip: place.skip }, async (t) => {
    const project = await shellProject(t, place.compute, { concurrency: 3 });
    await project.serve();
    const tried = excesses.filter(({ needsEngine = false }) => place.name === 'docker' || !needsEngine);
    const items = tried.map(({ id, script, resources = {}, timeoutSeconds = 60 }) => ({
      id,
      resources,
      timeoutSeconds,
      inputs: { subagent: 'node', workerInput: { script } },
    }));
    const neighbour = {
      id: 'neighbour',
      inputs: { subagent: 'node', workerInput: { script: 'setTimeout(() => {}, 500)' } },
    };

    const runId = await submit(project, 'excesses', [...items, neighbour]);
    const ended = await watched(project, runId);

    const bundle = await intactBundle(project, runId);
    const codes = tried.map(({ id }) => [id, results(bundle, id).at(-1)?.body.code]);
    assert.deepEqual(
      codes,
      tried.map(({ id, code }) => [id, code]),
    );
    assert.equal(ended.statuses['neighbour'], 'done');
  });
}

const places = await providerPlaces();
const docker = places.find(({ name }) => name === 'docker');
const sandbox = places.find(({ name }) => name === 'process');

test('on docker a worker gets the share of the processors that it may have', {
  skip: docker?.skip ?? true,
}, async (t) => {
  const project = await shellProject(t, docker?.compute ?? assert.fail('no engine'));
  await project.serve();
  const script = `(${measureProcessor})()`;
  const spin = { id: 'spin', resources: { cpus: 0.25 }, inputs: { subagent: 'node', workerInput: { script } } };

  const runId = await submit(project, 'processors', [spin]);
  await watched(project, runId);

  const bundle = await intactBundle(project, runId);
  const { ofOne } = JSON.parse(await artifactText(project, bundle, { item: 'spin', path: 'used.json' }));
  assert.ok(ofOne > 0 && ofOne < 0.4, `it used ${ofOne} of a processor`);
});

test('without an engine, the limits that nobody holds are told by doctor, at the start, and by describe', {
  skip: sandbox?.skip ?? true,
}, async (t) => {
  const project = await shellProject(t, 'process');

  const doctor = await project.agora(['doctor']);
  const { report, stderr } = await attackWithShell(project, 'true');
  const record = await describeDispatch(project, report.dispatchId);
  const daemon = await project.serve();

  const told = /not held: cpus, memory/;
  assert.match(doctor.stdout, /bubblewrap .*cpus not-enforced, memory not-enforced/);
  assert.match(stderr, told);
  assert.match(record.provider ?? '', told);
  assert.match(daemon.stderr(), told);
});

/** Inside the worker: how much of one processor two busy threads got. */
function measureProcessor(): void {
  const fs = process.getBuiltinModule('node:fs');
  const { Worker } = process.getBuiltinModule('node:worker_threads');
  const startedAt = performance.now();
  const before = process.cpuUsage();
  new Worker('for (;;);', { eval: true });
  while (performance.now() - startedAt < 2_000);
  const { user, system } = process.cpuUsage(before);
  const ofOne = (user + system) / 1_000 / (performance.now() - startedAt);
  fs.writeFileSync(`${process.env['AGORA_OUTPUT_DIR']}/used.json`, JSON.stringify({ ofOne }));
  process.exit(0);
}
