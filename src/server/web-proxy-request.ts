import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/**
 * Whether a page of another place made a browser send it, where `host` is ours. To follow a link here is fine. Without TLS browsers say
 * only for some requests whence they come: what then is left is what `SameSite` of our cookie lets through.
 */
export function isForeign({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>, host: string) {
  const site = headers['sec-fetch-site'];
  if (site === 'same-origin' || site === 'none') return false;
  if (site !== undefined) return !isVisit(method, headers);
  const { origin } = headers;
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  const page = new URL(origin);
  // A proxy in front may tell the name alone.
  return host !== page.host && host !== page.hostname;
}

/** Of a person to a page, which no other page sees into. */
function isVisit(method: string | undefined, headers: IncomingHttpHeaders): boolean {
  const isRead = method === 'GET' || method === 'HEAD';
  return isRead && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}
