import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { fingerprintOf, publicKeyText } from '../../src/base/fleet-keys.ts';
import type { MetricsSample } from '../../src/contracts/metrics.ts';
import { TestAgent } from '../../src/server/suite-server.ts';
import { anAgent, refused, webSpec, writeSpec } from '../support/fleet-hosts.ts';
import { aFleet } from '../support/fleet-server.ts';
import { aTerminal } from '../support/terminal.ts';

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
  refused(
    await project.agora(['login', url.replace('http', 'https')], adminToken),
    3,
    /it does not speak TLS, so it is http/,
  );
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
  refused(
    await as(viewer, ['host', 'apply', 'box', '-f', spec]),
    1,
    /vera is viewer with this token, it takes operator/,
  );
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

test('a live view draws over itself on a terminal until Ctrl-C', async (t) => {
  const fleet = await aFleet(t);
  const agent = await anAgent(fleet);
  const sampleOf = (cpu: number): MetricsSample => ({
    at: new Date().toISOString(),
    host: {
      cpu,
      load: [1, 1, 1],
      memory: { totalBytes: 2, usedBytes: 1, availableBytes: 1 },
      swap: { totalBytes: 0, usedBytes: 0 },
      disks: [],
      processes: 1,
      uptimeSeconds: 1,
    },
  });
  await agent.heartbeat([sampleOf(0.25)]);

  const terminal = aTerminal(t, fleet.project, 'agora host stats box --live');
  await terminal.shows(/cpu +25 %/);
  await agent.heartbeat([sampleOf(0.75)]);
  await terminal.shows(/cpu +75 %/);
  await terminal.shows('\u001b[3A\u001b[Jbox, ');
  terminal.type('\u0003');
  const { code, shown } = await terminal.ended;

  assert.equal(code, 130, shown);
  assert.doesNotMatch(shown, /defect of agora|\n\s+at /);
});
