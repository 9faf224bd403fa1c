import { formatDuration } from '../base/duration.ts';
import type { Host } from '../contracts/fleet.ts';

/** Whether the server hears of the host, and whether others can listen in. */
export function linkText({ link }: Host): string {
  return `${link.link}, ${link.isEncrypted ? 'encrypted' : 'plaintext'}`;
}

/** Which agent, and since when; or when it was last heard of. */
export function agentText({ link, facts }: Host, now: number): string {
  const version = facts?.agentVersion ?? '';
  if (link.link === 'online') {
    const since = link.agentStartedAt === undefined ? 'up' : `up ${sinceText(link.agentStartedAt, now)}`;
    return [version, since, link.hasSocket ? '' : '(no socket)'].filter(Boolean).join(' ');
  }
  const seen = link.lastSeenAt === undefined ? 'never seen' : `last seen ${agoText(link.lastSeenAt, now)}`;
  return [version, seen].filter(Boolean).join(' ');
}

/** What the agent last said of its engine. */
export function engineText({ link, facts }: Host): string {
  const { engine } = facts ?? {};
  return engine === undefined || link.engine !== 'up' ? link.engine : `up, ${engine.name} ${engine.version}`;
}

/** What is declared, and what the host has come to the end of. */
export function revisionText({ desiredRevision, appliedRevision }: Host): string {
  if (desiredRevision === undefined) return '';
  if (appliedRevision === desiredRevision) return String(desiredRevision);
  return `${desiredRevision} (applied: ${appliedRevision ?? 'none'})`;
}

export function agoText(at: string, now: number): string {
  return `${sinceText(at, now)} ago`;
}

export function sinceText(at: string, now: number): string {
  return formatDuration(Math.max(0, now - Date.parse(at)));
}

/** What an admin has to do for hosts that are not let in; for a person. */
export function admissionHint({ name, admission, fingerprint, sameMachineAs, address }: Host): string | undefined {
  const approve = `agora host approve ${name} ${fingerprint}`;
  const twin = sameMachineAs === undefined ? '' : ` (the same machine as ${sameMachineAs}, or a clone of it)`;
  if (admission === 'pending') {
    return `${name} from ${address} waits for approval${twin}; if its agent prints ${fingerprint} as well: ${approve}`;
  }
  if (admission === 'duplicate') {
    return `${name} is held back, as two agents used its key at once: stop the one too many, then: ${approve}`;
  }
  return undefined;
}
