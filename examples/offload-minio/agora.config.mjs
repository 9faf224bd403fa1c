// What `agora` uses here, on this machine and in the container of `serve` alike: nothing but the run state and the signing
// key lies in .agora/, which for `serve` is a volume. Importing this file opens no connection.
import { join } from 'node:path';
import {
  AgoraClient,
  AgoraOrchestrator,
  AwsSecretStore,
  createLocalSigner,
  DispatchExecutor,
  LocalDockerProvider,
  MailboxSubmissionTransport,
  S3Mailbox,
  S3ObjectLockAnchor,
  S3StorageProvider,
  SqliteRunStateStore,
  serve,
} from 'agora-offload';

const state = join(import.meta.dirname, '.agora');

// MinIO and LocalStack as docker-compose.yml publishes them; `serve` is told the names they have among containers.
const {
  AGORA_S3_ENDPOINT = 'http://localhost:9000',
  AGORA_S3_ACCESS_KEY = 'minioadmin',
  AGORA_S3_SECRET_KEY = 'minioadmin',
  AGORA_SECRETS_ENDPOINT = 'http://localhost:4566',
} = process.env;
const credentials = { accessKeyId: AGORA_S3_ACCESS_KEY, secretAccessKey: AGORA_S3_SECRET_KEY };
const s3 = { endpoint: AGORA_S3_ENDPOINT, region: 'us-east-1', credentials };

const storage = new S3StorageProvider({ ...s3, bucket: 'agora-data', prefix: 'storage/' });
const mailbox = new S3Mailbox({ ...s3, bucket: 'agora-data', prefix: 'mailbox/', pollSeconds: 2 });
const transport = new MailboxSubmissionTransport(mailbox);
// One day: nobody can remove these objects earlier, you included.
const anchors = [new S3ObjectLockAnchor({ ...s3, bucket: 'agora-audit', retentionDays: 1 })];

export const client = new AgoraClient({
  storage,
  compute: { local: new LocalDockerProvider() },
  secretStore: new AwsSecretStore({ endpoint: AGORA_SECRETS_ENDPOINT, region: 'us-east-1', credentials }),
  stateFolder: state,
});
export default client;

const orchestrator = new AgoraOrchestrator({
  stateFolder: state,
  store: new SqliteRunStateStore({ file: join(state, 'state.db') }),
  storage,
  signer: createLocalSigner({ keyFile: join(state, 'keys', 'seal.pem') }),
  anchors,
  executors: { dispatch: new DispatchExecutor({ client, target: 'local', env: ['fanout'] }) },
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
  // `agora orch audit` reads back what they hold: a guarantee is earned by what is there, not by what was asked for.
  anchors,
  runService: (signal, options) => serve({ ...options, orchestrator, transport, signal }),
};
