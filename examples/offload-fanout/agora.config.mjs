// What `agora` uses in this folder: every part named, so that each can be exchanged. `defineConfig` does the same in
// five lines. Importing this file creates nothing; state appears in .agora/ when the daemon starts.
import { join } from 'node:path';
import {
  AgoraClient,
  AgoraOrchestrator,
  createLocalSigner,
  DispatchExecutor,
  LocalAnchor,
  LocalComputeProvider,
  LocalDirMailbox,
  LocalStorageProvider,
  MailboxSubmissionTransport,
  SqliteRunStateStore,
  serve,
} from 'agora-offload';

const state = join(import.meta.dirname, '.agora');

const storage = new LocalStorageProvider(join(state, 'storage'));
const store = new SqliteRunStateStore(join(state, 'state.db'));
const transport = new MailboxSubmissionTransport(new LocalDirMailbox(join(state, 'mailbox')));

export const client = new AgoraClient({
  storage,
  targets: { local: new LocalComputeProvider({ stateFolder: state, storage }) },
});
export default client;

const declarations = client.declare({
  source: import.meta.dirname,
  enforceLocks: true,
  queues: { default: { concurrency: 2 } },
  subagents: {
    'code-edit': { command: ['node', 'code-edit.mjs', '{{file}}'] },
    verify: { command: ['node', 'verify.mjs'] },
  },
});

const orchestrator = new AgoraOrchestrator({
  store,
  declarations,
  executors: { dispatch: new DispatchExecutor({ client, target: 'local' }) },
  signer: createLocalSigner({ stateFolder: state }),
  anchors: [new LocalAnchor(store)],
});

export const orch = {
  transport,
  storage,
  declarations,
  trust: join(state, 'trust.json'),
  runService: (signal, options) => serve({ ...options, stateFolder: state, orchestrator, transport, signal }),
};
