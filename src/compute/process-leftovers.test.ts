import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { groupMembers, processIdentity, runningProcesses } from '../base/process-identity.ts';
import { workerEnvironmentNames } from '../contracts/names.ts';
import { endLeftovers } from './process-leftovers.ts';
import { aDeploymentId, aDispatchId } from './suite-tasks.ts';

async function aLeader(t: TestContext, script: string, env: Readonly<Record<string, string>> = {}) {
  const child = spawn('sh', ['-c', script], { detached: true, stdio: 'ignore', env: { ...process.env, ...env } });
  await once(child, 'spawn');
  const identity = child.pid === undefined ? undefined : processIdentity(child.pid);
  assert.ok(identity);
  t.after(() => {
    for (const pid of groupMembers(identity)) process.kill(pid, 'SIGKILL');
  });
  return { child, identity };
}

test('what a supervisor started ends with it, also when the supervisor itself is gone', async (t) => {
  const { child, identity } = await aLeader(t, 'sleep 600 & sleep 600');
  await waitUntil('its two processes', () => groupMembers(identity).length === 3);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(groupMembers(identity).length, 2);

  const starter = { pid: 1, startTicks: '0' };
  const dispatchId = aDispatchId();
  const owner = { deploymentId: aDeploymentId() };
  await endLeftovers(dispatchId, { starter, dispatchId, owner, image: '', supervisor: identity });

  assert.deepEqual(groupMembers(identity), []);
});

test('without a user of its own, a process that hides in a session of its own is found by the id it carries', async (t) => {
  const dispatchId = aDispatchId();
  const { identity } = await aLeader(t, 'exec sleep 600', { [workerEnvironmentNames.dispatchId]: dispatchId });

  await endLeftovers(dispatchId, undefined);

  assert.equal(runningProcesses().includes(identity.pid), false);
});
