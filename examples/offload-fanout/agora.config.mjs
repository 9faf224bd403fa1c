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

const storage = new LocalStorageProvider({ root: join(state, 'storage') });
const store = new SqliteRunStateStore({ file: join(state, 'state.db') });
const transport = new MailboxSubmissionTransport(new LocalDirMailbox(join(state, 'mailbox')));

export const client = new AgoraClient({
  storage,
  compute: { local: new LocalComputeProvider({ stateFolder: state }) },
});
export default client;

const orchestrator = new AgoraOrchestrator({
  stateFolder: state,
  store,
  storage,
  signer: createLocalSigner({ keyFile: join(state, 'keys', 'seal.pem') }),
  anchors: [new LocalAnchor(store)],
  executors: { dispatch: new DispatchExecutor({ client, target: 'local' }) },
  queues: { default: { concurrency: 2 } },
  subagents: {
    'code-edit': { command: ['node', 'code-edit.mjs', '{{file}}'] },
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
