import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { probeSandbox } from '../../src/compute/bubblewrap-probe.ts';
import { farMachineObstacle, startFarMachine } from '../support/far-machine.ts';
import { nothingLeft, projectOn } from '../support/far-project.ts';
import { type HttpsService, httpsService } from '../support/https-service.ts';
import type { Project } from '../support/project.ts';
import { intactBundle, outcomes, submit, watched } from '../support/shell-project.ts';

const sandbox = await probeSandbox();
const skip = (await farMachineObstacle()) ?? (sandbox.kind === 'none' && sandbox.reason);

/** What a worker does with both services, knowing no more than its environment. */
const script = `const { MEMORY_URL, MCP_URL, SERVICE_TOKEN = '' } = process.env;
const headers = { authorization: 'Bearer ' + SERVICE_TOKEN, 'content-type': 'application/json' };
async function ask(url, options) {
  const answer = await fetch(url, { headers, ...options });
  if (!answer.ok) throw new Error(url + ' says ' + answer.status);
  return answer.text();
}
const call = (id, method, params) => ask(MCP_URL, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id, method, params }) });
await ask(MEMORY_URL + '/note', { method: 'PUT', body: 'remembered by ' + process.argv[2] });
const note = await ask(MEMORY_URL + '/note');
await call(1, 'initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'worker', version: '1' } });
const counted = JSON.parse(await call(2, 'tools/call', { name: 'count', arguments: { text: note } }));
console.log(note + ', ' + counted.result.content[0].text + ' letters');
`;

/** Registers, as a person does, what a worker needs of the services. */
async function register(project: Project, { url, token, certificate }: HttpsService): Promise<void> {
  const folder = join(project.folder, 'caps/services');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'use.mjs'), script);
  await writeFile(join(folder, 'services-ca.pem'), certificate);
  const values = [`MEMORY_URL=${url}/memory`, `MCP_URL=${url}/mcp`, 'NODE_EXTRA_CA_CERTS=/workspace/services-ca.pem'];
  const env = ['env', 'register', '--name', 'services', '--secret', 'SERVICE_TOKEN=stdin:'];
  const subagent = ['subagent', 'register', '--name', 'user', '--capability', 'services'];
  for (const [words, input] of [
    [['capabilities', 'register', '--name', 'services', '--from', 'caps/services'], undefined],
    [[...env, ...values.flatMap((value) => ['--value', value])], token],
    [[...subagent, '--', 'node', 'use.mjs', '{{place}}'], undefined],
  ] as const) {
    const { code, stderr } = await project.agora(words, input);
    assert.equal(code, 0, stderr);
  }
}

function dispatch(project: Project, place: string, env: readonly string[] = ['--env', 'services']) {
  const words = [
    'dispatch',
    'run',
    '--subagent',
    'user',
    '--network',
    'internet',
    '--input',
    JSON.stringify({ place }),
  ];
  return project.agora([...words, ...env]);
}

test('services over HTTPS, told by an env with a secret, are reached from here and from another machine alike', {
  skip,
}, async (t) => {
  const far = await startFarMachine();
  t.after(() => far.close());
  const project = await projectOn(t, far);
  const service = await httpsService(t, far.cable.address);
  await register(project, service);

  project.env['DOCKER_HOST'] = 'unix:///nonexistent/docker.sock';
  const here = await dispatch(project, 'here');
  project.env['DOCKER_HOST'] = 'ssh://root@target';
  const there = await dispatch(project, 'there');
  const requests = service.requests.slice();
  const without = await dispatch(project, 'nobody', ['--value', `MEMORY_URL=${service.url}/memory`]);
  const daemon = await project.serve();
  const inputs = { subagent: 'user', env: ['services'], workerInput: { place: 'a run' } };
  const runId = await submit(project, 'services', [{ id: 'a', inputs, network: 'internet' }]);
  const ended = await watched(project, runId);
  daemon.child.kill('SIGTERM');
  await daemon.finished;

  assert.equal(here.code, 0, here.stderr);
  assert.match(here.stderr, /^remembered by here, 18 letters$/m);
  assert.equal(there.code, 0, there.stderr);
  assert.match(there.stderr, /^remembered by there, 19 letters$/m);
  const calls = ['PUT /memory/note 200', 'GET /memory/note 200', 'POST /mcp 200', 'POST /mcp 200'];
  assert.deepEqual(
    requests.slice(4),
    calls.map((call) => `${far.cable.farAddress} ${call}`),
  );
  assert.equal(without.code, 1);
  assert.equal(ended.code, 0, daemon.stderr());
  assert.equal(service.memory.get('/memory/note'), 'remembered by a run');
  const bundle = await intactBundle(project, runId);
  assert.deepEqual(outcomes(bundle, 'a'), [['done', undefined, 0]]);
  const said = [here, there, without].map(({ stdout, stderr }) => stdout + stderr).join('');
  for (const text of [said, await readFile(join(project.folder, 'bundle.json'), 'utf8')])
    assert.ok(!text.includes(service.token), 'the token is told nowhere');
  await nothingLeft(project, far);
});
