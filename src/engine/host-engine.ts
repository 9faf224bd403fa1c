import type {
  ObservedContainer,
  ObservedImage,
  ObservedNetwork,
  ObservedVolume,
} from '../contracts/host-observation.ts';
import type { BuildSpec, NetworkSpec, VolumeSpec, WorkspaceSpec } from '../contracts/host-spec.ts';
import type { ByteStream, EngineInformation, ProgressOptions } from './engine.ts';

export interface HostEngineInformation extends EngineInformation {
  /** The engine's own id, stable over restarts; undefined where it keeps none, as Podman. */
  readonly id: string | undefined;
  /** The name of the host that it runs on. */
  readonly hostName: string;
  readonly product: 'docker' | 'podman';
  readonly kernel: string;
  /** As the host calls itself: `Debian GNU/Linux 12 (bookworm)`. */
  readonly distribution: string;
  /** Where it keeps images and volumes, a path of the host. */
  readonly rootFolder: string;
  readonly cgroupVersion: 1 | 2;
  /** Names of OCI runtimes; `nvidia` where the vendor's is set up. */
  readonly runtimes: readonly string[];
}

/** A workspace's container, every reference in it resolved. */
export interface WorkspaceContainer {
  /** The container's name. */
  readonly name: string;
  readonly spec: WorkspaceSpec;
  /** The image's id. */
  readonly imageId: string;
  /** Values of the spec's secrets, by variable. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Those of the spec, and ours. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface BuildRequest
  extends Pick<BuildSpec, 'dockerfile' | 'target' | 'useCache' | 'pullBase'>,
    ProgressOptions {
  readonly tag: string;
  /** The classic builder keeps their values readable in the image's history. */
  readonly args: Readonly<Record<string, string>>;
  /** Arguments that the result must not tell: `invalid-input` when its history or settings would, and then nothing has the tag. */
  readonly secretArgs?: Readonly<Record<string, string>>;
  /** Gets what is printed as it comes, cut anywhere. */
  readonly onOutput?: (text: string) => void;
  readonly labels: Readonly<Record<string, string>>;
  /** For base images, by registry. */
  readonly logins?: Readonly<Record<string, RegistryLogin>>;
}

/** Something changed on the engine, whoever did it. */
export interface EngineEvent {
  readonly type: 'container' | 'network' | 'volume' | 'image';
  /** The engine's word: `start`, `die`, `destroy`, `health_status: healthy`, … */
  readonly action: string;
  /** A container's, network's or volume's name; an image's reference. */
  readonly name: string;
}

/** What one container has used since it started. */
export interface ContainerUsage {
  readonly cpuNanoseconds: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number | undefined;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly processes: number;
}

/** What a registry is signed in to with: a password, or a token that an earlier sign-in gave. */
export type RegistryLogin =
  | { readonly username: string; readonly password: string }
  | { readonly identityToken: string };

export interface PullOptions extends ProgressOptions {
  readonly login?: RegistryLogin | undefined;
}

/**
 * What the host agent needs of an engine, Docker or Podman's compatible socket. References are ids or names. Every call has a
 * deadline or a signal. Failures raised are those of `Engine`; besides `disk-full`, where the engine says that no space is left,
 * `invalid-input` with the engine's own words where it refuses a specification (a device that is not there), and `task-conflict`
 * where something else has a name or a port.
 * Of a registry: `image-missing`, `refused` without the right login, `not-ready` while it cannot be reached.
 * To stop or remove what is already so is fine, and so is to connect what is connected. Containers have the labels of their
 * image as well as their own.
 */
export interface HostEngine {
  /** How it is reached, for people. */
  readonly address: string;
  ping(signal?: AbortSignal): Promise<void>;
  describeHost(signal?: AbortSignal): Promise<HostEngineInformation>;

  /**
   * One call while nothing changes; what the engine's list lacks is asked for container by container, of those with the
   * label `agora.host` alone: of others the restart count, the times and the error stay empty.
   */
  observeContainers(signal?: AbortSignal): Promise<ObservedContainer[]>;
  observeNetworks(signal?: AbortSignal): Promise<ObservedNetwork[]>;
  observeVolumes(signal?: AbortSignal): Promise<ObservedVolume[]>;
  /** Tags as `familiarReference` of base/image-reference.ts writes them. */
  observeImages(signal?: AbortSignal): Promise<ObservedImage[]>;

  createNetwork(name: string, spec: NetworkSpec, options: CreateOptions): Promise<string>;
  removeNetwork(reference: string, signal?: AbortSignal): Promise<void>;
  connectNetwork(network: string, container: string, signal?: AbortSignal): Promise<void>;
  disconnectNetwork(network: string, container: string, signal?: AbortSignal): Promise<void>;
  /** `task-conflict` where one of that name has other labels. */
  createVolume(name: string, spec: VolumeSpec, options: CreateOptions): Promise<void>;
  removeVolume(name: string, signal?: AbortSignal): Promise<void>;

  /** Created and connected to its networks, not started. The id. */
  createWorkspace(container: WorkspaceContainer, signal?: AbortSignal): Promise<string>;
  startContainer(reference: string, signal?: AbortSignal): Promise<void>;
  stopContainer(reference: string, graceMs: number, signal?: AbortSignal): Promise<void>;
  renameContainer(reference: string, name: string, signal?: AbortSignal): Promise<void>;
  /** With the volumes that have no name, unless they are to be kept. */
  removeContainer(reference: string, signal?: AbortSignal, options?: RemoveOptions): Promise<void>;

  /** The id that the reference then has. */
  pull(reference: string, options?: PullOptions): Promise<string>;
  /** The digest that the registry gave it: `sha256:…`. */
  push(reference: string, options?: PullOptions): Promise<string>;
  /** Builds from a tar of the context. The image's id. */
  build(context: ByteStream, request: BuildRequest): Promise<string>;
  /** Gives an image another reference, which another image may have had. */
  tagImage(reference: string, tag: string, signal?: AbortSignal): Promise<void>;
  removeImage(reference: string): Promise<void>;

  /**
   * What changes from this call on, until the signal; ends when the engine goes away or answers nothing any more.
   * `unreachable` when there is none.
   */
  events(signal: AbortSignal): AsyncIterable<EngineEvent>;
  /** `task-conflict` when it does not run. */
  usageOf(container: string, signal?: AbortSignal): Promise<ContainerUsage>;
  /**
   * Runs a small container of an image to its end and gives what it printed to stdout, at most 1 MiB (`limit-exceeded`);
   * removed afterwards. `internal` with what it printed to stderr when it fails.
   */
  runHelper(helper: HelperContainer, signal?: AbortSignal): Promise<Uint8Array>;
}

export interface CreateOptions {
  readonly labels: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface RemoveOptions {
  /** Volumes without a name stay. Default: false. */
  readonly keepsVolumes?: boolean;
}

/** A container of our own that looks at the host. */
export interface HelperContainer {
  readonly image: string;
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** `<path of the host>:<path inside>:ro` or a volume's name before the first colon. */
  readonly binds: readonly string[];
  readonly hostNamespaces: boolean;
  /** The container whose network it shares. Default: none, or the host's with its namespaces. */
  readonly networkOf?: string;
  /** The engine removes it when it ends, also when we are gone. Default: false. */
  readonly removesItself?: boolean;
  /** What it reads; as a stream it stays open until that ends, or we are gone. */
  readonly stdin?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Gets what it prints to stdout as it comes: then for as long as it runs, however much, and `runHelper` gives nothing. */
  readonly onOutput?: (bytes: Uint8Array) => void;
}
