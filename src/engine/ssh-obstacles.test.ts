import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { noSshPlace, sshPlace } from '../../test/support/ssh-place.ts';
import { isAppError } from '../contracts/errors.ts';
import { dockerEngine } from './docker.ts';
import { parseEngineHost } from './endpoint.ts';

describe('what keeps an engine over ssh from being reached is told with what to do', { skip: noSshPlace }, () => {
  const cases = [
    {
      name: 'an unknown host key',
      spoil: ({ server }: Awaited<ReturnType<typeof sshPlace>>) => server.forgetHostKey(),
      says: /"ssh:\/\/target": its host key is not known/,
      next: /`ssh target true` once and compare the fingerprint/,
    },
    {
      name: 'another host key than the known one',
      spoil: ({ server }: Awaited<ReturnType<typeof sshPlace>>) => server.forgetHostKey('another'),
      says: /another than the one that is known/,
      next: /ssh-keygen -f ".*known_hosts" -R/,
    },
    {
      name: 'a key that is not let in',
      spoil: ({ server }: Awaited<ReturnType<typeof sshPlace>>) => server.loseKey(),
      says: /does not let us in/,
      next: /ssh-copy-id/,
    },
    {
      name: 'nobody who listens',
      spoil: ({ server }: Awaited<ReturnType<typeof sshPlace>>) => server.stop(),
      says: /no ssh server answers there/,
      next: /Start its ssh server/,
    },
  ] as const;

  for (const { name, spoil, says, next } of cases) {
    test(name, async (t) => {
      const there = await sshPlace(t);
      await spoil(there);

      await assert.rejects(there.engine.ping(), (error) => {
        assert.ok(isAppError(error, 'unreachable'), String(error));
        assert.match(error.message, says);
        assert.match(error.next ?? '', next);
        return true;
      });
    });
  }

  test('no docker on the far path', async (t) => {
    const empty = await mkdtemp(join(tmpdir(), 'agora-empty-'));
    t.after(() => rm(empty, { recursive: true, force: true }));
    await symlink('/bin/sh', join(empty, 'sh'));
    const { engine } = await sshPlace(t, { env: { PATH: empty } });

    await assert.rejects(
      engine.ping(),
      (error) => isAppError(error, 'unreachable') && /docker is not on the path/.test(error.message),
    );
  });

  test('a docker there whose engine does not run', async (t) => {
    const { engine } = await sshPlace(t, { env: { DOCKER_HOST: 'unix:///nowhere/docker.sock' } });

    await assert.rejects(
      engine.ping(),
      (error) => isAppError(error, 'unreachable') && /its engine does not answer/.test(error.message),
    );
  });

  test('a socket there at which no engine answers', async (t) => {
    await sshPlace(t);
    const engine = dockerEngine({ endpoint: parseEngineHost('ssh://target/nowhere/docker.sock', 'x') });

    await assert.rejects(engine.ping(), (error) => {
      assert.ok(isAppError(error, 'unreachable'));
      assert.match(error.message, /its engine does not answer/);
      assert.match(error.next ?? '', /`ssh target docker -H unix:\/\/\/nowhere\/docker\.sock version` must print/);
      return true;
    });
  });

  test('a name that nobody knows', async (t) => {
    await sshPlace(t);

    await assert.rejects(
      dockerEngine({ endpoint: parseEngineHost('ssh://no-such-machine.invalid', 'x') }).ping(),
      (error) => isAppError(error, 'unreachable') && /its name is not known/.test(error.message),
    );
  });
});
