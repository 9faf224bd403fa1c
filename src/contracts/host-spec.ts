import * as z from 'zod';
import { secretRefSchema, variableNameSchema } from './env-bundle.ts';
import { processTextSchema } from './process-text.ts';

/** What Docker and Podman take as the name of a container, network or volume. */
export const resourceNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/,
    'must be 1 to 63 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit',
  );

const labelsSchema = z
  .record(z.string().min(1).max(256), processTextSchema)
  .refine(
    (labels) => Object.keys(labels).every((label) => !label.startsWith('agora.')),
    'labels that start with agora. are ours',
  );

/** `name`, `registry/name:tag` or `name@sha256:…`, as `docker pull` takes it; or the name of an image declared here. */
const imageReferenceSchema = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/, 'must be an image reference');

/** Bytes, as a number or with a unit: `512m`, `2g`. */
export const sizeSchema = z.union([
  z.int().positive(),
  z.string().regex(/^[0-9]+(\.[0-9]+)?[kmgt]?b?$/i, 'must be bytes, or a number with k, m, g or t'),
]);

/** Seconds, as a number or with a unit: `500ms`, `30s`, `5m`, `1h`. */
export const timeSpanSchema = z.union([
  z.number().nonnegative(),
  z.string().regex(/^[0-9]+(\.[0-9]+)?(ms|s|m|h)$/, 'must be seconds, or a number with ms, s, m or h'),
]);

export const networkSpecSchema = z.strictObject({
  driver: z.enum(['bridge', 'macvlan']).default('bridge'),
  /** Without a way out. */
  internal: z.boolean().default(false),
  /** CIDR. Default: the engine chooses. */
  subnet: z.union([z.cidrv4(), z.cidrv6()]).optional(),
  gateway: z.union([z.ipv4(), z.ipv6()]).optional(),
  /** The host's interface that a macvlan network is on. */
  parent: z.string().max(64).optional(),
  labels: labelsSchema.default({}),
});
export type NetworkSpec = z.infer<typeof networkSpecSchema>;

export const volumeSpecSchema = z.strictObject({
  driver: z.string().max(128).default('local'),
  driverOptions: z.record(z.string(), processTextSchema).default({}),
  labels: labelsSchema.default({}),
  /** Its data go when it is no longer declared. Without this a volume is never removed. */
  removeWithSpec: z.boolean().default(false),
});
export type VolumeSpec = z.infer<typeof volumeSpecSchema>;

export const buildSpecSchema = z.strictObject({
  /** A folder beside the spec; the server keeps its content as `sha256:<hex>` of a tar. */
  context: z.string().min(1).max(4096),
  /** The path of the Dockerfile in the context. */
  dockerfile: z.string().min(1).max(4096).default('Dockerfile'),
  args: z.record(variableNameSchema, processTextSchema).default({}),
  /** Build arguments that are secret: refs, resolved where `agora host apply` runs. */
  secrets: z.record(variableNameSchema, secretRefSchema).default({}),
  target: z.string().max(128).optional(),
  useCache: z.boolean().default(true),
  /** Asks the registry for newer base images. */
  pullBase: z.boolean().default(false),
  /** Pushes the result to the registry its tag names. */
  push: z.boolean().default(false),
});
export type BuildSpec = z.infer<typeof buildSpecSchema>;

export const imageSpecSchema = z
  .strictObject({
    /** What it is tagged as. Default: what is pulled, or `agora-build/<name>:latest`. */
    tag: imageReferenceSchema.optional(),
    pull: imageReferenceSchema.optional(),
    build: buildSpecSchema.optional(),
    /** When a pulled image is asked for again. Default: when it is missing. */
    policy: z.enum(['missing', 'always']).default('missing'),
  })
  .refine(({ pull, build }) => (pull === undefined) !== (build === undefined), 'needs either pull or build');
export type ImageSpec = z.infer<typeof imageSpecSchema>;

const portNumberSchema = z.int().min(1).max(65_535);

export const portSpecSchema = z.strictObject({
  container: portNumberSchema,
  /** On the host. Default: the engine chooses. */
  host: portNumberSchema.optional(),
  address: z.union([z.ipv4(), z.ipv6()]).default('0.0.0.0'),
  protocol: z.enum(['tcp', 'udp']).default('tcp'),
});
export type PortSpec = z.infer<typeof portSpecSchema>;

const containerPathSchema = z.string().startsWith('/', 'must be an absolute path').max(4096);

export const mountSpecSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('volume'),
    /** A volume declared here. */
    volume: resourceNameSchema,
    target: containerPathSchema,
    readOnly: z.boolean().default(false),
  }),
  z.strictObject({
    type: z.literal('bind'),
    /** A path of the host. */
    source: containerPathSchema,
    target: containerPathSchema,
    readOnly: z.boolean().default(false),
  }),
  z.strictObject({ type: z.literal('tmpfs'), target: containerPathSchema, size: sizeSchema.optional() }),
]);
export type MountSpec = z.infer<typeof mountSpecSchema>;

export const healthCheckSchema = z.strictObject({
  /** Run in the container; exit code 0 is healthy. */
  command: z.array(processTextSchema).min(1),
  interval: timeSpanSchema.default(10),
  timeout: timeSpanSchema.default(5),
  /** Failures in a row until it counts as unhealthy. */
  retries: z.int().min(1).max(100).default(3),
  startPeriod: timeSpanSchema.default(0),
});

export const updateStrategySchema = z.strictObject({
  /** `stop-first` has a gap but never two at once; `start-first` runs the new one until it is healthy, then stops the old one. */
  order: z.enum(['stop-first', 'start-first']).default('stop-first'),
  /** How long the new one may take to be healthy, or without a check to stay up (10 s at most), before the old one is put back. */
  healthyWithin: timeSpanSchema.default(60),
  rollback: z.boolean().default(true),
});

export const workspaceSpecSchema = z.strictObject({
  image: imageReferenceSchema,
  /** Default: the image's own. */
  entrypoint: z.array(processTextSchema).optional(),
  command: z.array(processTextSchema).optional(),
  workingDirectory: containerPathSchema.optional(),
  user: z.string().max(128).optional(),
  hostname: z.string().max(253).optional(),
  env: z.record(variableNameSchema, processTextSchema).default({}),
  /** Variables that are secret: refs, resolved where `agora host apply` runs, sealed to the host's key. */
  secrets: z.record(variableNameSchema, secretRefSchema).default({}),
  ports: z.array(portSpecSchema).max(256).default([]),
  mounts: z.array(mountSpecSchema).max(256).default([]),
  /** Networks declared here. Default: the engine's own bridge. */
  networks: z.array(resourceNameSchema).max(64).default([]),
  restart: z.enum(['no', 'on-failure', 'always', 'unless-stopped']).default('unless-stopped'),
  /** Wanted to run; `false` keeps it, stopped. */
  running: z.boolean().default(true),
  /** Processors, fractions too. Default: no limit. */
  cpus: z.number().positive().max(4096).optional(),
  memory: sizeSchema.optional(),
  shm: sizeSchema.optional(),
  pids: z.int().positive().max(4_194_304).optional(),
  /** `all`, a number of them, or their uuids or indexes. */
  gpus: z.union([z.literal('all'), z.int().positive(), z.array(z.string().max(128)).min(1)]).optional(),
  /** `/dev/x`, or `/dev/x:/dev/y` to name it otherwise inside. */
  devices: z.array(z.string().startsWith('/dev/').max(512)).max(64).default([]),
  capabilities: z.array(z.string().max(64)).max(64).default([]),
  readOnlyRoot: z.boolean().default(false),
  privileged: z.boolean().default(false),
  health: healthCheckSchema.optional(),
  labels: labelsSchema.default({}),
  /** Between SIGTERM and SIGKILL. */
  stopGrace: timeSpanSchema.default(10),
  updateStrategy: updateStrategySchema.prefault({}),
  /** What becomes of it when the host has not reached its server for `after`. */
  onDisconnect: z
    .strictObject({ action: z.enum(['keep', 'stop']).default('keep'), after: timeSpanSchema.default(300) })
    .prefault({}),
  /** Takes over a container of this name that somebody else made, by making it again. */
  adopt: z.boolean().default(false),
});
export type WorkspaceSpec = z.infer<typeof workspaceSpecSchema>;

/** What a host shall be like: `agora host apply -f <file>`. Names are those that the engine shows. */
export const hostSpecSchema = z.strictObject({
  schemaVersion: z.literal(1),
  networks: z.record(resourceNameSchema, networkSpecSchema.prefault({})).default({}),
  volumes: z.record(resourceNameSchema, volumeSpecSchema.prefault({})).default({}),
  images: z.record(resourceNameSchema, imageSpecSchema).default({}),
  workspaces: z.record(resourceNameSchema, workspaceSpecSchema).default({}),
});
export type HostSpec = z.infer<typeof hostSpecSchema>;

export const emptyHostSpec: HostSpec = { schemaVersion: 1, networks: {}, volumes: {}, images: {}, workspaces: {} };

export const specLimits = {
  fileBytes: 4 * 1024 * 1024,
  resources: 2_000,
  contextBytes: 2 * 1024 * 1024 * 1024,
} as const;
