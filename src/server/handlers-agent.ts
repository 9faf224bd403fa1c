import type { KeyObject } from 'node:crypto';
import { canonicalize } from '../base/canonical-json.ts';
import { publicKeyText, signText } from '../base/fleet-keys.ts';
import { agentProtocol, type Heartbeat, type HostReport, type SignedDesiredState } from '../contracts/agent-wire.ts';
import { AppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { PlanProblem } from '../contracts/host-change.ts';
import type { agentRoutes } from '../contracts/routes-agent.ts';
import { admittedHost, knownHost } from './admitted-host.ts';
import type { AgentSessions } from './agent-sessions.ts';
import type { Contexts } from './contexts.ts';
import { desiredStateOf, desiredTag } from './desired.ts';
import { type EnrolmentPorts, enrol } from './enrolment.ts';
import { type Handlers, type Incoming, StreamedReply, TaggedReply } from './handler.ts';
import type { HostReports } from './host-reports.ts';
import type { StoredHost } from './host-store.ts';
import { movePastLost } from './lost-revisions.ts';
import type { Revisions } from './revisions.ts';
import type { Waiters } from './waiters.ts';

export interface AgentPorts extends EnrolmentPorts {
  readonly sessions: AgentSessions;
  readonly revisions: Revisions;
  readonly reports: HostReports;
  readonly contexts: Contexts;
  /** Told when a host has a new revision. */
  readonly newRevisions: Waiters<HostId>;
  readonly keys: { readonly identity: KeyObject; readonly atRest: Uint8Array };
  readonly onSamples: (host: StoredHost, heartbeat: Pick<Heartbeat, 'agentTime' | 'samples'>) => void;
}

/** As long as a change's may be. */
const problemLength = 4_096;

export function agentHandlers(ports: AgentPorts): Handlers<keyof typeof agentRoutes> {
  return {
    hello: ({ body, address }) => {
      const over = ports.overLimit('hellos', address);
      if (over !== undefined) throw over;
      const challenge = ports.challenges.make();
      const serverTime = ports.now().toISOString();
      const signature = signText(ports.keys.identity, canonicalize({ nonce: body.nonce, challenge }));
      return {
        protocol: agentProtocol,
        serverKey: publicKeyText(ports.keys.identity),
        challenge,
        serverTime,
        signature,
      };
    },
    register: ({ body, address, isEncrypted }) => {
      const host = enrol(ports, { ...body, address, isEncrypted });
      const { instanceId } = body.registration;
      const sessionId = ports.sessions.begin({ ...host, instanceId });
      // The state of its agent may be older than what it told last: a copy of it, or from a backup.
      ports.reports.restart(host.hostId);
      // As it is now: a second agent with its key holds a host back.
      const { hostId, name, admission, settings } = knownHost(ports.hosts.byId(host.hostId));
      return { hostId, name, admission, settings, sessionId, serverTime: ports.now().toISOString() };
    },
    heartbeat: ({ caller, body, address, isEncrypted }) => {
      const host = seen(ports, caller.hostId, { heartbeat: body, address, isEncrypted });
      if (host.admission === 'admitted' && body.samples.length > 0) ports.onSamples(host, body);
      const desiredRevision = host.admission === 'admitted' ? ports.revisions.latestNumber(host.hostId) : undefined;
      const { admission, name, settings, wantsNewKeys } = host;
      const serverTime = ports.now().toISOString();
      return {
        admission,
        name,
        settings,
        wantsNewKeys,
        serverTime,
        ...(desiredRevision !== undefined && { desiredRevision }),
      };
    },
    desired: (incoming) => desired(ports, incoming),
    report: ({ caller, body }) => {
      takeReport(ports, admittedHost(ports.hosts, caller.hostId), body);
      return undefined;
    },
    fetchContext: async ({ caller, params }) => {
      const { hostId, name } = admittedHost(ports.hosts, caller.hostId);
      if (!ports.revisions.namesContext(hostId, params.digest)) {
        const state = `no spec of host "${name}" names it`;
        throw new AppError('not-found', `Cannot give build context "${params.digest}": ${state}`);
      }
      const sizeBytes = await ports.contexts.sizeOf(params.digest);
      return new StreamedReply(await ports.contexts.stream(params.digest), 'application/x-tar', sizeBytes);
    },
  };
}

/** At once when the caller has another one; else when there is, or the time is over. */
async function desired(ports: AgentPorts, incoming: Incoming<'desired'>): Promise<TaggedReply<SignedDesiredState>> {
  const { query, headers } = incoming;
  const { hostId } = incoming.caller;
  const known = headers['if-none-match'];
  const tagNow = () => {
    const revision = ports.revisions.latestNumber(hostId);
    return revision === undefined ? undefined : desiredTag(admittedHost(ports.hosts, hostId), revision);
  };
  let tag = tagNow();
  if ((tag === undefined || tag === known) && query.waitSeconds > 0) {
    await ports.newRevisions.wait(hostId, query.waitSeconds * 1000, incoming.signal);
    tag = tagNow();
  }
  if (tag !== undefined && tag === known) return new TaggedReply<SignedDesiredState>(tag, undefined);
  const host = admittedHost(ports.hosts, hostId);
  const revision = ports.revisions.find(hostId);
  if (tag === undefined || revision === undefined) {
    if (known !== undefined && query.waitSeconds > 0) return new TaggedReply<SignedDesiredState>('"none"', undefined);
    throw new AppError('not-found', `Cannot tell what host "${host.name}" shall be like: nothing is declared yet`);
  }
  const state = desiredStateOf(host, revision, ports.keys);
  ports.revisions.progress(hostId, revision.change.revision, { times: { delivered: ports.now().toISOString() } });
  return new TaggedReply(tag, state);
}

function takeReport(ports: AgentPorts, { hostId }: StoredHost, report: HostReport): void {
  const isMoved = ports.database.transaction(() => {
    if (!ports.reports.take(hostId, report) || report.revision === undefined) return false;
    if (movePastLost(ports, hostId, report.revision)) return true;
    const [first] = report.problems ?? [];
    const problem = report.problems === undefined ? undefined : first === undefined ? null : shortened(first);
    ports.revisions.progress(hostId, report.revision, {
      ...(report.times !== undefined && { times: report.times }),
      ...(problem !== undefined && { problem }),
    });
    return false;
  });
  if (isMoved) ports.newRevisions.tell(hostId);
}

function shortened({ name, message }: PlanProblem): string {
  const text = `${name}: ${message}`;
  return text.length > problemLength ? `${text.slice(0, problemLength - 1)}…` : text;
}

function seen(
  { hosts, now }: AgentPorts,
  hostId: HostId,
  from: { readonly heartbeat: Heartbeat; readonly address: string; readonly isEncrypted: boolean },
): StoredHost {
  const host = knownHost(hosts.byId(hostId));
  const { engine, facts } = from.heartbeat;
  const at = now().toISOString();
  const state = engine.isUp ? 'up' : 'down';
  const changes = {
    ...(host.address !== from.address && { address: from.address }),
    ...(host.isEncrypted !== from.isEncrypted && { isEncrypted: from.isEncrypted }),
    ...(facts !== undefined && { facts }),
    ...(host.engine !== state && ({ engine: state, engineSince: at } as const)),
  };
  hosts.change(hostId, changes);
  hosts.saw(hostId, at);
  return { ...host, ...changes, lastSeenAt: at };
}
