import * as z from 'zod';
import { secretRefSchema, variableNameSchema } from './env-bundle.ts';
import { processTextSchema } from './process-text.ts';

/** What Docker and Podman take as the name of a container, network or volume. */
const resourceNameSchema = z
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
  driver: z
    .enum(['bridge', 'macvlan'])
    .default('bridge')
    .describe('How it is made; macvlan puts it on an interface of the host.'),
  internal: z.boolean().default(false).describe('Without a way out.'),
  subnet: z.union([z.cidrv4(), z.cidrv6()]).optional().describe('CIDR. Default: the engine chooses.'),
  gateway: z.union([z.ipv4(), z.ipv6()]).optional().describe('An address of the subnet. Default: the engine chooses.'),
  parent: z.string().max(64).optional().describe("The host's interface that a macvlan network is on."),
  labels: labelsSchema.default({}).describe('Labels it bears.'),
});
export type NetworkSpec = z.infer<typeof networkSpecSchema>;

export const volumeSpecSchema = z.strictObject({
  driver: z.string().max(128).default('local').describe('The volume driver of the engine.'),
  driverOptions: z.record(z.string(), processTextSchema).default({}).describe('What that driver is told.'),
  labels: labelsSchema.default({}).describe('Labels it bears; a change of them makes no new volume.'),
  removeWithSpec: z
    .boolean()
    .default(false)
    .describe('Its data go when it is no longer declared. Without this a volume is never removed.'),
});
export type VolumeSpec = z.infer<typeof volumeSpecSchema>;

export const buildSpecSchema = z.strictObject({
  context: z
    .string()
    .min(1)
    .max(4096)
    .describe('A folder, relative to the spec; the server keeps its content as `sha256:<hex>` of a tar.'),
  dockerfile: z.string().min(1).max(4096).default('Dockerfile').describe('The path of the Dockerfile in the context.'),
  args: z.record(variableNameSchema, processTextSchema).default({}).describe('Build arguments.'),
  secrets: z
    .record(variableNameSchema, secretRefSchema)
    .default({})
    .describe('Build arguments that are secret: refs, resolved where `agora host apply` runs.'),
  target: z.string().max(128).optional().describe('The stage to build. Default: the last one.'),
  useCache: z.boolean().default(true).describe('Whether steps are taken from the cache of the engine.'),
  pullBase: z.boolean().default(false).describe('Asks the registry for newer base images.'),
  push: z.boolean().default(false).describe('Pushes the result to the registry its tag names.'),
});
export type BuildSpec = z.infer<typeof buildSpecSchema>;

export const imageSpecSchema = z
  .strictObject({
    tag: imageReferenceSchema
      .optional()
      .describe('What it is tagged as. Default: what is pulled, or `agora-build/<name>:latest`.'),
    pull: imageReferenceSchema.optional().describe('What is pulled; either this or build.'),
    build: buildSpecSchema.optional().describe('How it is built on the host; either this or pull.'),
    policy: z
      .enum(['missing', 'always'])
      .default('missing')
      .describe('When a pulled image is asked for again: when it is missing, or with each change.'),
  })
  .refine(({ pull, build }) => (pull === undefined) !== (build === undefined), 'needs either pull or build');
export type ImageSpec = z.infer<typeof imageSpecSchema>;

const portNumberSchema = z.int().min(1).max(65_535);

const portSpecSchema = z.strictObject({
  container: portNumberSchema.describe('The port it listens on.'),
  host: portNumberSchema.optional().describe('On the host. Default: the engine chooses.'),
  address: z.union([z.ipv4(), z.ipv6()]).default('0.0.0.0').describe('The address of the host.'),
  protocol: z.enum(['tcp', 'udp']).default('tcp').describe('Which of the two.'),
});
export type PortSpec = z.infer<typeof portSpecSchema>;

const containerPathSchema = z.string().startsWith('/', 'must be an absolute path').max(4096);

const targetSchema = containerPathSchema.describe('Where it is in the container.');
const readOnlySchema = z.boolean().default(false).describe('It cannot be written to there.');

export const mountSpecSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('volume'),
    volume: resourceNameSchema.describe('A volume declared here.'),
    target: targetSchema,
    readOnly: readOnlySchema,
  }),
  z.strictObject({
    type: z.literal('bind'),
    source: containerPathSchema.describe('A path of the host.'),
    target: targetSchema,
    readOnly: readOnlySchema,
  }),
  z.strictObject({
    type: z.literal('tmpfs'),
    target: targetSchema,
    size: sizeSchema.optional().describe('How much it may hold. Default: half of the memory.'),
  }),
]);
export type MountSpec = z.infer<typeof mountSpecSchema>;

const healthCheckSchema = z.strictObject({
  command: z.array(processTextSchema).min(1).describe('Run in the container; exit code 0 is healthy.'),
  interval: timeSpanSchema.default(10).describe('Between two checks.'),
  timeout: timeSpanSchema.default(5).describe('How long one may take.'),
  retries: z.int().min(1).max(100).default(3).describe('Failures in a row until it counts as unhealthy.'),
  startPeriod: timeSpanSchema.default(0).describe('How long after its start failures do not count.'),
});

const updateStrategySchema = z.strictObject({
  order: z
    .enum(['stop-first', 'start-first'])
    .default('stop-first')
    .describe(
      '`stop-first` has a gap but never two at once; `start-first` runs the new one until it is healthy, then stops the old one.',
    ),
  healthyWithin: timeSpanSchema
    .default(60)
    .describe(
      'How long the new one may take to be healthy, or without a check to stay up (10 s at most), before the old one is put back.',
    ),
  rollback: z.boolean().default(true).describe('Whether the old one is put back.'),
});

export const workspaceSpecSchema = z.strictObject({
  image: imageReferenceSchema.describe('What `docker pull` takes, or the name of an image declared here.'),
  entrypoint: z.array(processTextSchema).optional().describe("Default: the image's own."),
  command: z.array(processTextSchema).optional().describe("Default: the image's own."),
  workingDirectory: containerPathSchema.optional().describe("Default: the image's own."),
  user: z.string().max(128).optional().describe("A user, or user:group. Default: the image's own."),
  hostname: z.string().max(253).optional().describe('What it calls itself. Default: the engine chooses.'),
  env: z.record(variableNameSchema, processTextSchema).default({}).describe('Variables.'),
  secrets: z
    .record(variableNameSchema, secretRefSchema)
    .default({})
    .describe("Variables that are secret: refs, resolved where `agora host apply` runs, sealed to the host's key."),
  ports: z.array(portSpecSchema).max(256).default([]).describe('Ports that the host listens on for it.'),
  mounts: z
    .array(mountSpecSchema)
    .max(256)
    .default([])
    .describe('A volume declared here, a path of the host, or memory.'),
  networks: z
    .array(resourceNameSchema)
    .max(64)
    .default([])
    .describe("Networks declared here. Default: the engine's own bridge."),
  restart: z
    .enum(['no', 'on-failure', 'always', 'unless-stopped'])
    .default('unless-stopped')
    .describe('When the engine starts it again after it ended.'),
  running: z.boolean().default(true).describe('Wanted to run; `false` keeps it, stopped.'),
  cpus: z.number().positive().max(4096).optional().describe('Processors, fractions too. Default: no limit.'),
  memory: sizeSchema.optional().describe('How much memory it may use. Default: no limit.'),
  shm: sizeSchema.optional().describe('The size of /dev/shm. Default: 64m.'),
  pids: z.int().positive().max(4_194_304).optional().describe('Processes and threads at once. Default: no limit.'),
  gpus: z
    .union([z.literal('all'), z.int().positive(), z.array(z.string().max(128)).min(1)])
    .optional()
    .describe('`all`, a number of them, or their uuids or indexes. Default: none.'),
  devices: z
    .array(z.string().startsWith('/dev/').max(512))
    .max(64)
    .default([])
    .describe('`/dev/x`, or `/dev/x:/dev/y` to name it otherwise inside.'),
  capabilities: z
    .array(z.string().max(64))
    .max(64)
    .default([])
    .describe('Linux capabilities it gets beyond the usual ones.'),
  readOnlyRoot: z.boolean().default(false).describe('Its own files cannot be changed.'),
  stdin: z
    .boolean()
    .default(false)
    .describe(
      'Its main program has an input, which `agora host attach` writes to. Podman ends it when one who attached leaves, unless it is on a terminal.',
    ),
  tty: z
    .boolean()
    .default(false)
    .describe('Its main program is on a terminal; then its output has no separate errors.'),
  privileged: z.boolean().default(false).describe('It may do on the host what root may.'),
  health: healthCheckSchema.optional().describe('How to tell that it is healthy. Default: as the image says.'),
  labels: labelsSchema.default({}).describe('Labels it bears.'),
  stopGrace: timeSpanSchema.default(10).describe('Between SIGTERM and SIGKILL.'),
  updateStrategy: updateStrategySchema.prefault({}).describe('How a new container takes the place of the old one.'),
  onDisconnect: z
    .strictObject({
      action: z.enum(['keep', 'stop']).default('keep').describe('Whether it goes on.'),
      after: timeSpanSchema.default(300).describe('How long the server has to be away.'),
    })
    .prefault({})
    .describe('What becomes of it when the host has not reached its server for so long.'),
  adopt: z
    .boolean()
    .default(false)
    .describe('Takes over a container of this name that somebody else made, by making it again.'),
});
export type WorkspaceSpec = z.infer<typeof workspaceSpecSchema>;

/** What a host shall be like: `agora host apply -f <file>`. Names are those that the engine shows. */
export const hostSpecSchema = z.strictObject({
  schemaVersion: z.literal(1).describe('Of this format.'),
  networks: z.record(resourceNameSchema, networkSpecSchema.prefault({})).default({}).describe('By their names.'),
  volumes: z.record(resourceNameSchema, volumeSpecSchema.prefault({})).default({}).describe('By their names.'),
  images: z.record(resourceNameSchema, imageSpecSchema).default({}).describe('By the names that workspaces use.'),
  workspaces: z.record(resourceNameSchema, workspaceSpecSchema).default({}).describe('Containers, by their names.'),
});
export type HostSpec = z.infer<typeof hostSpecSchema>;

export const emptyHostSpec: HostSpec = { schemaVersion: 1, networks: {}, volumes: {}, images: {}, workspaces: {} };

export const specLimits = {
  fileBytes: 4 * 1024 * 1024,
  resources: 2_000,
  contextBytes: 2 * 1024 * 1024 * 1024,
} as const;
