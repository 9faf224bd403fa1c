import { type IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http';
import { AppError } from '../contracts/errors.ts';
import type { SeenRequest } from './seen-request.ts';
import { cookieOfWorkspace, cookiesForWorkspace } from './web-proxy-cookies.ts';
import type { Admitted } from './web-proxy-entry.ts';

/** Names and values, as they came. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** RFC 9110, 7.6.1: of one connection, whatever its `connection` header names besides. How a body is framed is said anew. */
const ofConnection = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);
/** Where a request came from: only the server itself says that. */
const ofForwarding = /^(forwarded|via|x-forwarded-.*|x-real-ip)$/;
/** They would hold for the whole origin: for the server, and for other workspaces below it. */
const ofWholeOrigin = new Set([
  'access-control-allow-credentials',
  'access-control-allow-origin',
  'alt-svc',
  'clear-site-data',
  'nel',
  'origin-agent-cluster',
  'public-key-pins',
  'referrer-policy',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'strict-transport-security',
  'www-authenticate',
]);
/** Once a person has typed them, a browser sends them to the whole origin. */
const ofPerson = /^(Basic|Digest|Negotiate|NTLM)\b/i;
/** A page below the server's own address is nobody there: it reads nothing of the server, of other workspaces, and keeps nothing. */
const sandbox = 'sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts';
const methodsWithBody = new Set(['POST', 'PUT', 'PATCH']);
const ownToken = /^Bearer agora-/i;

/** What a workspace is told of a request. */
export function requestHeaders(
  request: IncomingMessage,
  { prefix, isByToken }: Admitted,
  seen: SeenRequest,
): HeaderPairs {
  const headers: [string, string][] = [];
  for (const [name, value] of endToEnd(request)) {
    const key = name.toLowerCase();
    if (key === 'host' || ofForwarding.test(key)) continue;
    if (key === 'authorization' && (isByToken || ownToken.test(value))) continue;
    if (key === 'authorization' && prefix !== '' && ofPerson.test(value)) continue;
    const told = key === 'cookie' ? cookiesForWorkspace(value) : value;
    if (told !== undefined) headers.push([name, told]);
  }
  return [
    ['host', seen.host],
    ...headers,
    ['x-forwarded-for', seen.address],
    ['x-forwarded-host', seen.host],
    ['x-forwarded-proto', seen.scheme],
    ...(prefix === '' ? [] : ([['x-forwarded-prefix', prefix]] as const)),
    ['via', `${request.httpVersion} agora`],
    ...framing(request),
  ];
}

/** What a browser is told of an answer. `request` is what was answered. Raises what Node refuses to send. */
export function answerHeaders(
  answer: IncomingMessage,
  {
    request,
    admitted,
    seen,
  }: { readonly request: IncomingMessage; readonly admitted: Admitted; readonly seen: SeenRequest },
): HeaderPairs {
  const { prefix, place } = admitted;
  const headers: [string, string][] = [];
  for (const [name, value] of endToEnd(answer)) {
    const key = name.toLowerCase();
    if (prefix !== '' && ofWholeOrigin.has(key)) continue;
    const told =
      key === 'set-cookie'
        ? cookieOfWorkspace(value, prefix)
        : key === 'location' || key === 'content-location'
          ? locationFor(value, { prefix, port: place.port, seen })
          : value;
    if (told === undefined) continue;
    validateHeaderName(name);
    validateHeaderValue(name, told);
    headers.push([name, told]);
  }
  const { 'content-length': sizeBytes, 'transfer-encoding': coding } = answer.headers;
  if (sizeBytes !== undefined && coding === undefined) headers.push(['content-length', sizeBytes]);
  return prefix === '' ? headers : [...headers, ...sandboxed(request)];
}

/** Of a page in a sandbox, which is of no origin: what it may read is what its own address leads to. */
export function sandboxed({ headers }: IncomingMessage): HeaderPairs {
  const isOpaque = headers.origin === 'null';
  return [
    ['content-security-policy', sandbox],
    ['referrer-policy', 'no-referrer'],
    ...(isOpaque ? ([['access-control-allow-origin', 'null']] as const) : []),
  ];
}

/** For the calls of Node that take names and values in turn. */
export function flat(headers: HeaderPairs): string[] {
  return headers.flat();
}

export function pairsOf(raw: readonly string[]): HeaderPairs {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as const] : []));
}

function endToEnd({ rawHeaders, headers }: IncomingMessage): HeaderPairs {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  return pairsOf(rawHeaders).filter(([name]) => {
    const key = name.toLowerCase();
    return !ofConnection.has(key) && !named.has(key);
  });
}

function framing({ headers, method = '' }: IncomingMessage): HeaderPairs {
  const { 'transfer-encoding': coding, 'content-length': sizeBytes } = headers;
  if (coding !== undefined) {
    if (coding.toLowerCase() === 'chunked') return [['transfer-encoding', 'chunked']];
    throw new AppError('invalid-input', `Cannot pass the request on: its body comes in the coding "${coding}"`);
  }
  if (sizeBytes !== undefined) return [['content-length', sizeBytes]];
  return methodsWithBody.has(method) ? [['content-length', '0']] : [];
}

/** A workspace that takes itself to be at this address, or at its own port, means itself. */
function locationFor(
  value: string,
  { prefix, port, seen }: { readonly prefix: string; readonly port: number; readonly seen: SeenRequest },
): string {
  if (value.startsWith('/') && !value.startsWith('//')) return `${prefix}${value}`;
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) return value;
  const { protocol, host, hostname, port: named, pathname, search, hash } = new URL(value);
  const isItsPort = Number(named || (protocol === 'https:' ? 443 : 80)) === port;
  const isItself = host === seen.host || (isItsPort && ['localhost', '127.0.0.1'].includes(hostname));
  return isItself ? `${seen.scheme}://${seen.host}${prefix}${pathname}${search}${hash}` : value;
}
