/** One container, as we need it: whatever is not named here is the engine's default. */
export interface ContainerSpec {
  readonly name: string;
  /** An image id or reference that the engine already has. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What to run. Default: the image's own. */
  readonly command?: readonly string[];
  /** Capabilities kept; every other is dropped. */
  readonly capabilities: readonly string[];
  /** Paths that get an anonymous volume, removed with the container. */
  readonly volumes: readonly string[];
  /** Paths that are memory, with their mount options. */
  readonly tmpfs: Readonly<Record<string, string>>;
  /** True when stdin is open for one writer, who ends it. */
  readonly hasStdin: boolean;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly pids: number;
  /** `none`, or the id of a network. */
  readonly network: string;
  /** How much of its log the engine keeps. */
  readonly logBytes: number;
}

export interface ContainerState {
  readonly id: string;
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly exitCode: number;
  readonly isOutOfMemory: boolean;
  /** Why the engine could not start or go on with it; empty when it could. */
  readonly error: string;
}

export interface ContainerSummary {
  readonly id: string;
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ImageState {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sizeBytes: number;
  /** `<repository>@sha256:<hex>`: what it was pulled as, or pushed. */
  readonly registryDigests: readonly string[];
}

export interface ImageSummary {
  readonly id: string;
  readonly tags: readonly string[];
  readonly createdAtMs: number;
}

export interface EngineInformation {
  readonly version: string;
  /** `linux` where containers run on Linux. */
  readonly operatingSystem: string;
  /** As Node names it: `x64`, `arm64`, … */
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly hasCpuLimit: boolean;
  readonly hasMemoryLimit: boolean;
  readonly hasPidsLimit: boolean;
}

export interface EngineLogChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
  /** When the line it belongs to was written, ISO 8601; only where asked for. */
  readonly at?: string;
}

export interface EngineLogOptions {
  readonly follow: boolean;
  /** Ask for `at`. Default: false. */
  readonly timestamps?: boolean;
  /** Only what was written at or after this time, ISO 8601. */
  readonly since?: string;
  /** Only this many lines before the end, and what follows. */
  readonly tail?: number;
  /** Default: both. */
  readonly streams?: readonly EngineLogChunk['stream'][];
  readonly signal?: AbortSignal;
}

/** A program to run on a terminal in a container. */
export interface TerminalSpec {
  readonly command: readonly string[];
  /** `<uid>:<gid>`. */
  readonly user: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly columns: number;
  readonly rows: number;
}

/** A program that runs on a terminal in a container. It goes on when its streams are closed. */
export interface EngineTerminal {
  /** Ends with the program, or with its container. */
  readonly output: ByteStream;
  write(bytes: Uint8Array): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Asked once its output has ended: its exit code, undefined when the engine knows none any more; `not-ready` while it runs. */
  exitCode(): Promise<number | undefined>;
  /** Hangs up: its input and output end. */
  close(): void;
}

export interface BuildOptions {
  /** The reference the result gets. */
  readonly tag: string;
  /** Where the Dockerfile lies in the context. */
  readonly dockerfile: string;
  readonly buildArguments: Readonly<Record<string, string>>;
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface ProgressOptions {
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface ImportOptions extends ProgressOptions {
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type ByteStream = AsyncIterable<Uint8Array>;

/** What is written before a container starts waits in the buffer of a socket: 208 KiB on Linux, its own needs included; a line fits besides. */
export const stdinBytes = 128 * 1024;

/** Images of an engine, by id or reference. */
export interface EngineImages {
  inspectImage(reference: string): Promise<ImageState | undefined>;
  /** Those with a tag of this repository. */
  listImages(repository: string): Promise<ImageSummary[]>;
  tagImage(reference: string, tag: string): Promise<void>;
  /** Takes a reference away, and the image with its last one. Fine if it is not there. */
  removeImage(reference: string): Promise<void>;
  /** Removes untagged images with all of these labels. */
  pruneImages(labels: Readonly<Record<string, string>>): Promise<void>;
  pullImage(reference: string, options?: ProgressOptions): Promise<void>;
  /** An image with its tags as a tar, as `docker save` makes it. */
  saveImage(reference: string, signal?: AbortSignal): ByteStream;
  /** Takes the images of such a tar in. */
  loadImage(images: ByteStream, options?: ProgressOptions): Promise<void>;
  /** Makes an image of one layer from a tar of a root file system. Images built on it inherit its labels. */
  importImage(rootFileSystem: ByteStream, options: ImportOptions): Promise<void>;
  /** Builds from a tar of the context. */
  buildImage(context: ByteStream, options: BuildOptions): Promise<void>;
}

/** Containers of an engine, by id or name. */
export interface EngineContainers {
  createContainer(spec: ContainerSpec, signal?: AbortSignal): Promise<string>;
  startContainer(reference: string, signal?: AbortSignal): Promise<void>;
  inspectContainer(reference: string, signal?: AbortSignal): Promise<ContainerState | undefined>;
  /** Those with all of these labels, running or not. */
  listContainers(labels: Readonly<Record<string, string>>): Promise<ContainerSummary[]>;
  stopContainer(reference: string, graceMs: number): Promise<void>;
  removeContainer(reference: string): Promise<void>;
}

/** What goes into containers of an engine and comes out of them. */
export interface EngineContainerStreams {
  /** Resolves with the exit code once it does not run. */
  waitContainer(reference: string, signal?: AbortSignal): Promise<number>;
  /** Unpacks a tar at a path of a container, started or not. */
  putArchive(reference: string, path: string, tar: ByteStream, signal?: AbortSignal): Promise<void>;
  getArchive(reference: string, path: string): ByteStream;
  /** Writes to stdin of a container and ends it; the container reads it once it is started. At most `stdinBytes`. */
  writeStdin(reference: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  logs(reference: string, options: EngineLogOptions): AsyncIterable<EngineLogChunk>;
  /** Runs a program in a running container; `task-conflict` when it does not run. */
  openTerminal(reference: string, spec: TerminalSpec, signal?: AbortSignal): Promise<EngineTerminal>;
}

/** Networks of an engine. */
export interface EngineNetworks {
  /**
   * The id of a network with a way out, on which containers cannot reach each other. Found by name and labels, made if
   * it is not there.
   */
  isolatedNetwork(name: string, labels: Readonly<Record<string, string>>): Promise<string>;
}

/**
 * What we need of a container engine. References are ids or names. Every call has a deadline; a `wait`, a build and a
 * followed log last as long as the engine shows that it is alive. Failures raised: `unreachable` (nothing answers, in
 * time, or it went away in between), `not-found`, `image-missing`, `task-conflict` (the name is taken, or a removal is under
 * way), `invalid-input` (the engine refuses what was asked), `internal` (the engine failed). A `stop`, `kill` or
 * `remove` of what is already so is fine.
 */
export interface Engine extends EngineImages, EngineContainers, EngineContainerStreams, EngineNetworks {
  /** How it is reached, for people. */
  readonly address: string;
  ping(signal?: AbortSignal): Promise<void>;
  information(signal?: AbortSignal): Promise<EngineInformation>;
}
