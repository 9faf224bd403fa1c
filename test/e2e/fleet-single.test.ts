import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { engineForTests } from '../support/engine.ts';
import { startFleetServer, urlOf } from '../support/fleet-server.ts';
import { emptyProject } from '../support/project.ts';

const { engine, skip } = await engineForTests();
const patience = { timeoutMs: 60_000, intervalMs: 200 };

test('one command serves a fleet of the machine it runs on, and knows it again', { skip }, async (t) => {
  const project = await emptyProject(t, { engine: engine?.address ?? '' });
  const hosts = async () => {
    const listed = await project.agora(['host', 'ls', '--json']);
    return listed.code === 0 ? JSON.parse(listed.stdout) : [];
  };
  const first = await startFleetServer(project, ['--with-agent']);
  await waitUntil('the admin’s token', () => first.stdout().includes('agora-user.'), patience);
  assert.equal((await project.agora(['login', urlOf(first)], first.stdout())).code, 0);

  const [host] = await waitUntil(
    'the host with its engine',
    async () => {
      const found = await hosts();
      return found[0]?.link.engine === 'up' ? found : undefined;
    },
    patience,
  );
  first.child.kill('SIGTERM');
  const ended = await first.finished;
  const second = await startFleetServer(project, ['--with-agent']);
  assert.equal((await project.agora(['login', urlOf(second)], first.stdout())).code, 0);
  await waitUntil(
    'the host again',
    async () => (await hosts())[0]?.link.agentStartedAt > host.link.agentStartedAt,
    patience,
  );

  assert.deepEqual([host.admission, ended.code], ['admitted', 0]);
  assert.deepEqual(
    (await hosts()).map(({ hostId }: { readonly hostId: string }) => hostId),
    [host.hostId],
  );
  second.child.kill('SIGTERM');
  assert.equal((await second.finished).code, 0);
});
