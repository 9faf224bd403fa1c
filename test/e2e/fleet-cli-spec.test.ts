import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { anAgent, refused, reportEmpty, webSpec, writeSpec } from '../support/fleet-hosts.ts';
import { aFleet } from '../support/fleet-server.ts';

test('every problem of a spec is told with its line, and nothing is changed', async (t) => {
  const fleet = await aFleet(t);
  const { project } = fleet;
  await anAgent(fleet);
  const tell = async (text: string) => {
    const told = await project.agora(['host', 'apply', 'box', '-f', await writeSpec(fleet, text)]);
    refused(told, 2, /Cannot (use|read) /);
    return told.stderr;
  };

  const shape = await tell(`schemaVersion: 1
worspaces: {}
volumes:
  "bad name": {}
workspaces:
  web:
    ports:
      - container: 99999
    memory: lots
    health:
      command: []
      intervall: 5
    restart: sometimes
  api: {}
`);
  for (const said of [
    /spec\.yaml:2:1: worspaces: there is no such key \(did you mean "workspaces"\?\)/,
    /spec\.yaml:4:3: volumes\.bad name: must be 1 to 63 characters/,
    /spec\.yaml:6:3: workspaces\.web\.image: is missing/,
    /spec\.yaml:8:9: workspaces\.web\.ports\.0\.container: /,
    /spec\.yaml:9:5: workspaces\.web\.memory: must be bytes, or a number with k, m, g or t/,
    /spec\.yaml:11:7: workspaces\.web\.health\.command: /,
    /spec\.yaml:12:7: workspaces\.web\.health\.intervall: there is no such key \(did you mean "interval"\?\)/,
    /spec\.yaml:13:5: workspaces\.web\.restart: /,
    /spec\.yaml:14:3: workspaces\.api\.image: is missing\n {2}next: docs\/reference\/host-spec\.md has every field/,
  ]) {
    assert.match(shape, said);
  }

  const meaning = await tell(`schemaVersion: 1
networks: { front: {} }
workspaces:
  web:
    image: nginx:1
    networks:
      - frnt
    mounts:
      - { type: volume, volume: data, target: /data }
`);
  assert.match(meaning, /2 problems/);
  assert.match(
    meaning,
    /spec\.yaml:7:9: workspaces\.web\.networks\.0: no network "frnt" is declared \(did you mean "front"\?\)/,
  );
  assert.match(meaning, /spec\.yaml:9:\d+: workspaces\.web\.mounts\.0\.volume: no volume "data" is declared/);

  assert.match(await tell('schemaVersion: 1\nworkspaces:\n  web: {image: a}\n  web: {image: b}\n'), /spec\.yaml:4:3/);
  assert.match(
    await tell('schemaVersion: 1\nimages:\n  app:\n    build: { context: ./nowhere }\n'),
    /spec\.yaml:4:14: there is no such folder/,
  );
  refused(await project.agora(['host', 'apply', 'box', '-f', 'none.yaml']), 2, /there is no such file/);
  refused(await project.agora(['host', 'apply', 'box']), 2, /option "--file" is missing/);
  const good = await writeSpec(fleet, webSpec, 'good.yaml');
  refused(
    await project.agora(['host', 'apply', 'box', '-f', good, '--wait', '--timeout', '5x']),
    2,
    /not a time such as/,
  );
  refused(await project.agora(['host', 'apply', 'box', '-f', good, '--timeout', '5m']), 2, /it is for --wait/);
  refused(await project.agora(['host', 'apply', 'bx', '-f', await writeSpec(fleet, webSpec)]), 3, /did you mean "box"/);
  assert.equal((await project.agora(['host', 'history', 'box'])).stdout, '');
});

test('secrets are looked up here, reach the host only, and one that is missing is told with its line', async (t) => {
  const fleet = await aFleet(t);
  const { project } = fleet;
  const agent = await anAgent(fleet);
  const spec = await writeSpec(
    fleet,
    `${webSpec}    secrets:\n      TOKEN: env:WEB_TOKEN\n      KEY: file:./key.txt\n`,
  );
  const twoMissing = `${webSpec}    secrets:\n      TOKEN: env:WEB_TOKEN\n      KEY: file:./none.txt\n`;
  await writeFile(join(project.folder, 'key.txt'), 'the-file-secret\n');

  const early = await project.agora(['host', 'plan', 'box', '-f', spec]);
  assert.match(early.stderr, /spec\.yaml:9:7: .*TOKEN: .*not set.*; its value is not compared/);
  assert.equal(early.code, 0);
  const missing = await project.agora(['host', 'apply', 'box', '-f', await writeSpec(fleet, twoMissing, 'two.yaml')]);
  refused(missing, 3, /2 secrets are missing\n {2}two\.yaml:9:7: .*TOKEN: .*not set.*\n {2}two\.yaml:10:7: .*KEY: /);
  project.env['WEB_TOKEN'] = 'the-env-secret';
  const applied = await project.agora(['host', 'apply', 'box', '-f', spec, '-m', 'first']);

  assert.equal(applied.code, 0, applied.stderr);
  const { state } = await agent.client.call('desired', {});
  assert.deepEqual(Object.keys(state.sealed).sort(), ['env:WEB_TOKEN', 'file:./key.txt']);
  for (const name of ['server.db', 'server.db-wal']) {
    const bytes = await readFile(join(project.folder, 'data', name));
    for (const secret of ['the-env-secret', 'the-file-secret']) assert.ok(!bytes.includes(secret), name);
  }

  const index = JSON.parse((await project.agora(['host', 'plan', 'box', '-f', spec, '--json'])).stdout).index;
  project.env['WEB_TOKEN'] = 'another-secret';
  refused(await project.agora(['host', 'apply', 'box', '-f', spec, '--check', index]), 3, /a secret has moved since/);
  assert.equal((await project.agora(['host', 'apply', 'box', '-f', spec])).stdout, '2\n');
});

test('a spec goes through plan, check, apply, status, diff, history, rollback and export', async (t) => {
  const fleet = await aFleet(t);
  const { project } = fleet;
  const agent = await anAgent(fleet);
  const spec = await writeSpec(fleet, webSpec);

  const early = await project.agora(['host', 'plan', 'box', '-f', spec]);
  assert.match(early.stderr, /has not reported yet/);
  await reportEmpty(agent);
  const plan = await project.agora(['host', 'plan', 'box', '-f', spec]);
  assert.match(plan.stdout, /^create-network front: .*$/m);
  assert.match(plan.stdout, /^pull-image nginx:1: .*$|^create-workspace web: .*$/m);
  const [, index = ''] = /^index (\S+)$/m.exec(plan.stdout) ?? [];
  assert.match(plan.stderr, new RegExp(`--check ${index}`));
  const wrong = await project.agora(['host', 'apply', 'box', '-f', spec, '--check', 'sha256:0']);
  refused(wrong, 3, /has moved since[\s\S]*next: Look at the new plan/);
  const applied = await project.agora(['host', 'apply', 'box', '-f', spec, '--check', index, '-m', 'the "first"']);
  assert.deepEqual([applied.code, applied.stdout], [0, '1\n'], applied.stderr);
  const unchanged = await project.agora(['host', 'apply', 'box', '-f', spec, '-m', 'the same']);
  assert.deepEqual([unchanged.code, unchanged.stdout], [0, '1\n'], unchanged.stderr);
  assert.match(unchanged.stderr, /unchanged: revision 1 declares just this/);
  const other = await writeSpec(fleet, webSpec.replace('nginx:1', 'nginx:2'), 'other.yaml');
  refused(await project.agora(['host', 'apply', 'box', '-f', other, '--check', index]), 3, /has moved since/);

  const waiting = project.start('agora', [
    'host',
    'apply',
    'box',
    '-f',
    spec,
    '--again',
    '-m',
    'as before',
    '--wait',
    '--timeout',
    '60s',
  ]);
  await waitUntil('the revision', () => waiting.stderr().includes('revision 2'), { timeoutMs: 60_000 });
  await agent.client.call('desired', {});
  const now = new Date().toISOString();
  await reportEmpty(agent, 2, {
    revision: 2,
    times: { planned: now, applied: now, healthy: now },
    steps: [],
    workspaces: [{ name: 'web', state: 'running', restarts: 1, image: 'nginx:1' }],
    problems: [],
  });
  const waited = await waiting.finished;
  assert.deepEqual([waited.code, waited.stdout], [0, '2\n'], waited.stderr);
  assert.match(waited.stderr, /accepted .* → delivered \+.* → planned \+.* → applied \+.* → healthy \+/);

  const problems = [{ name: 'web', message: 'is slow', next: 'Look at it.' }];
  await reportEmpty(agent, 3, { revision: 2, problems });
  const since = await project.agora(['host', 'apply', 'box', '-f', spec, '--wait', '--timeout', '2s']);
  refused(since, 3, /unchanged: revision 2[\s\S]*→ healthy .*web: is slow[\s\S]*not healthy after 2 s/);
  const status = await project.agora(['host', 'status', 'bo']);
  assert.match(status.stdout, /^box: admitted; link online, plaintext; agent 0\.0\.0 up .*; engine up/);
  assert.match(status.stdout, /^revision 2 by user:admin "as before": accepted .* → healthy \+/m);
  assert.match(status.stdout, /^workspace web: running; nginx:1; 1 restart$/m);
  assert.match(status.stdout, /^problem web: is slow; next: Look at it\.$/m);
  assert.equal(JSON.parse((await project.agora(['host', 'status', 'box', '--json'])).stdout).change.revision, 2);

  const diff = await project.agora(['host', 'diff', 'box', '-f', other]);
  assert.deepEqual([diff.code, diff.stdout], [1, '~ workspaces.web.image: "nginx:1" → "nginx:2"\n']);
  assert.deepEqual([(await project.agora(['host', 'diff', 'box', '-f', spec])).code], [0]);
  assert.equal(
    (await project.agora(['host', 'apply', 'box', '-f', '-'], await readFile(join(project.folder, other), 'utf8')))
      .stdout,
    '3\n',
  );
  const history = (await project.agora(['host', 'history', 'box'])).stdout.trim().split('\n');
  assert.deepEqual(
    history.map((line) => line.split('\t').filter((_, column) => column !== 2)),
    [
      ['3', 'accepted', 'user:admin', ''],
      ['2', 'healthy', 'user:admin', 'as before'],
      ['1', 'accepted', 'user:admin', 'the "first"'],
    ],
  );
  assert.match((await project.agora(['host', 'diff', 'box'])).stdout, /nginx:1.*nginx:2/);

  const exported = await project.agora(['host', 'export', 'box', '--revision', '2']);
  assert.equal(
    exported.stdout,
    `schemaVersion: 1\nnetworks:\n  front: {}\nworkspaces:\n  web:\n    image: nginx:1\n    networks:\n      - front\n`,
  );
  const rolledBack = await project.agora(['host', 'rollback', 'box']);
  assert.deepEqual([rolledBack.code, rolledBack.stdout], [0, '4\n'], rolledBack.stderr);
  const same = await project.agora(['host', 'apply', 'box', '-f', '-', '--json'], exported.stdout);
  assert.deepEqual([JSON.parse(same.stdout).isNew, JSON.parse(same.stdout).change.revision], [false, 4]);
  refused(await project.agora(['host', 'export', 'box', '--revision', '9']), 3, /Cannot find revision 9/);
  refused(await project.agora(['host', 'rollback', 'box', '--to', '99']), 3, /its latest revision is 4/);
});

test('waiting ends when the host says that a workspace failed, or when the time is over', async (t) => {
  const fleet = await aFleet(t);
  const { project } = fleet;
  const agent = await anAgent(fleet);
  const spec = await writeSpec(fleet, webSpec);

  const late = await project.agora(['host', 'apply', 'box', '-f', spec, '--wait', '--timeout', '1s']);
  refused(late, 3, /it is not healthy after 1 s\n\s+next: .*agora host status box/);
  const waiting = project.start('agora', ['host', 'apply', 'box', '-f', spec, '--wait']);
  await waitUntil('the number', () => waiting.stdout() !== '', { timeoutMs: 60_000 });
  await agent.client.call('desired', {});
  await reportEmpty(agent, 1, {
    revision: 1,
    times: { planned: new Date().toISOString() },
    workspaces: [{ name: 'web', state: 'failed', restarts: 0, reason: 'exited with code 1' }],
    problems: [{ name: 'web', message: 'exited with code 1' }],
  });
  const failed = await waiting.finished;

  assert.equal(failed.code, 1, failed.stderr);
  assert.match(failed.stderr, /exited with code 1/);
});

test('a folder to build from is handed in once, and exported it is still known', async (t) => {
  const fleet = await aFleet(t);
  const { project } = fleet;
  const agent = await anAgent(fleet);
  await mkdir(join(project.folder, 'app'));
  await writeFile(join(project.folder, 'app', 'Dockerfile'), 'FROM scratch\n');
  const spec = await writeSpec(fleet, 'schemaVersion: 1\nimages:\n  app:\n    build:\n      context: app\n');

  const first = await project.agora(['host', 'apply', 'box', '-f', spec]);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /handing in .*app/);
  const again = await project.agora(['host', 'apply', 'box', '-f', spec]);
  assert.doesNotMatch(again.stderr, /handing in/);
  const { state } = await agent.client.call('desired', {});
  const digest = state.spec.images['app']?.build?.context ?? '';
  const fetched = await agent.client.send('fetchContext', { params: { digest } });
  assert.ok(fetched.body !== null);
  assert.match(await text(fetched.body), /FROM scratch/);

  const exported = (await project.agora(['host', 'export', 'box'])).stdout;
  assert.ok(exported.includes(digest));
  const reapplied = await project.agora(['host', 'apply', 'box', '-f', '-'], exported);
  assert.equal(reapplied.code, 0, reapplied.stderr);
  const unknown = await project.agora(
    ['host', 'apply', 'box', '-f', '-'],
    exported.replace(/sha256:..../, 'sha256:0000'),
  );
  refused(unknown, 3, /build context of image "app" is not here/);
});
