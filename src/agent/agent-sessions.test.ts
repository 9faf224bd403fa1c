import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { hostSpecSchema } from '../contracts/host-spec.ts';
import { type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import type { HostSessions } from '../engine/host-sessions.ts';
import { CallerSession } from '../session/caller-session.ts';
import { FrameLink, type FramePort } from '../session/frame-link.ts';
import { AgentSessions } from './agent-sessions.ts';

const labels = { [hostLabels.host]: 'h', [hostLabels.kind]: 'workspace', [hostLabels.name]: 'web' };
const container = { id: 'c', name: 'web', labels, status: 'running' } as unknown as ObservedContainer;

/** Sessions of an agent on an engine that does what the test says, and somebody who opens a command there. */
function opening(sessions: Pick<HostSessions, 'exec' | 'close'>) {
  const agent = new AgentSessions({
    engine: { observeContainers: async () => [container] },
    sessions: sessions as HostSessions, // It calls no more of them.
    hostId: () => 'h',
    spec: () => hostSpecSchema.parse({ schemaVersion: 1, workspaces: { web: { image: 'web' } } }),
    log: (line) => assert.fail(line),
    closeMs: 50,
  });
  const later = (take: (message: Uint8Array) => void): FramePort => ({
    send: (message, onSent) =>
      void setImmediate(() => {
        onSent();
        take(message);
      }),
    end: () => undefined,
  });
  const link = new FrameLink({
    port: later((message) => frames.receive(message)),
    mostStreams: sessionLimits.callerStreams,
  });
  const frames = agent.frames(later((message) => link.receive(message)));
  const session: SessionSpec = { kind: 'exec', workspace: 'web', command: ['make'], env: [], interactive: false };
  const asked = { session, window: sessionLimits.windowBytes, actor: 'ann', role: 'operator' };
  const caller = new CallerSession({
    open: asked,
    connect: async () => link,
    onNotice: () => undefined,
    signal: new AbortController().signal,
  });
  const ended = caller.run();
  ended.catch(() => undefined);
  return { agent, ended };
}

test('what is still being opened when an agent ends is given up before the rest is hung up', async () => {
  const events: string[] = [];
  const { agent, ended } = opening({
    exec: async (_container, { signal }) => {
      events.push('opening');
      await waitUntil('the end', () => signal?.aborted, { intervalMs: 1 });
      events.push('given up');
      throw signal?.reason;
    },
    close: async () => void events.push('closed'),
  });
  await waitUntil('the opening', () => events.length === 1);

  await agent.close();

  assert.deepEqual(events, ['opening', 'given up', 'closed']);
  await assert.rejects(ended, /the agent of the host ends/);
});

test('an engine that never answers does not keep an agent from its end', async () => {
  const events: string[] = [];
  const { agent } = opening({
    exec: async () => {
      events.push('opening');
      return await new Promise<never>(() => undefined);
    },
    close: async (signal) => {
      await waitUntil('the end', () => signal?.aborted);
      events.push('closed');
    },
  });
  await waitUntil('the opening', () => events.length === 1);

  await agent.close();

  assert.deepEqual(events, ['opening', 'closed']);
});
