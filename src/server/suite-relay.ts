import type { TestContext } from 'node:test';
import { sessionLimits } from '../contracts/session-wire.ts';
import type { FrameLink } from '../session/frame-link.ts';
import { joinedLinks } from '../session/joined-links.ts';
import { type OpenedSource, SessionDesk } from '../session/session-desk.ts';
import type { UserCaller } from './handler.ts';
import { Relay } from './relay.ts';
import { SessionActivity } from './session-activity.ts';
import type { SessionLimits } from './session-limits.ts';
import { aStoredHost } from './suite-stored-host.ts';

const host = aStoredHost({ engine: 'up' });

export const olga: UserCaller = {
  kind: 'user',
  user: { name: 'olga', role: 'operator', createdAt: '2026-01-01T00:00:00Z' },
  tokenId: 't',
};

/** A relay with one host, all within this process: no socket takes what is not read. */
export function aRelay(t: TestContext, open: () => OpenedSource, limits: Partial<SessionLimits> = {}) {
  const desk = new SessionDesk({ open: async () => open() });
  const ofAgent = { mostStreams: sessionLimits.agentStreams };
  let toHost: FrameLink | undefined;
  const now = () => new Date();
  const relay = new Relay({
    limits,
    now,
    activity: new SessionActivity({ write: () => undefined, onFailure: () => undefined, now }),
    hostNamed: () => host,
    linkOf: () => 'online',
    wayTo: () => toHost ?? 'away',
    callerNow: () => olga,
    // It has no logs of its own.
    local: {
      has: () => false,
      specFor: () => undefined,
      link: joinedLinks(ofAgent, ofAgent).near,
      close: () => undefined,
    },
  });
  const leave = () => {
    toHost?.end({ code: 'host-away', message: 'the link to the host was lost' });
    toHost = undefined;
  };
  const come = () => {
    const links = joinedLinks(ofAgent, { ...ofAgent, onOpen: (stream, request) => desk.take(stream, request) });
    toHost = links.near;
  };
  come();
  t.after(() => {
    relay.close();
    desk.close({ code: 'cancelled', message: 'the test is over' });
  });
  return { relay, desk, host: { leave, come } };
}
