import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { busyboxContext } from '../../test/support/busybox-image.ts';
import { engineForTests } from '../../test/support/engine.ts';
import { registryObstacle, startLoopbackRegistry } from '../../test/support/loopback-registry.ts';
import { isAppError } from '../contracts/errors.ts';
import { defaultHostSettings } from '../contracts/fleet.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { parseEngineHost } from '../engine/endpoint.ts';
import { type MoveContext, makeMove } from './apply-moves.ts';
import { dockerLogins } from './registry-logins.ts';

const { engine: plainEngine, skip: skipEngine } = await engineForTests();
const skip = skipEngine || (await registryObstacle());
const never = new AbortController().signal;
const settings = { dockerfile: 'Dockerfile', args: {}, labels: {}, target: undefined, useCache: false } as const;

test('what a credential helper keeps is pushed, pulled and built with; without it the refusal says so', {
  skip,
}, async (t) => {
  assert.ok(plainEngine);
  const endpoint = parseEngineHost(plainEngine.address, 'test');
  const engine = dockerHostEngine({ endpoint });
  const registry = await startLoopbackRegistry(engine, endpoint);
  t.after(() => registry.close());
  const folder = await mkdtemp(join(tmpdir(), 'agora-helper-'));
  t.after(() => rm(folder, { recursive: true }));
  const helper = join(folder, 'docker-credential-test');
  const said = JSON.stringify({ ServerURL: registry.host, Username: 'someone', Secret: 'something' });
  await writeFile(helper, `#!/bin/sh\n[ "$1 $(cat)" = "get ${registry.host}" ] && echo '${said}'\n`);
  await chmod(helper, 0o755);
  const file = join(folder, 'config.json');
  await writeFile(file, JSON.stringify({ credHelpers: { [registry.host]: 'test' } }));
  const logins = dockerLogins({ file, env: { PATH: `${folder}:/usr/bin:/bin` } });
  const context: MoveContext = {
    ...{ engine, logins, settings: defaultHostSettings },
    ...{ buildImage: async () => '', openSecrets: async () => ({}) },
  };
  const reference = `${registry.host}/team/${randomUUID()}:1`;
  t.after(() => engine.removeImage(reference));
  const id = await engine.build(await busyboxContext(`LABEL one=${reference}\n`), {
    ...settings,
    tag: reference,
    pullBase: false,
  });

  await makeMove({ do: 'push', reference }, context, never);
  await engine.removeImage(reference);
  const pulled = await makeMove({ do: 'pull', reference, tag: undefined }, context, never);
  const { logins: known } = await logins.all(never);
  const other = await busyboxContext('', { Other: `FROM ${reference}\nLABEL two=yes\n` });
  const tag = `agora-helper-test:${randomUUID()}`;
  t.after(() => engine.removeImage(tag));
  await engine.build(other, { ...settings, dockerfile: 'Other', tag, pullBase: true, logins: known });

  assert.deepEqual(pulled, { imageId: id });
  await rm(helper);
  await assert.rejects(
    makeMove({ do: 'pull', reference, tag: undefined }, context, never),
    (error) => isAppError(error, 'refused') && /"docker-credential-test get": .* on the PATH$/.test(error.message),
  );
});
