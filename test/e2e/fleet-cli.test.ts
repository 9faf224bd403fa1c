import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { fingerprintOf, publicKeyText } from '../../src/base/fleet-keys.ts';
import { TestAgent } from '../../src/server/suite-server.ts';
import { aFleet, type FleetProject, startFleetServer, urlOf } from '../support/fleet-server.ts';
import { emptyProject, type Finished } from '../support/project.ts';
import { aTerminal } from '../support/terminal.ts';

/** A host that is admitted, with nothing on it and nobody who does anything there. */
async function anAgent({ project, url }: FleetProject, name = 'box'): Promise<TestAgent> {
  const made = await project.agora(['token', 'create', '--join']);
  const agent = new TestAgent(url);
  await agent.register({ name, joinToken: made.stdout.trim() });
  await agent.heartbeat();
  return agent;
}

async function reportEmpty(agent: TestAgent, sequence = 1, more: object = {}): Promise<void> {
  const observation = { observedAt: new Date().toISOString(), networks: [], volumes: [], images: [], containers: [] };
  await agent.client.call('report', { body: { sequence, observation, ...more } });
}

async function writeSpec({ project }: FleetProject, text: string, name = 'spec.yaml'): Promise<string> {
  await writeFile(join(project.folder, name), text);
  return name;
}

function refused({ code, stderr }: Finished, expected: number, said: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.match(stderr, said);
  assert.doesNotMatch(stderr, /defect of agora|\n\s+at /);
}

const webSpec = `schemaVersion: 1
networks:
  front:
workspaces:
  web:
    image: nginx:1
    networks: [front]
`;

test('a first start shows the token once and how to go on; a second start shows nothing of it', async (t) => {
  const { project, running, url, adminToken } = await aFleet(t);

  const talk = running.stderr();
  assert.match(talk, new RegExp(`\n  agora login ${url}\n`));
  assert.match(talk, /--restart unless-stopped/);
  assert.match(talk, /\n\s+--gpus all \\\n/);
  assert.match(talk, /--join-token-file \/join-token\n/);
  const joinToken = await project.read('data/join-token');
  assert.match(joinToken, /^agora-join\.[a-z2-7-]{19}\.[\w-]+\n$/);
  await new TestAgent(url).register({ joinToken: joinToken.trim() });
  for (const name of await readdir(join(project.folder, 'data'))) {
    assert.equal((await stat(join(project.folder, 'data', name))).mode & 0o077, 0, name);
  }

  running.child.kill('SIGTERM');
  assert.equal((await running.finished).code, 0);
  const again = await startFleetServer(project);
  assert.equal(again.stdout(), '');
  assert.doesNotMatch(again.stderr(), /agora-user|docker run/);
  const asBefore = await project.agora(['login', urlOf(again)], adminToken);
  assert.equal(asBefore.code, 0, asBefore.stderr);
});

test('two servers never share a folder, and one says so that others can listen in', async (t) => {
  const { project } = await aFleet(t);

  const second = await project.agora(['server', '-d', 'data', '--listen', '127.0.0.1:0']);
  refused(second, 3, /Cannot use data folder ".*data": a server has it, process \d+ on/);

  const open = await startFleetServer(project, ['-d', 'other', '--listen', '0.0.0.0:0']).catch(
    (error: unknown) => error,
  );
  assert.match(String(open), /option "-d" is given twice/);
  const plain = project.start('agora', ['server', '-d', 'other', '-S', '0.0.0.0:0']);
  await waitUntil('the warning', () => plain.stderr().includes('are not encrypted'), { timeoutMs: 60_000 });
  plain.child.kill('SIGINT');
  assert.equal((await plain.finished).code, 0);
});

test('words that a server cannot be started with are told before anything is made', async (t) => {
  const project = await emptyProject(t, 'process');

  refused(
    await project.agora(['server', '-d', 'data', '--listen', 'nowhere']),
    2,
    /Cannot listen on "nowhere": it is not host:port/,
  );
  refused(
    await project.agora(['server', '-d', 'data', '--tls-key', 'k.pem']),
    2,
    /option "--tls-certificate" is missing/,
  );
  assert.ok(!(await readdir(project.folder)).includes('data'));
  const words = ['server', '-d', 'data', '--tls-key', 'k.pem', '--tls-certificate', 'c.pem'];
  refused(await project.agora(words), 2, /Cannot read certificate file "c.pem": ENOENT/);
});

test('a login is kept for its owner only, and each mistake with it says what to do', async (t) => {
  const { project, url, adminToken, running } = await aFleet(t);
  const file = join(project.folder, '.config/agora/contexts.json');
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  const listed = await project.agora(['context', 'list', '--json']);
  const name = new URL(url).host;
  assert.deepEqual(JSON.parse(listed.stdout), [{ name, url, user: 'admin', isCurrent: true }]);
  refused(await project.agora(['login', url], 'agora-user.wrong'), 3, /token is unknown, was revoked or has expired/);
  refused(await project.agora(['login', url], ''), 2, /no token was given/);
  refused(await project.agora(['login', 'localhost:8090'], adminToken), 2, /not http:\/\/… or https:\/\/…/);
  refused(
    await project.agora(['login', 'http://127.0.0.1:1'], adminToken),
    3,
    /Cannot reach the server "http:\/\/127.0.0.1:1"/,
  );
  refused(await project.agora(['host', 'ls', '--server', 'staging']), 2, /no context has this name/);
  // The token of one server is never shown to another.
  refused(await project.agora(['host', 'ls', '--server', 'http://127.0.0.1:1']), 3, /you are not signed in there/);
  refused(await project.agora(['context', 'use', 'nowhere']), 2, new RegExp(`the contexts are ${name}`));

  const renamed = await project.agora(['login', url, '--context', 'home'], adminToken);
  assert.equal(renamed.code, 0, renamed.stderr);
  assert.equal((await project.agora(['context', 'use', name])).code, 0);
  assert.equal((await project.agora(['context', 'remove', 'home'])).code, 0);
  assert.equal((await project.agora(['logout'])).code, 0);
  refused(await project.agora(['host', 'ls']), 3, /you are not signed in to any\n\s+next: Sign in: agora login/);

  project.env['AGORA_SERVER'] = url;
  project.env['AGORA_TOKEN'] = adminToken;
  assert.equal((await project.agora(['host', 'ls'])).code, 0);
  running.child.kill('SIGKILL');
  await running.finished;
  refused(await project.agora(['host', 'ls']), 3, /ECONNREFUSED[\s\S]*next: .*agora server/);
});

test('on a terminal the token is asked for and not shown', async (t) => {
  const { project, url, adminToken } = await aFleet(t);
  await project.agora(['logout']);

  const terminal = aTerminal(t, project, `agora login ${url}`);
  await terminal.shows('Token: ');
  terminal.type(`${adminToken}\r`);
  const { code, shown } = await terminal.ended;

  assert.equal(code, 0, shown);
  assert.doesNotMatch(shown, /agora-user/);
});

test('users have what their role allows, tokens end, and all of it is in the activity log', async (t) => {
  const fleet = await aFleet(t);
  const { project, as } = fleet;
  await anAgent(fleet);
  const spec = await writeSpec(fleet, webSpec);

  const viewer = (await project.agora(['user', 'add', 'vera', 'viewer'])).stdout.trim();
  refused(
    await project.agora(['user', 'add', 'vera', 'viewr']),
    2,
    /the roles are viewer, operator, admin \(did you mean "viewer"\?\)/,
  );
  const planned = await as(viewer, ['host', 'plan', 'box', '-f', spec]);
  assert.equal(planned.code, 0, planned.stderr);
  refused(await as(viewer, ['host', 'apply', 'box', '-f', spec]), 1, /vera is viewer, it takes operator/);
  assert.equal((await project.agora(['user', 'role', 'vera', 'operator'])).code, 0);
  assert.equal((await as(viewer, ['host', 'apply', 'box', '-f', spec])).stdout, '1\n');

  const short = (await as(viewer, ['token', 'create', '--ttl', '1s', '--label', 'short'])).stdout.trim();
  await waitUntil('the token to expire', async () => (await as(short, ['host', 'ls'])).code === 3, {
    timeoutMs: 20_000,
  });
  refused(await as(short, ['host', 'ls']), 3, /has expired\n\s+next: Sign in again/);
  const tokens = JSON.parse((await project.agora(['token', 'list', '--json'])).stdout);
  assert.deepEqual(tokens.map(({ user, label }: Record<string, string>) => `${user} ${label}`).sort(), [
    'admin first',
    'vera first',
    'vera short',
  ]);
  const { tokenId } = tokens.find(({ label, user }: Record<string, string>) => label === 'first' && user === 'vera');
  assert.equal((await project.agora(['token', 'revoke', tokenId.slice(0, 10)])).code, 0);
  refused(await as(viewer, ['host', 'ls']), 3, /unknown, was revoked/);
  refused(await project.agora(['token', 'revoke', 't-nothing']), 3, /Cannot find token "t-nothing"/);

  const joins = (await project.agora(['token', 'list', '--join'])).stdout.trim().split('\n');
  assert.equal(joins.length, 2);
  assert.equal((await project.agora(['token', 'revoke', '--join', joins[0]?.split('\t')[0] ?? ''])).code, 0);
  assert.equal((await project.agora(['user', 'remove', 'vera'])).code, 0);
  refused(await project.agora(['user', 'remove', 'admin']), 1, /nobody else is an admin/);
  assert.equal((await project.agora(['user', 'list'])).stdout.split('\t')[0], 'admin');

  const done = JSON.parse((await project.agora(['activity', '--json'])).stdout).map(
    ({ action }: { action: string }) => action,
  );
  for (const action of ['user.remove', 'token.revoke', 'spec.apply', 'refused', 'user.role', 'join-token.create'])
    assert.ok(done.includes(action), action);
  const one = await project.agora(['activity', '--subject', 'host:box', '--limit', '1']);
  assert.match(one.stdout, /^\d+\t.*\tuser:vera\tspec.apply\thost:box\trevision=1/);
});

test('a host that waits is listed with its fingerprint, admitted with it and with no other', async (t) => {
  const fleet = await aFleet(t);
  const { project } = fleet;
  const agent = new TestAgent(fleet.url);
  await agent.register({ name: 'box' });
  const fingerprint = fingerprintOf(publicKeyText(agent.key));

  const listed = await project.agora(['host', 'ls']);
  assert.match(listed.stdout, /^box\tpending\tonline, plaintext\t0\.0\.0 up .*\tunknown\t\t127\.0\.0\.1\n$/);
  assert.match(listed.stderr, new RegExp(`agora host approve box ${fingerprint}\n`));
  refused(await project.agora(['host', 'approve', 'box']), 2, new RegExp(`agora host approve box ${fingerprint}`));
  refused(await project.agora(['host', 'approve', 'box', 'aaaa-bbbb-cccc-dddd']), 1, /its fingerprint is not/);
  refused(await project.agora(['host', 'apply', 'box', '-f', await writeSpec(fleet, webSpec)]), 1, /it is pending/);

  const terminal = aTerminal(t, project, 'agora host approve bo');
  await terminal.shows('its agent prints: ');
  terminal.type(`${fingerprint.toUpperCase()}\r`);
  assert.equal((await terminal.ended).code, 0);
  assert.equal((await agent.heartbeat()).admission, 'admitted');

  refused(await project.agora(['host', 'rm', 'box']), 1, /next: Revoke it first: agora host revoke box/);
  assert.equal((await project.agora(['host', 'rotate', 'box'])).code, 0);
  assert.equal((await agent.heartbeat()).wantsNewKeys, true);
  assert.equal((await project.agora(['host', 'rename', 'box', 'crate'])).code, 0);
  refused(await project.agora(['host', 'rename', 'crate', '-x']), 2, /unknown option/);
  refused(await project.agora(['host', 'rename', 'crate', 'a b']), 2, /Cannot use host name "a b"/);
  assert.equal((await project.agora(['host', 'revoke', 'crate'])).code, 0);
  assert.equal((await project.agora(['host', 'rm', 'crate'])).code, 0);
  refused(await project.agora(['host', 'status', 'crate']), 3, /Cannot find host "crate": there are none yet/);
});

test('a new machine takes the place of an old one with its name and spec', async (t) => {
  const fleet = await aFleet(t);
  const { project } = fleet;
  await anAgent(fleet);
  assert.equal((await project.agora(['host', 'apply', 'box', '-f', await writeSpec(fleet, webSpec)])).code, 0);
  const fresh = new TestAgent(fleet.url);
  await fresh.register({ name: 'box' });

  const words = ['host', 'approve', 'box-2', fingerprintOf(publicKeyText(fresh.key)), '--replaces', 'box'];
  const approved = await project.agora(words);

  assert.equal(approved.code, 0, approved.stderr);
  const hosts = JSON.parse((await project.agora(['host', 'ls', '--json'])).stdout);
  assert.equal(hosts.length, 1);
  assert.deepEqual([hosts[0].name, hosts[0].publicKey, hosts[0].desiredRevision], ['box', publicKeyText(fresh.key), 1]);
});

test('settings of a host are printed and changed one by one', async (t) => {
  const fleet = await aFleet(t);
  const { project } = fleet;
  const agent = await anAgent(fleet);

  const changed = await project.agora(['host', 'set', 'box', 'heartbeatSeconds=5', 'metrics.gpu=false', '--json']);
  assert.equal(changed.code, 0, changed.stderr);
  const { settings } = await agent.heartbeat();
  assert.deepEqual(JSON.parse(changed.stdout), settings);
  assert.deepEqual([settings.heartbeatSeconds, settings.metrics.gpu, settings.metrics.host], [5, false, true]);
  assert.match((await project.agora(['host', 'set', 'box'])).stdout, /^heartbeatSeconds\t5$/m);
  refused(await project.agora(['host', 'set', 'box', 'heartbeat=5']), 2, /there is no such setting/);
  refused(await project.agora(['host', 'set', 'box', 'enabled=maybe']), 2, /it takes true, false or a number/);
  refused(await project.agora(['host', 'set', 'box', 'heartbeatSeconds=0']), 2, /heartbeatSeconds/);
});

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
    /spec\.yaml:14:3: workspaces\.api\.image: is missing/,
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
  await writeFile(join(project.folder, 'key.txt'), 'the-file-secret\n');

  refused(
    await project.agora(['host', 'apply', 'box', '-f', spec]),
    3,
    /spec\.yaml:9:7: workspaces\.web\.secrets\.TOKEN: .*not set/,
  );
  project.env['WEB_TOKEN'] = 'the-env-secret';
  const applied = await project.agora(['host', 'apply', 'box', '-f', spec, '-m', 'first']);

  assert.equal(applied.code, 0, applied.stderr);
  const { state } = await agent.client.call('desired', {});
  assert.deepEqual(Object.keys(state.sealed).sort(), ['env:WEB_TOKEN', 'file:./key.txt']);
  for (const name of ['server.db', 'server.db-wal']) {
    const bytes = await readFile(join(project.folder, 'data', name));
    for (const secret of ['the-env-secret', 'the-file-secret']) assert.ok(!bytes.includes(secret), name);
  }
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
  const other = await writeSpec(fleet, webSpec.replace('nginx:1', 'nginx:2'), 'other.yaml');
  refused(await project.agora(['host', 'apply', 'box', '-f', other, '--check', index]), 3, /has moved since/);

  const waiting = project.start('agora', ['host', 'rollback', 'box', '--to', '1', '--wait', '--timeout', '60s']);
  await waitUntil('the rollback', () => waiting.stderr().includes('revision 2'), { timeoutMs: 60_000 });
  await agent.client.call('desired', {});
  const now = new Date().toISOString();
  await reportEmpty(agent, 2, {
    revision: 2,
    times: { planned: now, applied: now, healthy: now },
    steps: [],
    workspaces: [{ name: 'web', state: 'running', restarts: 1, image: 'nginx:1' }],
    problems: [{ name: 'web', message: 'is slow', next: 'Look at it.' }],
  });
  const waited = await waiting.finished;
  assert.deepEqual([waited.code, waited.stdout], [0, '2\n'], waited.stderr);
  assert.match(waited.stderr, /accepted .* → delivered \+.* → planned \+.* → applied \+.* → healthy \+/);

  const status = await project.agora(['host', 'status', 'bo']);
  assert.match(status.stdout, /^box: admitted; link online, plaintext; agent 0\.0\.0 up .*; engine up/);
  assert.match(status.stdout, /^revision 2 by user:admin "as revision 1": accepted .* → healthy \+/m);
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
      ['2', 'healthy', 'user:admin', 'as revision 1'],
      ['1', 'accepted', 'user:admin', 'the "first"'],
    ],
  );
  assert.match((await project.agora(['host', 'diff', 'box'])).stdout, /nginx:1.*nginx:2/);

  const exported = await project.agora(['host', 'export', 'box', '--revision', '2']);
  assert.equal(
    exported.stdout,
    `schemaVersion: 1\nnetworks:\n  front: {}\nworkspaces:\n  web:\n    image: nginx:1\n    networks:\n      - front\n`,
  );
  const same = await project.agora(['host', 'apply', 'box', '-f', '-', '--json'], exported.stdout);
  const revisions = JSON.parse((await project.agora(['host', 'history', 'box', '--json'])).stdout);
  assert.equal(JSON.parse(same.stdout).change.specDigest, revisions.at(-1).specDigest);
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
  await waitUntil('the second', () => waiting.stdout() !== '', { timeoutMs: 60_000 });
  await reportEmpty(agent, 1, {
    revision: 2,
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
  assert.ok(Buffer.from(await fetched.arrayBuffer()).includes('FROM scratch'));

  const exported = (await project.agora(['host', 'export', 'box'])).stdout;
  assert.ok(exported.includes(digest));
  const reapplied = await project.agora(['host', 'apply', 'box', '-f', '-'], exported);
  assert.equal(reapplied.code, 0, reapplied.stderr);
  const unknown = await project.agora(
    ['host', 'apply', 'box', '-f', '-'],
    exported.replace(/sha256:..../, 'sha256:0000'),
  );
  refused(unknown, 3, /build context of image "app" was not handed in/);
});

test('a backup of a running server is a server again, with its hosts, users and key', async (t) => {
  const fleet = await aFleet(t);
  const { project, running, url, adminToken } = fleet;
  const agent = await anAgent(fleet);
  await project.agora(['host', 'apply', 'box', '-f', await writeSpec(fleet, webSpec)]);

  const saved = await project.agora(['server', 'backup', 'all.tar', '-d', 'data']);
  assert.equal(saved.code, 0, saved.stderr);
  assert.equal((await stat(join(project.folder, 'all.tar'))).mode & 0o777, 0o600);
  refused(await project.agora(['server', 'backup', 'all.tar', '-d', 'data']), 2, /there is such a file/);
  refused(await project.agora(['server', 'backup', 'b.tar', '-d', 'nowhere']), 3, /no server has its data there/);
  refused(await project.agora(['server', 'restore', 'all.tar', '-d', 'data']), 1, /Cannot restore into/);
  await writeFile(
    join(project.folder, 'half.tar'),
    (await readFile(join(project.folder, 'all.tar'))).subarray(0, 5_000),
  );
  refused(await project.agora(['server', 'restore', 'half.tar', '-d', 'new']), 1, /Cannot restore ".*half.tar"/);
  assert.deepEqual(await readdir(join(project.folder, 'new')), []);

  const restored = await project.agora(['server', 'restore', 'all.tar', '-d', 'new']);
  assert.equal(restored.code, 0, restored.stderr);
  const key = /server key (\S+)/.exec(running.stderr())?.[1];
  running.child.kill('SIGTERM');
  await running.finished;
  await project.shell('mv data old && mv new data');
  const again = await startFleetServer(project, ['--listen', new URL(url).host]);
  assert.equal(/server key (\S+)/.exec(again.stderr())?.[1], key);
  const listed = await project.agora(['host', 'ls']);
  assert.match(listed.stdout, /^box\tadmitted\t.*\t1 \(applied: none\)\t127\.0\.0\.1$/m);
  assert.equal((await project.agora(['login', url], adminToken)).code, 0);

  // The host went on after the backup: what is declared next is past what it has.
  await agent.register({ name: 'box' });
  await reportEmpty(agent, 1, { revision: 5 });
  const applied = await project.agora(['host', 'apply', 'box', '-f', 'spec.yaml']);
  assert.deepEqual([applied.code, applied.stdout], [0, '6\n'], applied.stderr);
  const rolledBack = await project.agora(['host', 'rollback', 'box']);
  assert.deepEqual([rolledBack.code, rolledBack.stdout], [0, '7\n'], rolledBack.stderr);
});
