import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startScript } from '../support/dispatches.ts';
import { engineForTests, rawEngine } from '../support/engine.ts';
import { formsOf, leak, secretsBelow, secretsIn, secretValue } from '../support/isolation-secret.ts';
import { attackWith, programOf } from '../support/isolation-worker.ts';
import { printed, providerPlaces } from '../support/provider-place.ts';
import { intactBundle, shellProject, submit, watched } from '../support/shell-project.ts';

const forms = formsOf(secretValue);
const leaking = programOf(leak, { name: 'TOKEN', pauseMs: 20 });

for (const place of await providerPlaces()) {
  test(`on ${place.name} a secret that its dispatch carries out in every form stands nowhere`, {
    skip: place.skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute);
    project.env['GIVEN'] = secretValue;

    const attack = await attackWith(project, leaking, ['--secret', 'TOKEN=env:GIVEN']);

    assert.equal(attack.report.status, 'done', attack.stderr);
    const { dispatchId, redacted } = attack.report;
    const logs = await project.agora(['dispatch', 'logs', dispatchId]);
    const described = await project.agora(['dispatch', 'describe', dispatchId, '--json']);
    assert.match(logs.stdout, /all is out/);
    assert.match(logs.stdout, /<redacted:TOKEN>/);
    const shown = { ...attack, logs: logs.stdout + logs.stderr, described: described.stdout };
    for (const name of ['stdout', 'stderr', 'logs', 'described'] as const)
      assert.deepEqual(secretsIn(name, shown[name], forms), []);
    assert.deepEqual(await secretsBelow(join(project.folder, '.agora'), forms), []);
    for (const file of ['leaked.txt', 'deep/leaked.json', 'existing.txt'])
      assert.ok(
        redacted.some((line) => line.includes(file)),
        `${file} in ${redacted.join()}`,
      );
  });

  test(`on ${place.name} a secret of a run’s item stands neither in its bundle nor anywhere but where it is staged`, {
    skip: place.skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute, { source: { 'existing.txt': 'line\nold\nline\n' } });
    const words = ['env', 'register', '--name', 'creds', '--secret', `TOKEN=inline:${secretValue}`];
    const registered = await project.agora(words);
    assert.equal(registered.code, 0, registered.stderr);
    const daemon = await project.serve();
    const inputs = { subagent: 'node', env: ['creds'], workerInput: { script: leaking } };

    const runId = await submit(project, 'leaks', [{ id: 'leak', inputs }]);
    const ended = await watched(project, runId);
    await intactBundle(project, runId);

    assert.deepEqual(ended.statuses, { leak: 'done' });
    assert.deepEqual(secretsIn('bundle', await project.read('bundle.json'), forms), []);
    assert.deepEqual(secretsIn('records', JSON.stringify(ended.records), forms), []);
    assert.deepEqual(secretsIn('daemon', daemon.stdout() + daemon.stderr(), forms), []);
    assert.deepEqual(await secretsBelow(join(project.folder, '.agora'), forms, ['secrets']), []);
  });

  test(`on ${place.name} no process shows a secret in its arguments while its worker runs`, {
    skip: place.skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute);
    project.env['GIVEN'] = secretValue;
    const { dispatchId } = await startScript(project, 'echo begun; sleep 60', ['--secret', 'TOKEN=env:GIVEN']);
    await printed(place, project, dispatchId, 'begun');

    const shown = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => secretsIn(`arguments of ${pid}`, readOrNothing(`/proc/${pid}/cmdline`), forms));

    assert.deepEqual(shown, []);
    assert.deepEqual(await secretsBelow(join(project.folder, '.agora'), forms), []);
    assert.equal((await project.agora(['dispatch', 'cancel', dispatchId])).code, 0);
  });
}

const { engine, skip } = await engineForTests();

test('an engine knows no secret: not in its container, its image, or the environment of who runs in it as root', {
  skip,
}, async (t) => {
  assert.ok(engine);
  const place = (await providerPlaces()).find(({ name }) => name === 'docker') ?? assert.fail('no engine');
  const project = await shellProject(t, place.compute);
  project.env['GIVEN'] = secretValue;
  const { dispatchId } = await startScript(project, 'echo begun; sleep 60', ['--secret', 'TOKEN=env:GIVEN']);
  await printed(place, project, dispatchId, 'begun');
  const docker = await rawEngine(engine.address);
  const container = docker.getContainer((await place.workerOf(project, dispatchId)) ?? assert.fail('it runs no more'));

  const inspected = await container.inspect();
  const image = docker.getImage(inspected.Image);
  const top: { Processes: readonly (readonly string[])[] } = await container.top({ ps_args: '-eo uid,pid,args' });
  const roots = top.Processes.filter(([uid]) => uid === '0').map(([, pid = '']) => pid);
  const told = {
    container: inspected,
    listed: await docker.listContainers({ all: true, filters: { id: [inspected.Id] } }),
    image: await image.inspect(),
    history: await image.history(),
    top,
    log: (await container.logs({ stdout: true, stderr: true })).toString(),
    changes: await container.changes(),
  };

  assert.deepEqual(secretsIn('engine', JSON.stringify(told), forms), []);
  assert.ok(roots.length >= 2, 'the init and the supervisor');
  for (const pid of roots)
    assert.deepEqual(secretsIn(`environment of ${pid}`, readOrNothing(`/proc/${pid}/environ`), forms), []);
  assert.equal((await project.agora(['dispatch', 'cancel', dispatchId])).code, 0);
});

/** A process may have ended, or belong to somebody else. */
function readOrNothing(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}
