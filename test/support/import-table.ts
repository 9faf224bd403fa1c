/** What a folder of `src` may import besides its own files. A `.ts` entry is that one file, any other a whole folder. */
export interface FolderRule {
  readonly imports: readonly string[] | 'everything';
  /** Packages it may import; left out: any. */
  readonly packages?: readonly string[];
  /** False where nothing of Node may be used. Default: true. */
  readonly node?: boolean;
}

const foundation = ['contracts', 'base'];
const ports = {
  storage: 'storage/storage.ts',
  mailbox: 'mailbox/mailbox.ts',
  secrets: 'secrets/secrets.ts',
  compute: 'compute/compute.ts',
} as const;

/** The import table. Changing it is a decision (docs/decisions), not a fix. */
export const importTable: Readonly<Record<string, FolderRule>> = {
  contracts: { imports: [], packages: ['zod'], node: false },
  base: { imports: ['contracts/errors.ts'] },
  'audit/verify': {
    imports: ['base/canonical-json.ts', 'base/hash.ts', 'base/strict-json.ts'],
    packages: [],
  },
  s3: { imports: foundation },
  session: { imports: foundation },
  audit: { imports: [...foundation, 'audit/verify', 's3'] },
  storage: { imports: [...foundation, 's3'] },
  mailbox: { imports: [...foundation, 's3'] },
  secrets: { imports: foundation },
  worktree: { imports: foundation },
  engine: { imports: foundation },
  runtime: { imports: foundation },
  'server-client': { imports: [...foundation, 'session'] },
  compute: { imports: [...foundation, 'engine', ports.storage] },
  registry: { imports: [...foundation, ports.storage, ports.secrets] },
  dispatch: { imports: [...foundation, 'registry', ports.compute, ports.storage, ports.secrets] },
  orchestrator: {
    imports: [...foundation, 'audit', 'audit/verify', 'registry', 'dispatch', 'worktree', ports.storage, ports.mailbox],
  },
  worker: { imports: [...foundation, 'runtime', 'worktree'] },
  reconcile: { imports: foundation, node: false },
  server: { imports: [...foundation, 'audit', 'audit/verify', 'reconcile', 'session', ports.storage, ports.secrets] },
  agent: { imports: [...foundation, 'reconcile', 'server-client', 'session', 'engine', 'compute/docker.ts'] },
  client: { imports: [...foundation, 'registry', 'dispatch', ...Object.values(ports)] },
  mcp: { imports: [...foundation, ports.mailbox, ports.storage] },
  config: { imports: 'everything' },
  cli: { imports: 'everything' },
};

/** Single files outside the table: the public surface and the mains, where adapters are constructed. */
export const freeFiles: readonly string[] = ['index.ts', 'worker/main.ts'];

/** Files outside `config/` and `cli/` that may read the environment. */
export const environmentReaders: readonly string[] = ['worker/main.ts'];

/** Packages that load with `await import()` at first use, never with their importer. */
export const lazyPackages: readonly string[] = [
  'dockerode',
  'docker-modem',
  '@aws-sdk',
  'esbuild',
  'fastify',
  'nodemailer',
  'ws',
];
