import { shellWord } from '../base/shell-word.ts';
import { AppError } from '../contracts/errors.ts';
import { describeSshTarget, type SshTarget, sshCommand } from './ssh-target.ts';

export interface SshFailure {
  readonly target: SshTarget;
  /** What ssh or the far machine said. */
  readonly stderr: string;
  /** Null when it was ended by a signal. */
  readonly exitCode: number | null;
}

/** The parts of the way to an engine, in the order in which they are gone. */
export const sshLegs = ['name', 'port', 'host key', 'login', 'docker', 'engine'] as const;
export type SshLeg = (typeof sshLegs)[number];

interface Explanation {
  readonly leg: SshLeg;
  readonly pattern: RegExp;
  readonly state: string;
  readonly next: (target: SshTarget, stderr: string) => string;
}

const lookAt = (target: SshTarget) => `Try \`${sshCommand(target)} docker version\`: where that works, this works.`;

/** Of what ssh says itself. */
const ofTheLine: readonly Explanation[] = [
  {
    leg: 'host key',
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    state: 'its host key is another than the one that is known',
    next: (target, stderr) =>
      `If the machine was set up anew, forget the old key with \`${forgetCommand(target, stderr)}\`; else somebody may be in between.`,
  },
  {
    leg: 'host key',
    pattern: /Host key verification failed|No .* host key is known/,
    state: 'its host key is not known',
    next: (target) => `Run \`${sshCommand(target)} true\` once and compare the fingerprint; that adds the key.`,
  },
  {
    leg: 'name',
    pattern: /Could not resolve hostname/,
    state: 'its name is not known',
    next: ({ host }) => `Check the name, or add a Host "${host}" to ~/.ssh/config.`,
  },
  // Before the port: where a machine in between refuses, its connection is closed as well.
  {
    leg: 'login',
    pattern: /Permission denied \(|Too many authentication failures|no matching .* found/i,
    state: 'it does not let us in',
    next: (target) =>
      `Bring your key there with \`ssh-copy-id\`, load it with \`ssh-add\`, and try \`${sshCommand(target)} true\`: it must ask for nothing.`,
  },
  {
    leg: 'port',
    pattern:
      /Connection refused|timed out|No route to host|Network is unreachable|Connection (closed|reset)|kex_exchange/i,
    state: 'no ssh server answers there',
    next: (target) => `Start its ssh server, check the port and firewalls, and try \`${sshCommand(target)} true\`.`,
  },
];

/** Of what the far shell and docker say. */
const ofTheMachine: readonly Explanation[] = [
  {
    leg: 'engine',
    pattern: /Cannot connect to the Docker daemon|Is the docker daemon running/i,
    state: 'its engine does not answer',
    next: (target) => `Start docker there; \`${versionCommand(target)}\` must print the engine's version.`,
  },
  {
    leg: 'engine',
    pattern: /unable to connect to Podman socket/i,
    state: 'its Podman listens nowhere',
    next: () => 'Start its socket there, such as with `systemctl enable --now podman.socket`.',
  },
  {
    leg: 'engine',
    pattern: /(unknown|unrecognized|not a docker) .*dial-stdio|dial-stdio.* is not a docker command/i,
    state: 'its docker client knows no dial-stdio, and no socket of its engine was found',
    next: (target) =>
      `Name the socket: ${describeSshTarget({ ...target, socket: '/run/podman/podman.sock' })}, wherever it is there.`,
  },
  {
    leg: 'engine',
    pattern: /permission denied while trying to connect/i,
    state: 'its user may not use docker',
    next: () => 'Add that user to the group `docker` there, or name another user.',
  },
  {
    leg: 'docker',
    pattern:
      /docker.{0,3}: (command )?not found|not found: docker|unknown command.*docker|docker.{0,3} is not recognized/i,
    state: 'docker is not on the path of its non-interactive shell',
    next: (target) =>
      `Install docker there, or make \`${sshCommand(target)} docker version\` print the engine's version.`,
  },
];

export function noAnswer(target: SshTarget, cause: unknown): AppError {
  return new AppError('unreachable', `Cannot reach "${describeSshTarget(target)}": it does not answer in time`, {
    cause,
    next: 'Check the network and the load of that machine.',
  });
}

/** Why a target cannot be reached, in one line that names it, with what to do. */
export function sshError({ target, stderr, exitCode }: SshFailure): AppError {
  const found = explained(stderr, exitCode);
  const said = lastLine(stderr);
  const state = found?.state ?? `ssh ended with ${exitCode ?? 'a signal'}${said === '' ? '' : `: ${said}`}`;
  const next = found?.next(target, stderr) ?? lookAt(target);
  return new AppError('unreachable', `Cannot reach "${describeSshTarget(target)}": ${state}`, { next });
}

/** Which part of the way failed; undefined when that cannot be told. */
export function legOf({ message }: Error): SshLeg | undefined {
  return [...ofTheLine, ...ofTheMachine].find(({ state }) => message.endsWith(`: ${state}`))?.leg;
}

/** Ssh itself ends with 255; what ran there may say the same words of another connection. */
function explained(stderr: string, exitCode: number | null): Explanation | undefined {
  const isOfSsh = exitCode === 255 || exitCode === null;
  return (isOfSsh ? ofTheLine : ofTheMachine).find(({ pattern }) => pattern.test(stderr));
}

/** As ssh itself says it, who knows under which name and in which file the key is; else as it is by default. */
function forgetCommand({ host, port }: SshTarget, stderr: string): string {
  const said = /^\s*(ssh-keygen -f (["'])[^"'`$]+\2 -R (["'])[\w.:[\]-]+\3)$/m.exec(stderr)?.[1];
  return said ?? `ssh-keygen -R ${port === undefined || port === 22 ? host : `[${host}]:${port}`}`;
}

/** What a person would type to see the engine that the target names. */
function versionCommand(target: SshTarget): string {
  const engine = target.socket === undefined ? '' : `-H ${shellWord(`unix://${target.socket}`)} `;
  return `${sshCommand(target)} docker ${engine}version`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim().slice(0, 300) ?? '';
}
