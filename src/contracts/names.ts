/** The published package. A config imports everything from it. */
export const packageName = 'agora-offload';

/** Config file names, in the order they are tried in one folder. */
export const configFileNames = ['agora.config.ts', 'agora.config.js', 'agora.config.mjs'] as const;

/** The folder that holds a project's state, beside its config. */
export const stateFolderName = '.agora';

/** What lies in the state folder. */
export const stateNames = {
  deployment: 'deployment.json',
  database: 'state.db',
  storage: 'storage',
  mailbox: 'mailbox',
  keys: 'keys',
  secrets: 'secrets',
  sealKey: 'seal.pem',
  trust: 'trust.json',
  work: 'work',
  serveLock: 'serve.lock',
} as const;

export const defaultNamespace = 'default';
export const defaultQueueName = 'default';
export const defaultTargetName = 'local';
export const defaultExecutorName = 'dispatch';

/** A worker image is used by its digest tag; the seed's tag is moved to the newest build. */
export const workerImage = {
  repository: 'agora-worker',
  latest: 'ghcr.io/quarrysystems/agora-worker:latest',
  digestLabel: 'agora.workerDigest',
  /** Programs built in besides, sorted and separated by commas. */
  withLabel: 'agora.with',
} as const;

/** The daemon in a container, and with it the whole command line. */
export const serveImage = 'ghcr.io/quarrysystems/agora-serve:latest';

export const containerLabels = {
  deployment: 'agora.deployment',
  dispatchId: 'agora.dispatchId',
  runId: 'agora.runId',
  itemId: 'agora.itemId',
  attempt: 'agora.attempt',
} as const;

/** Environment of the CLI. */
export const environmentNames = {
  config: 'AGORA_CONFIG',
  actor: 'AGORA_ACTOR',
  debug: 'AGORA_DEBUG',
  watch: 'AGORA_WATCH',
  server: 'AGORA_SERVER',
  token: 'AGORA_TOKEN',
  insecureEngine: 'AGORA_INSECURE_ENGINE',
  requireEngine: 'AGORA_REQUIRE_ENGINE',
} as const;

/** Environment of a subagent inside its worker. */
export const workerEnvironmentNames = {
  input: 'AGORA_INPUT',
  outputDirectory: 'AGORA_OUTPUT_DIR',
  dispatchId: 'AGORA_DISPATCH_ID',
} as const;

/** Paths inside a worker, container or sandbox alike. */
export const workerPaths = {
  in: '/agora/in',
  workerInput: '/agora/in/input.json',
  out: '/agora/out',
  git: '/agora/git',
  outputs: '/agora/outputs',
  workspace: '/workspace',
} as const;

/** Names inside `/agora/in`. */
export const inNames = {
  task: 'task.json',
  workerInput: 'input.json',
  worktree: 'worktree.tar',
  overlay: 'overlay.tar',
  partialPatch: 'partial.patch',
  answer: 'answer.json',
  session: 'session.tar',
  /** A folder: products of other items, by key. */
  inputs: 'inputs',
} as const;

/** Names inside a worktree's `.agora/`, which is in no patch. */
export const worktreeNames = {
  folder: '.agora',
  question: 'needs_input.json',
  answer: 'answer.json',
  setup: 'setup',
} as const;

/** Names inside `/agora/out`. */
export const outNames = {
  result: 'result.json',
  patch: 'patch.diff',
  outputs: 'outputs',
  transcript: 'transcript.jsonl',
  question: 'needs_input.json',
  session: 'session.tar',
  /** A folder: one file for each shell that was opened into the worktree. */
  shells: 'shells',
} as const;

export const limits = {
  planBytes: 64 * 1024 * 1024,
  planItems: 100_000,
  planStringBytes: 1024 * 1024,
  planDepth: 32,
  planProblems: 100,
  sourceBytes: 2 * 1024 * 1024 * 1024,
  sourceFiles: 200_000,
  resultBytes: 1024 * 1024,
} as const;

/** What a task gets when neither plan, queue nor config says otherwise. */
export const taskDefaults = {
  cpus: 2,
  memoryMb: 2048,
  pids: 512,
  diskMb: 512,
  outputBytes: 256 * 1024 * 1024,
  timeoutSeconds: 7200,
  setupTimeoutSeconds: 120,
} as const;

/** How long the record of a dispatch is kept, in days. */
export const retentionDefaults = { days: 30, mostDays: 2555 } as const;

export const retryDefaults = { attempts: 1, lostAttempts: 3, delaySeconds: 1 } as const;

/** Runs of up to this many items are watched whole, larger ones by what changed. */
export const wholeStatusItems = 200;
/** A larger run gets a whole status record this often. */
export const statusSnapshotEvery = 256;

export const formats = {
  bundle: 'agora/audit-bundle/v1',
  submission: 'agora/submission/v1',
  seal: 'https://agora-offload.dev/run-seal/v1',
} as const;
