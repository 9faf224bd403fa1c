import type { Build } from '../contracts/builds.ts';
import { AppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { buildRoutes } from '../contracts/routes-builds.ts';
import { actorOf } from './access.ts';
import type { ActivityLog } from './activity.ts';
import { admittedHost } from './admitted-host.ts';
import { type Builds, hasEnded } from './builds.ts';
import type { Handlers, Incoming } from './handler.ts';
import type { HostStore } from './host-store.ts';
import type { Waiters } from './waiters.ts';

export interface BuildPorts {
  readonly hosts: HostStore;
  readonly builds: Builds;
  readonly activity: ActivityLog;
  /** Told whenever a host tells of its builds. */
  readonly news: Waiters<HostId>;
  /** Has the host end a build at once, where it can be told. */
  readonly onCancel: (hostId: HostId, build: Build) => void;
  readonly now: () => Date;
}

export function buildHandlers(ports: BuildPorts): Handlers<keyof typeof buildRoutes> {
  const { hosts, builds, news, now } = ports;
  return {
    reportBuilds: ({ caller, body }) => {
      const { hostId } = admittedHost(hosts, caller.hostId);
      const cancel = builds.take(hostId, body, now());
      news.tell(hostId);
      return { cancel };
    },
    listBuilds: ({ params }) => ({ builds: builds.list(hosts.named(params.host).hostId) }),
    readBuildLog: (incoming) => readLog(ports, incoming),
    cancelBuild: ({ params, caller }) => {
      const host = hosts.named(params.host);
      const build = builds.named(host.hostId, params.build);
      if (hasEnded(build)) {
        throw new AppError('task-conflict', `Cannot cancel build "${build.buildId}": its state is "${build.state}"`);
      }
      builds.askToEnd(host.hostId, build.buildId);
      const subject = `host:${host.name}`;
      const details = { build: build.buildId, image: build.image };
      ports.activity.add({ actor: actorOf(caller), action: 'build.cancel', subject, details });
      ports.onCancel(host.hostId, build);
      return build;
    },
  };
}

/** At once where there are such lines or none come any more; else when there are, or the time is over. */
async function readLog(ports: BuildPorts, { params, query, signal }: Incoming<'readBuildLog'>) {
  const { hosts, builds, news } = ports;
  const { hostId } = hosts.named(params.host);
  const { buildId } = builds.named(hostId, params.build);
  const read = () => {
    const build = builds.named(hostId, buildId);
    const { first, lines, next } = builds.logs.read(hostId, buildId, query.from);
    return { build, first, lines: [...lines], isComplete: hasEnded(build) && first + lines.length >= next };
  };
  const endsAt = performance.now() + query.waitSeconds * 1_000;
  for (;;) {
    const found = read();
    const leftMs = endsAt - performance.now();
    if (found.lines.length > 0 || found.isComplete || leftMs <= 0 || signal.aborted) return found;
    await news.wait(hostId, leftMs, signal);
  }
}
