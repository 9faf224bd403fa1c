import { createHmac } from 'node:crypto';
import { withDeadline } from '../base/deadline.ts';
import {
  type AlertNotice,
  type AlertPost,
  alertSignatureHeader,
  type Mail,
  mailSchema,
  type Webhook,
  webhookSchema,
} from '../contracts/alerts.ts';
import { AppError } from '../contracts/errors.ts';
import { mailOf } from './alerts-mail.ts';

/** Where notices go, with what it takes to send them there. */
export type ChannelSettings =
  | { readonly name: 'webhook'; readonly settings: Webhook }
  | { readonly name: 'mail'; readonly settings: Mail };

const timeoutMs = 10_000;

/** Sends notices in one mail or post; raises `unreachable` with the reason when they were not taken. */
export async function sendNotices(
  channel: ChannelSettings,
  notices: readonly AlertNotice[],
  signal?: AbortSignal,
): Promise<void> {
  const limited = withDeadline(timeoutMs, signal);
  try {
    if (channel.name === 'mail') await mail(channel.settings, notices, limited);
    else await post(channel.settings, { notices: [...notices] }, limited);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof AppError) throw cause;
    const reason = limited.aborted ? `it did not take it within ${timeoutMs / 1000} s` : reasonOf(cause);
    throw new AppError('unreachable', `Cannot send an alert to "${targetOf(channel)}": ${reason}`, { cause });
  }
}

/** For people: without a user, a password or what a query may hold. */
export function targetOf(channel: ChannelSettings): string {
  if (channel.name === 'webhook') {
    const { origin, pathname } = new URL(channel.settings.url);
    return `${origin}${pathname}`;
  }
  return `${channel.settings.to.join(', ')} through ${new URL(channel.settings.server).host}`;
}

export function parseSettings(name: ChannelSettings['name'], text: string): ChannelSettings {
  const settings: unknown = JSON.parse(text);
  return name === 'webhook'
    ? { name, settings: webhookSchema.parse(settings) }
    : { name, settings: mailSchema.parse(settings) };
}

/** Of a body at a time, so that an old one cannot be played again. */
export function signatureOf(secret: string, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

async function post({ url, secret }: Webhook, content: AlertPost, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify(content);
  const signature = signatureOf(secret, Math.floor(Date.now() / 1000), body);
  const response = await fetch(withoutCredentials(url), {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/json', [alertSignatureHeader]: signature, ...basicOf(url) },
    body,
    signal,
  });
  await response.body?.cancel();
  if (response.ok) return;
  const target = targetOf({ name: 'webhook', settings: { url, secret } });
  const isElsewhere = response.status >= 300 && response.status < 400;
  const state = `it answered with status ${response.status}${isElsewhere ? ', which is not followed' : ''}`;
  throw new AppError('unreachable', `Cannot send an alert to "${target}": ${state}`);
}

function withoutCredentials(text: string): string {
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href;
}

function basicOf(text: string): { readonly authorization?: string } {
  const { username, password } = new URL(text);
  if (username === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

async function mail(
  { server, user, password, from, to }: Mail,
  notices: readonly AlertNotice[],
  signal: AbortSignal,
): Promise<void> {
  const { createTransport } = await import('nodemailer');
  const { hostname, port, protocol } = new URL(server);
  const isEncrypted = protocol === 'smtps:';
  const transport = createTransport({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (isEncrypted ? 465 : 587) : Number(port),
    secure: isEncrypted,
    // A password goes over an encrypted connection or not at all.
    requireTLS: !isEncrypted && password !== undefined,
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
  });
  // The same mail has the same id, and one to which a notice was added has another.
  const messageId = `<${notices.at(-1)?.noticeId}@agora>`;
  // The signal ends the connection too, whatever the other side is about.
  await transport.sendMail({ from, to: [...to], messageId, ...mailOf(notices), signal });
}

/** `fetch` keeps the reason in the cause of its error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
