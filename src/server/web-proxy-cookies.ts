/** Of ours, whatever is to come: no workspace is told them, and none may set them. */
const ours = /^(__(Host|Secure)-)?agora-/i;

/** With `__Host-` no page of a sibling domain can set it, which browsers allow under TLS only. */
export function webCookieName(isEncrypted: boolean): string {
  return isEncrypted ? '__Host-agora-web' : 'agora-web';
}

/** For as long as the browser is open; the server ends it earlier. */
export function webCookie(secret: string, isEncrypted: boolean): string {
  return `${webCookieName(isEncrypted)}=${secret}; Path=/; HttpOnly; SameSite=Lax${isEncrypted ? '; Secure' : ''}`;
}

/** All values of a name: a page of a sibling domain may have set another one. */
export function cookiesNamed(header: string | undefined, name: string): string[] {
  return pairsIn(header)
    .filter((pair) => nameOf(pair) === name)
    .map((pair) => pair.slice(name.length + 1));
}

/** What a workspace is told of a `cookie` header; undefined where that is nothing. */
export function cookiesForWorkspace(header: string): string | undefined {
  const theirs = pairsIn(header).filter((pair) => !ours.test(nameOf(pair)));
  return theirs.length === 0 ? undefined : theirs.join('; ');
}

/** A workspace's `set-cookie` as the browser gets it: for its own address and no other. Undefined where it may not be set. */
export function cookieOfWorkspace(value: string, prefix: string): string | undefined {
  const [pair = '', ...attributes] = value.split(';').map((part) => part.trim());
  if (ours.test(nameOf(pair))) return undefined;
  const kept = attributes.filter((attribute) => nameOf(attribute).toLowerCase() !== 'domain');
  if (prefix === '') return [pair, ...kept].join('; ');
  const path = kept.find(isPath)?.slice('path='.length).trim() ?? '';
  const below = path.startsWith('/') ? path : '/';
  return [pair, ...kept.filter((attribute) => !isPath(attribute)), `Path=${prefix}${below}`].join('; ');
}

function isPath(attribute: string): boolean {
  return nameOf(attribute).toLowerCase() === 'path';
}

function pairsIn(header: string | undefined): string[] {
  return (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '');
}

function nameOf(pair: string): string {
  const at = pair.indexOf('=');
  return (at === -1 ? pair : pair.slice(0, at)).trim();
}
