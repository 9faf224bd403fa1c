// What `agora` uses in this folder: every part named, so that each can be exchanged. `defineConfig` does the same in
// five lines. Importing this file creates nothing; state appears in .agora/ when the daemon starts.
import { join } from 'node:path';
import {
  AgoraClient,
  AgoraOrchestrator,
  createLocalSigner,
  DispatchExecutor,
  EnvironmentSecretSource,
  LocalAnchor,
  LocalComputeProvider,
  LocalDirMailbox,
  LocalStorageProvider,
  MailboxSubmissionTransport,
  SqliteRunStateStore,
  serve,
} from 'agora-offload';
import { claudeEdit } from './claude-edit.mjs';

const state = join(import.meta.dirname, '.agora');

const storage = new LocalStorageProvider({ root: join(state, 'storage') });
const store = new SqliteRunStateStore({ file: join(state, 'state.db') });
const transport = new MailboxSubmissionTransport(new LocalDirMailbox(join(state, 'mailbox')));

export const client = new AgoraClient({
  storage,
  compute: { local: new LocalComputeProvider({ stateFolder: state }) },
  secretSources: [new EnvironmentSecretSource({ env: process.env })],
  stateFolder: state,
});
export default client;

// `npm run start:env` says in FANOUT_PAID_BY which variable holds a key, if one is set. Without it no model is used.
const paidBy = process.env.FANOUT_PAID_BY;
const secrets = paidBy === undefined ? {} : { [paidBy]: `env:${paidBy}` };

const orchestrator = new AgoraOrchestrator({
  stateFolder: state,
  store,
  storage,
  signer: createLocalSigner({ keyFile: join(state, 'keys', 'seal.pem') }),
  anchors: [new LocalAnchor(store)],
  executors: { dispatch: new DispatchExecutor({ client, target: 'local', secrets }) },
  queues: { default: { concurrency: 2 } },
  subagents: {
    'code-edit': paidBy === undefined ? { command: ['node', 'code-edit.mjs', '{{file}}'] } : claudeEdit(process.env),
    verify: { command: ['node', 'verify.mjs'] },
  },
  source: import.meta.dirname,
  enforceLocks: true,
});

export const orch = {
  transport,
  storage,
  declarations: orchestrator.declarations,
  trust: join(state, 'trust.json'),
  runService: (signal, options) => serve({ ...options, orchestrator, transport, signal }),
};
