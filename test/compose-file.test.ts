import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import * as z from 'zod';
import { serveImage } from '../src/contracts/names.ts';
import { composeObstacle } from './support/compose.ts';
import { repositoryRoot } from './support/source-files.ts';

const folder = join(repositoryRoot, 'examples', 'offload-minio');
const file = join(folder, 'docker-compose.yml');

const conditionSchema = z.strictObject({ condition: z.string() });
const serviceSchema = z.looseObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
  pull_policy: z.string().optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  depends_on: z.record(z.string(), conditionSchema).default({}),
  restart: z.string().optional(),
});
const composeSchema = z.strictObject({
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.null()),
});

const { services, volumes } = composeSchema.parse(parse(readFileSync(file, 'utf8'), { merge: true }));
const serve = services['serve'];
const jobs = new Set(
  Object.values(services).flatMap(({ depends_on: others }) =>
    Object.entries(others).flatMap(([name, { condition }]) =>
      condition === 'service_completed_successfully' ? [name] : [],
    ),
  ),
);

for (const [name, service] of Object.entries(services)) {
  test(`service ${name}: its image is pinned or built here, its health is known, its ports are this machine's own`, () => {
    if (service.build === undefined) assert.match(service.image, /(@sha256:[0-9a-f]{64}|:[\w.-]*\d[\w.-]*)$/);
    else assert.ok(existsSync(join(folder, service.build.context, service.build.dockerfile)));
    // A registry may have another one of the same name, and this machine an older one.
    assert.equal(service.pull_policy, service.build === undefined ? undefined : 'build');
    assert.equal(service.healthcheck !== undefined, !jobs.has(name));
    assert.equal(service.restart, jobs.has(name) ? undefined : 'unless-stopped');
    for (const port of service.ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
  });
}

test('serve has no port, no root beyond its first step, and keeps its state in a volume', () => {
  assert.ok(serve);
  assert.equal(serve.image, serveImage);
  assert.deepEqual(serve.ports, []);
  assert.deepEqual(serve.healthcheck?.test, ['CMD', 'agora', 'orch', 'status', '--daemon']);
  assert.deepEqual(serve['cap_drop'], ['ALL']);
  assert.deepEqual(serve['cap_add'], ['SETGID', 'SETUID']);
  assert.deepEqual(serve['security_opt'], ['no-new-privileges:true']);
  assert.equal(serve['read_only'], true);
  for (const word of ['privileged', 'network_mode', 'pid', 'user']) assert.equal(serve[word], undefined);
  assert.ok('state' in volumes && serve.volumes.includes('state:/deploy/.agora'));
});

test('compose itself takes the file as it is', { skip: (await composeObstacle()) ?? false }, async () => {
  const { stdout } = await promisify(execFile)('docker-compose', ['-f', file, 'config', '--services']);

  assert.deepEqual(stdout.trim().split('\n').sort(), Object.keys(services).sort());
});
