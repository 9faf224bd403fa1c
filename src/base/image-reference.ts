const digestMark = '@sha256:';

/**
 * An image reference as Docker shows it: without the name of its hub, with the tag that is meant. Podman shows
 * `docker.io/library/busybox:latest` where Docker has `busybox:latest`.
 */
export function familiarReference(reference: string): string {
  const short = reference.replace(/^(index\.)?docker\.io\//, '').replace(/^library\/(?=[^/]+$)/, '');
  const { repository, version } = splitReference(short);
  // Engines forget the tag that came with a digest.
  if (short.includes(digestMark)) return `${withoutTag(repository)}@${version}`;
  return short.lastIndexOf(':') > short.lastIndexOf('/') ? short : `${short}:latest`;
}

export interface ImageReferenceParts {
  readonly repository: string;
  /** A tag, or `sha256:…`. */
  readonly version: string;
}

/** `host:5000/name:version` is a repository and a version; without a version it is `latest`. */
export function splitReference(reference: string): ImageReferenceParts {
  const digest = reference.indexOf(digestMark);
  if (digest >= 0) return { repository: reference.slice(0, digest), version: reference.slice(digest + 1) };
  const colon = reference.lastIndexOf(':');
  if (colon <= reference.lastIndexOf('/')) return { repository: reference, version: 'latest' };
  return { repository: reference.slice(0, colon), version: reference.slice(colon + 1) };
}

function withoutTag(repository: string): string {
  const colon = repository.lastIndexOf(':');
  return colon > repository.lastIndexOf('/') ? repository.slice(0, colon) : repository;
}

/** The registry that a reference names; undefined for Docker's own hub. */
export function registryOf(reference: string): string | undefined {
  const slash = reference.indexOf('/');
  const first = slash < 0 ? '' : reference.slice(0, slash);
  const isRegistry = first.includes('.') || first.includes(':') || first === 'localhost';
  return isRegistry && !/^(index\.)?docker\.io$/.test(first) ? first : undefined;
}

/** Whether it is another registry on each machine. */
export function isLoopbackRegistry(registry: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(registry);
}
