import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { CallerSession } from '../session/caller-session.ts';
import { aSource } from '../session/session.suite.ts';
import { startServer } from './suite-server.ts';
import { agentSocket, anOpen, callSession, linkOf, startHost } from './suite-sessions.ts';

function textOf(session: CallerSession): Promise<string> {
  return text(
    (async function* () {
      for await (const { bytes } of session.output()) yield bytes;
    })(),
  );
}

test('a session goes from a caller through the server to the agent and back', async (t) => {
  const server = await startServer(t);
  const { source, say, end, told } = aSource();
  await startHost(t, server, { open: () => ({ source, isTerminal: false, readsOn: false }) });
  const link = await linkOf(t, server.url, server.adminToken);
  const { session, ended } = callSession(t, async () => link);

  await session.write(Buffer.from('hello'));
  session.endInput();
  await waitUntil('the input', () => told.length === 2);
  say('world');
  end();

  assert.equal(await textOf(session), 'world');
  assert.deepEqual(await ended, { kind: 'ended', exit: { code: 3, signal: undefined } });
  assert.deepEqual(told, ['write hello', 'end']);
});

test('why a host has no session is told apart', async (t) => {
  const server = await startServer(t);
  const { source } = aSource();
  const { agent } = await startHost(t, server, { open: () => ({ source, isTerminal: false, readsOn: false }) });
  const link = await linkOf(t, server.url, server.adminToken);
  const refusal = async (host: string) => {
    const { ended } = callSession(t, async () => link, anOpen({ host }));
    return ended.then(
      () => 'it was opened',
      (error: unknown) => (isAppError(error) ? `${error.code}: ${error.message} (${error.next})` : String(error)),
    );
  };

  await agentSocket(t, { url: server.url, agent }, []);
  assert.match(await refusal('box'), /^refused: .* its agent is of an older release, without sessions \(Upgrade/);
  await server.admin.call('revokeHost', { params: { host: 'box' } });
  assert.match(await refusal('box'), /^refused: .* it is revoked/);
  assert.match(await refusal('nowhere'), /^not-found: Cannot find host "nowhere": there is none \(See/);
});
