/** Labels of what an agent made. Nothing without `host` is ever touched. */
export const hostLabels = {
  /** The id of the host that owns it; of what keeps an agent's state in a volume, that volume. */
  host: 'agora.host',
  /** `network`, `volume`, `image`, `workspace` or `helper`. */
  kind: 'agora.kind',
  /** Its name in the spec; that of a container in an exchange differs. */
  name: 'agora.name',
  /** sha256 of the JCS of what it was made from: another one means that it is made again. */
  spec: 'agora.spec',
  /** Of a volume: `true` when it was declared to go with its spec. */
  removeWithSpec: 'agora.removeWithSpec',
  /** Of a workspace: milliseconds between SIGTERM and SIGKILL, for when it is no longer declared. */
  stopGraceMs: 'agora.stopGraceMs',
  /** Of a workspace: the ports of the host that it has, so that another one can wait for them. */
  ports: 'agora.ports',
} as const;

/** Docker volume in which an agent in a container keeps its key and its last target. */
export const agentVolume = 'agora-agent';

/** The name of a new container while the one it takes the place of still has its own. */
export function nextContainerName(workspace: string): string {
  return `${workspace}.agora-next`;
}

/** The name of the old container while the new one proves itself. */
export function previousContainerName(workspace: string): string {
  return `${workspace}.agora-previous`;
}

export const serverDefaults = {
  port: 8090,
  listen: '127.0.0.1:8090',
  url: 'http://localhost:8090',
} as const;

/** The seed's images. */
export const agentImage = 'ghcr.io/trailer-dev/agent:latest';
export const serverImage = 'ghcr.io/trailer-dev/server:latest';

/** The seed's default, relative to the home folder. */
export const agentConfigPath = '.config/trailer.dev/config.yml';
