import { dirname, join } from 'node:path';
import type { Anchor } from '../audit/anchor.ts';
import { LocalAnchor } from '../audit/local-anchor.ts';
import { createLocalSigner } from '../audit/local-signer.ts';
import { AgoraClient } from '../client/client.ts';
import type { QueueDeclaration, TaskDeclarations } from '../contracts/declarations.ts';
import { defaultExecutorName, defaultTargetName, stateNames } from '../contracts/names.ts';
import type { SubagentInput } from '../contracts/subagent.ts';
import { LocalDirMailbox } from '../mailbox/local-dir.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { DispatchExecutor } from '../orchestrator/dispatch-executor.ts';
import { AgoraOrchestrator } from '../orchestrator/orchestrator.ts';
import { SqliteRunStateStore } from '../orchestrator/run-store-sqlite.ts';
import { serve } from '../orchestrator/serve.ts';
import { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { AwsSecretStore } from '../secrets/aws.ts';
import { EnvironmentSecretSource } from '../secrets/environment.ts';
import { FileSecretSource } from '../secrets/file.ts';
import { LocalSecretStore } from '../secrets/local.ts';
import { LocalStorage } from '../storage/local.ts';
import type { Storage } from '../storage/storage.ts';
import { LocalComputeProvider } from './local-compute-provider.ts';
import type { OrchContext } from './orch-context.ts';

export interface EmbeddedOptions {
  /** The project's state folder (`.agora`). */
  readonly stateFolder: string;
  readonly namespace?: string;
  readonly queues?: Readonly<Record<string, QueueDeclaration>>;
  readonly subagents?: Readonly<Record<string, SubagentInput>>;
  /** Directory a run starts from when its plan names none. */
  readonly source?: string;
  readonly enforceLocks?: boolean;
  readonly defaults?: TaskDeclarations;
  /** Secrets of every item of a run, by variable: refs such as `env:ANTHROPIC_API_KEY`, never the secrets themselves. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Registered environments of every item of a run. */
  readonly env?: readonly string[];
  /** Model of subagents where neither plan nor subagent says. */
  readonly model?: string;
  /** An image of the engine instead of the one that is built here. */
  readonly workerImage?: string;
  /** Where snapshots, patches, outputs and what is registered lie. Default: files in the state folder. */
  readonly storage?: Storage;
  /** How commands and the daemon reach each other. Default: files in the state folder. */
  readonly mailbox?: Mailbox;
  /** Anchors outside, besides the one in the run state. Default: none. */
  readonly anchors?: readonly Anchor[];
}

export interface Embedded {
  readonly client: AgoraClient;
  readonly orch: OrchContext;
}

/** Everything on this machine: SQLite, local files, Docker or sandboxed processes. Constructing it touches nothing. */
export function createEmbedded(options: EmbeddedOptions): Embedded {
  const { stateFolder, namespace, secrets, env, model, workerImage, anchors = [], ...declared } = options;
  const at = (name: keyof typeof stateNames) => join(stateFolder, stateNames[name]);
  const { storage = new LocalStorage({ root: at('storage') }), mailbox = new LocalDirMailbox(at('mailbox')) } = options;
  const store = new SqliteRunStateStore({ file: at('database') });
  const transport = new MailboxSubmissionTransport(mailbox);
  const client = new AgoraClient({
    storage,
    ...(namespace === undefined ? {} : { namespace }),
    compute: { [defaultTargetName]: new LocalComputeProvider({ stateFolder }) },
    secretStore: new LocalSecretStore({ folder: at('secrets') }),
    secretSources: [
      new EnvironmentSecretSource({ env: process.env }),
      new FileSecretSource({ folder: dirname(stateFolder) }),
      new AwsSecretStore(),
    ],
    stateFolder,
    ...(options.subagents === undefined ? {} : { subagents: options.subagents }),
    ...(options.defaults === undefined ? {} : { defaults: options.defaults }),
    ...(model === undefined ? {} : { defaultModel: model }),
  });
  const itemDefaults = {
    ...(secrets === undefined ? {} : { secrets }),
    ...(env === undefined ? {} : { env }),
    ...(model === undefined ? {} : { model }),
    ...(workerImage === undefined ? {} : { workerImage }),
  };
  const orchestrator = new AgoraOrchestrator({
    ...declared,
    stateFolder,
    store,
    storage,
    signer: createLocalSigner({ keyFile: join(at('keys'), stateNames.sealKey) }),
    anchors: [new LocalAnchor(store), ...anchors],
    executors: { [defaultExecutorName]: new DispatchExecutor({ client, ...itemDefaults }) },
  });
  const orch: OrchContext = {
    transport,
    storage,
    declarations: orchestrator.declarations,
    trust: at('trust'),
    anchors,
    runService: (signal, serveOptions) => serve({ ...serveOptions, orchestrator, transport, signal }),
  };
  return { client, orch };
}
