import { setFlagsFromString } from 'node:v8';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { serverDefaults } from '../contracts/fleet-names.ts';
import type { ContextLimits } from '../server/context-room.ts';
import { FleetServer } from '../server/server.ts';
import type { SessionLimits } from '../server/session-limits.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { listenAddress } from './listen-address.ts';
import { oneLine } from './one-line.ts';
import { tokenIn } from './open-server.ts';
import { say } from './output.ts';
import { packageVersion } from './package-version.ts';
import { dataDirectoryOption, dataFolder, lockServerFolder } from './server-folder.ts';
import { greetFirstStart, plaintextWarning } from './server-greeting.ts';
import { runOwnAgent } from './server-own-agent.ts';
import { bytesOf } from './size-word.ts';
import { countOf, secondsOf } from './time-word.ts';

/**
 * Of many agents each one wants little: the heap need not grow for speed. But what is old should be looked through seldom, as everybody
 * waits meanwhile: it may grow by so many percent first, which with a thousand agents is some 15 MB. On a busy machine the threads that
 * would help to collect what is young are themselves waited for. The size of the young heap can only be chosen where Node is started.
 */
const heapFlags = ['--optimize-for-size', '--no-parallel-scavenge', '--heap-growing-percent=40'] as const;
/** Of a line of its log. */
const lineLength = 4_000;

export const server = defineCommand(
  {
    operands: [],
    options: {
      listen: {
        type: 'string',
        value: '<host:port>',
        short: 'S',
        summary: `Where to listen (default: ${serverDefaults.listen})`,
      },
      'data-directory': dataDirectoryOption,
      'tls-certificate': { type: 'string', value: '<file>', summary: 'Certificate chain in PEM; needs --tls-key' },
      'tls-key': { type: 'string', value: '<file>', summary: 'Its private key in PEM' },
      'require-tls': { type: 'boolean', summary: 'Refuse agents whose connection is not encrypted' },
      'metrics-token-file': { type: 'string', value: '<file>', summary: 'Lets a scraper read /metrics, besides users' },
      'metrics-open': { type: 'boolean', summary: 'Let everybody read /metrics' },
      'trust-proxy': { type: 'boolean', summary: 'Believe x-forwarded-* of a proxy in front' },
      'proxy-domain': {
        type: 'string',
        value: '<domain[:port]>',
        summary: 'Give each port of a workspace that a browser opens a name below it',
      },
      'context-space': { type: 'string', value: '<size>', summary: 'For all build contexts (default: 20g)' },
      'host-context-space': {
        type: 'string',
        value: '<size>',
        summary: "For those that one host's spec names (default: 8g)",
      },
      'session-idle': {
        type: 'string',
        value: '<time>',
        summary: 'Ends sessions that are silent for so long (default: 4h)',
      },
      'session-most': { type: 'string', value: '<time>', summary: 'Ends sessions that last longer (default: 24h)' },
      'user-sessions': {
        type: 'string',
        value: '<n>',
        summary: 'How many sessions one user may have at once (default: 64)',
      },
      'host-sessions': {
        type: 'string',
        value: '<n>',
        summary: 'How many sessions one host may have at once (default: 1000)',
      },
      'with-agent': { type: 'boolean', summary: 'Be the agent of this machine as well' },
    },
    details: [
      'Serves a fleet of hosts until SIGINT or SIGTERM. Workloads go on while it is away.',
      'A certificate that is renewed in its files is used within seconds, or at SIGHUP; open connections stay.',
      'Its first start prints the token of the user "admin" on standard output, once, and how hosts are added.',
      'agora server backup and agora server restore keep its data.',
    ],
    examples: [
      'agora server',
      'agora server --with-agent',
      'agora server --listen 0.0.0.0:8090 -d /srv/agora --tls-certificate chain.pem --tls-key key.pem',
    ],
  },
  async ({ options }, context) => {
    const at = listenAddress(options.listen ?? serverDefaults.listen);
    const tokenFile = options['metrics-token-file'];
    const scraper = tokenFile === undefined ? undefined : await tokenIn(tokenFile, context.cwd);
    const tls = tlsFiles(options['tls-certificate'], options['tls-key']);
    for (const flag of heapFlags) setFlagsFromString(flag);
    process.umask(0o077); // The folder may be one that others can look into.
    const folder = dataFolder(options['data-directory'], context);
    const lock = await lockServerFolder(folder);
    // Whoever read its log may have gone: it serves on.
    const log = (line: string) => void say(context.stderr, oneLine(line, lineLength)).catch(() => undefined);
    const fleet = new FleetServer({
      dataFolder: folder,
      version: packageVersion(),
      tls,
      requiresTls: options['require-tls'] === true,
      trustsProxy: options['trust-proxy'] === true,
      proxyDomain: proxyDomainIn(options['proxy-domain']),
      contextLimits: contextLimits(options),
      sessionLimits: sessionLimits(options),
      prometheus: { token: scraper, isOpen: options['metrics-open'] === true },
      log,
    });
    // Of a terminal that went away it is still the end.
    if (tls !== undefined && !context.stderr.isTerminal) context.onHangUp?.(() => void fleet.refreshCertificate());
    try {
      const listening = await fleet.listen(at);
      fleet.log(`agora: serving ${folder} at ${listening.url}, server key ${fleet.fingerprint}`);
      const warning = plaintextWarning(at.host, {
        isEncrypted: tls !== undefined,
        hasProxy: options['trust-proxy'] === true,
      });
      if (warning !== undefined) await say(context.stderr, warning);
      const started = { fleet, folder, listening };
      await greetFirstStart(started, context);
      if (options['with-agent'] === true) await runOwnAgent(started, context, (line) => fleet.log(line));
      await stopped(context);
    } finally {
      await fleet.close();
      lock.release();
    }
    await say(context.stderr, 'agora: the server ended; hosts go on without it');
    return exitCodes.ok;
  },
);

function tlsFiles(certificateFile: string | undefined, keyFile: string | undefined) {
  if (certificateFile !== undefined && keyFile !== undefined) return { certificateFile, keyFile };
  if (certificateFile === undefined && keyFile === undefined) return undefined;
  const missing = keyFile === undefined ? '--tls-key' : '--tls-certificate';
  throw new AppError('usage', `Cannot run "agora server": option "${missing}" is missing`, {
    next: 'A certificate and its key go together.',
  });
}

function proxyDomainIn(typed: string | undefined): string | undefined {
  if (
    typed === undefined ||
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?(:\d{1,5})?$/.test(typed)
  )
    return typed;
  throw new AppError('usage', `Cannot use proxy domain "${typed}": it is no name of a domain in lower case`, {
    next: 'Such as apps.example.org, where *.apps.example.org leads to this server.',
  });
}

function contextLimits({
  'context-space': space,
  'host-context-space': hostSpace,
}: {
  readonly 'context-space'?: string | undefined;
  readonly 'host-context-space'?: string | undefined;
}): Partial<ContextLimits> {
  return {
    ...(space !== undefined && { totalBytes: bytesOf('context-space', space) }),
    ...(hostSpace !== undefined && { hostBytes: bytesOf('host-context-space', hostSpace) }),
  };
}

function sessionLimits({
  'session-idle': idle,
  'session-most': most,
  'user-sessions': ofUser,
  'host-sessions': ofHost,
}: {
  readonly [option in `session-${'idle' | 'most'}` | `${'user' | 'host'}-sessions`]?: string | undefined;
}): Partial<SessionLimits> {
  return {
    ...(idle !== undefined && { idleMs: secondsOf('session-idle', idle) * 1_000 }),
    ...(most !== undefined && { mostMs: secondsOf('session-most', most) * 1_000 }),
    ...(ofUser !== undefined && { perUser: countOf('user-sessions', ofUser) }),
    ...(ofHost !== undefined && { perHost: countOf('host-sessions', ofHost) }),
  };
}

async function stopped({ stop }: CommandContext): Promise<void> {
  if (stop.aborted) return;
  await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }));
}
