import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, isAppError } from '../contracts/errors.ts';
import { defaultLimits } from './request-limits.ts';
import { startServer, TestAgent } from './suite-server.ts';

const fails = (code: ErrorCode, text: RegExp) => (error: unknown) =>
  isAppError(error, code) && text.test(error.message);

const few = { burst: 3, perSecond: 0.01 };

function askedWith(url: string, path: string, authorization?: string): Promise<Response> {
  return fetch(`${url}${path}`, { headers: authorization === undefined ? {} : { authorization } });
}

test('who guesses tokens is put off for a while, and who has one or is a host is not, at the same address', async (t) => {
  const lines: string[] = [];
  const { url, admin } = await startServer(t, { limits: { failures: few }, log: (line) => void lines.push(line) });
  const agent = new TestAgent(url);
  await agent.register();

  const statuses = [];
  for (const path of ['/api/v1/whoami', '/metrics', '/api/v1/hosts', '/api/v1/users', '/metrics', '/api/v1/whoami'])
    statuses.push((await askedWith(url, path, 'Bearer agora-user.guess')).status);
  const late = await askedWith(url, '/api/v1/whoami');

  assert.deepEqual(statuses, [401, 401, 401, 429, 429, 429]);
  assert.deepEqual([late.status, late.headers.get('retry-after')], [429, '100']);
  assert.match(await late.text(), /"code":"too-many-requests".*"next":"Try again in 100 s\."/);
  assert.equal((await admin.call('whoAmI', {})).name, 'admin');
  assert.equal((await agent.heartbeat()).admission, 'pending');
  await new TestAgent(url).register({ name: 'another' });
  assert.deepEqual(lines, ['Requests of 127.0.0.1 are put off: too many requests from there were refused']);
});

test('an agent that the server does not know any more is told so, however many there are', async (t) => {
  const first = await startServer(t, { limits: { failures: few } });
  const { joinToken } = await first.admin.call('createJoinToken', { body: { uses: 20 } });
  const agents = Array.from({ length: 20 }, () => new TestAgent(first.url));
  await Promise.all(agents.map((agent) => agent.register({ joinToken })));

  const { url } = await first.restart();
  const back = agents.map((agent) => new TestAgent(url, agent));

  for (const agent of back) await assert.rejects(agent.heartbeat(), fails('unauthenticated', /not known/));
  await Promise.all(back.map((agent) => agent.register()));
  await Promise.all(back.map((agent) => agent.heartbeat()));
});

test('registrations that do not hold are put off, and one that does is let in from the same address', async (t) => {
  const { url, admin } = await startServer(t, { limits: { failures: few } });
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const register = (token: string) => new TestAgent(url).register({ joinToken: token });

  for (let times = 0; times < 3; times += 1)
    await assert.rejects(register('agora-join.x.y'), fails('unauthenticated', /join token is unknown/));
  await assert.rejects(register('agora-join.x.y'), fails('too-many-requests', /"127\.0\.0\.1"/));

  assert.equal((await register(joinToken)).admission, 'admitted');
});

test('an address brings so many hosts that nobody vouches for, and any number with a join token', async (t) => {
  const { url, admin } = await startServer(t, { limits: { newcomers: few } });
  const { joinToken } = await admin.call('createJoinToken', { body: { uses: 5 } });
  const waiting = Array.from({ length: 3 }, () => new TestAgent(url));
  for (const agent of waiting) await agent.register();

  await assert.rejects(new TestAgent(url).register(), fails('too-many-requests', /without a join token/));

  for (const agent of waiting) assert.equal((await agent.register()).admission, 'pending');
  for (let times = 0; times < 5; times += 1) await new TestAgent(url).register({ joinToken });
  assert.equal((await admin.call('listHosts', {})).hosts.length, 8);
});

test('greetings without end are put off', async (t) => {
  const { url } = await startServer(t, { limits: { hellos: few } });

  for (let times = 0; times < 3; times += 1) await new TestAgent(url).register();

  await assert.rejects(new TestAgent(url).register(), fails('too-many-requests', /greetings/));
});

test('a fleet of a thousand behind one address can all come at once, with or without a join token', () => {
  const { hellos, newcomers } = defaultLimits;

  assert.ok(hellos.burst >= 4 * 1_000);
  assert.ok(newcomers.burst >= 1_000);
});

test('a host that nobody has approved may say little, one that is admitted much', async (t) => {
  const { url, admin } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  await agent.register();
  const workspaces = Array.from({ length: 200 }, (_, index) => ({ name: `workspace-${index}`, restarts: 0 }));
  const much = Array.from({ length: 30 }, () => ({ at: new Date().toISOString(), workspaces }));

  await assert.rejects(agent.heartbeat(much), fails('limit-exceeded', /larger/));

  assert.equal((await agent.heartbeat()).admission, 'pending');
  await agent.register({ joinToken });
  assert.equal((await agent.heartbeat(much)).admission, 'admitted');
});
