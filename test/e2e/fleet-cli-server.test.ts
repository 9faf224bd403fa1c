import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { openSealedText } from '../../src/base/sealed-box.ts';
import { SqliteDatabase } from '../../src/base/sqlite-database.ts';
import { migrations } from '../../src/server/store-schema.ts';
import { TestAgent } from '../../src/server/suite-server.ts';
import { anAgent, refused, reportEmpty, webSpec, writeSpec } from '../support/fleet-hosts.ts';
import { aFleet, startFleetServer, urlOf } from '../support/fleet-server.ts';
import { emptyProject } from '../support/project.ts';
import { smallDisk, withoutSmallDisks } from '../support/small-disk.ts';

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

test('a backup of a running server is a server again, with its hosts, users and key', async (t) => {
  const fleet = await aFleet(t);
  const { project, running, url, adminToken } = fleet;
  const agent = await anAgent(fleet);
  const secret = 'kept-from-everybody-else';
  project.env['TOKEN'] = secret;
  const withSecret = `${webSpec}    secrets: { TOKEN: 'env:TOKEN' }\n`;
  await project.agora(['host', 'apply', 'box', '-f', await writeSpec(fleet, withSecret)]);
  await agent.client.call('desired', {});

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
  const { sealed } = (await agent.client.call('desired', {})).state;
  assert.equal(openSealedText(agent.sealing, sealed['env:TOKEN'] ?? assert.fail(), 'env:TOKEN'), secret);
  const exported = await project.agora(['host', 'export', 'box']);
  assert.match(exported.stdout, /env:TOKEN/);
  const activity = await project.agora(['activity', '--json']);
  const backup = await readFile(join(project.folder, 'all.tar'), 'latin1');
  for (const text of [exported.stdout, activity.stdout, running.stderr(), again.stderr(), backup])
    assert.ok(!text.includes(secret) && !text.includes(adminToken));
  await reportEmpty(agent, 1, { revision: 5 });
  const applied = await project.agora(['host', 'apply', 'box', '-f', 'spec.yaml']);
  assert.deepEqual([applied.code, applied.stdout], [0, '6\n'], applied.stderr);
  const anew = await project.agora(['host', 'apply', 'box', '-f', 'spec.yaml', '--again']);
  assert.deepEqual([anew.code, anew.stdout], [0, '7\n'], anew.stderr);
});

test('with a certificate everything is encrypted, and who does not know its authority is told', async (t) => {
  const project = await emptyProject(t, 'process');
  const made = await project.shell(
    `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out chain.pem -days 2 \\
      -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1`,
  );
  assert.equal(made.code, 0, made.stderr);
  const running = await startFleetServer(project, [
    '--tls-certificate',
    'chain.pem',
    '--tls-key',
    'key.pem',
    '--require-tls',
  ]);
  const url = urlOf(running);
  assert.match(url, /^https:/);
  await waitUntil('its token', () => running.stdout().includes('agora-user'), { timeoutMs: 60_000 });

  refused(
    await project.agora(['login', url], running.stdout()),
    3,
    /self.signed certificate[\s\S]*NODE_EXTRA_CA_CERTS/,
  );
  await project.shell('cp chain.pem good.pem');
  project.env['NODE_EXTRA_CA_CERTS'] = join(project.folder, 'good.pem');
  const login = await project.agora(['login', url], running.stdout());
  assert.equal(login.code, 0, login.stderr);
  refused(await project.agora(['login', url.replace('https', 'http')], running.stdout()), 3, /Cannot reach the server/);

  await project.shell('echo half >chain.pem');
  running.child.kill('SIGHUP');
  const said = (words: string) => waitUntil(words, () => running.stderr().includes(words), { timeoutMs: 30_000 });
  await said('the certificate before stays in use');
  assert.equal((await project.agora(['token', 'list'])).code, 0);
  await project.shell('openssl req -x509 -key key.pem -out chain.pem -days 2 -subj /CN=renewed');
  running.child.kill('SIGHUP');
  await said('is a new one, used from now on');
  await writeFile(join(project.folder, 'broken.pem'), 'no key');
  const words = [
    'server',
    '-d',
    'other',
    '--listen',
    '127.0.0.1:0',
    '--tls-certificate',
    'chain.pem',
    '--tls-key',
    'broken.pem',
  ];
  refused(await project.agora(words), 2, /Cannot use certificate "chain\.pem" with key "broken\.pem"/);
});

test('a place that cannot be used is told in plain words, and nothing is left there', async (t) => {
  const { project } = await aFleet(t);
  await project.shell('touch file');

  refused(await project.agora(['server', 'backup', 'nowhere/all.tar', '-d', 'data']), 3, /its folder is not there/);
  refused(await project.agora(['server', '-d', 'file']), 2, /Cannot use data folder ".*file": there is such a file/);
  refused(await project.agora(['server', '-d', 'file/data']), 2, /a file is where a folder should be/);
  assert.equal((await project.agora(['server', 'backup', 'all.tar', '-d', 'data'])).code, 0);
  refused(await project.agora(['server', 'restore', 'all.tar', '-d', 'file']), 2, /there is such a file/);
  refused(await project.agora(['server', 'restore', 'data', '-d', 'new']), 1, /Cannot restore ".*data"/);
  const left = (await readdir(project.folder)).filter((name) => name.startsWith('.all.tar'));
  assert.deepEqual(left, []);
});

test('an address that is taken is told, and nothing of the folder stays locked', async (t) => {
  const { project, url } = await aFleet(t);
  const { host } = new URL(url);

  const taken = await project.agora(['server', '-d', 'other', '--listen', host]);
  refused(taken, 3, /Cannot listen on ".*": another program listens there[\s\S]*next: Choose another address/);
  assert.doesNotMatch(taken.stdout + taken.stderr, /agora-user/);
  const later = project.start('agora', ['server', '-d', 'other', '--listen', '127.0.0.1:0']);
  await waitUntil('its token', () => later.stdout().includes('agora-user'), { timeoutMs: 60_000 });
  later.child.kill('SIGTERM');
  assert.equal((await later.finished).code, 0);
});

test('who lost the admin’s token makes another one where the data lie, and nobody else can', async (t) => {
  const { project, url } = await aFleet(t);

  refused(await project.agora(['server', 'token', '-d', 'nowhere']), 3, /there is no such file/);
  const made = await project.agora(['server', 'token', '-d', 'data']);

  assert.match(made.stdout, /^agora-user\.[\w-]{43}\n$/);
  refused(await project.agora(['token', 'revoke', 't-']), 2, /all of them begin so/);
  assert.equal((await project.agora(['logout'])).code, 0);
  assert.equal((await project.agora(['login', url], made.stdout)).code, 0);
  const activity = await project.agora(['activity', '--json']);
  assert.match(activity.stdout, /agora server token/);
});

test('a newer Agora makes no token under a server that is older, and leaves its database as it is', async (t) => {
  const { project } = await aFleet(t);
  const file = join(project.folder, 'older', 'server.db');
  const older = { file, subject: 'server state', migrations: migrations.slice(0, -1) };
  new SqliteDatabase(older).close();

  refused(
    await project.agora(['server', 'token', '-d', 'older']),
    3,
    /it has schema version \d+, this Agora wants \d+\n[\s\S]*next: Use the Agora that its server runs with/,
  );
  new SqliteDatabase(older).close();
});

test('a first start without space says so, and shows the token at the start after it', {
  skip: withoutSmallDisks,
}, async (t) => {
  const project = await emptyProject(t, 'process');
  const disk = await smallDisk(1024 * 1024);
  t.after(() => disk.close());
  const start = ['server', '-d', join(disk.folder, 'data'), '--listen', '127.0.0.1:0'];
  await disk.fill();

  const full = await project.agora(start);
  await disk.free();
  const later = project.start('agora', start);
  await waitUntil('its token', () => later.stdout().includes('agora-user'), { timeoutMs: 60_000 });
  later.child.kill('SIGTERM');

  refused(full, 3, /: (its disk is full|no space is left on its disk)\n[\s\S]*next: Free some space/);
  assert.equal((await later.finished).code, 0);
});

test('a token that is revoked takes along what was made with it, and the command says so', async (t) => {
  const { project, url, adminToken } = await aFleet(t);
  const laptop = await project.agora(['token', 'create', '--label', 'laptop']);
  await project.agora(['login', url], laptop.stdout);
  const made = await project.agora(['token', 'create', '--label', 'ci']);
  const [laptopId = '', ciId = ''] = [laptop, made].map(({ stderr }) => /t-[0-9a-f]+/.exec(stderr)?.[0]);

  refused(await project.agora(['token', 'revoke', '--join', '--keep-made', laptopId]), 2, /for a token of a person/);
  await project.agora(['login', url], adminToken);
  const revoked = await project.agora(['token', 'revoke', laptopId]);

  assert.equal(
    revoked.stderr,
    `agora: ${laptopId} of admin lets nobody in any more\nagora: nor does ${ciId} ("ci"), which was made with it\n`,
  );
  refused(await project.agora(['login', url], made.stdout), 3, /the token is unknown, was revoked or has expired/);
});
