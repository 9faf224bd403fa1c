import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { AgoraClient } from '../../src/client/client.ts';
import { aWorktree } from '../../src/compute/suite-tasks.ts';
import { LocalDockerProvider } from '../../src/config/local-docker-provider.ts';
import type { DispatchOutcome, DispatchRecord } from '../../src/contracts/dispatch.ts';
import { type DeploymentId, deploymentIdSchema, digestOfRef } from '../../src/contracts/ids.ts';
import { type AcceptedDispatch, acceptDispatch, type DispatchRequest } from '../../src/dispatch/accept.ts';
import { answerDispatch } from '../../src/dispatch/answer-dispatch.ts';
import { executeDispatch } from '../../src/dispatch/execute.ts';
import type { DispatchPlace } from '../../src/dispatch/place.ts';
import { LocalSecretStore } from '../../src/secrets/local.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import type { ModelApi } from './model-api/model-api.ts';

export const apiKey = 'sk-ant-api03-a-key-that-nobody-may-see-0123456789';

export interface EndedDispatch {
  readonly record: DispatchRecord;
  readonly outcome: DispatchOutcome;
  /** What a person saw of it while it ran. */
  readonly shown: string;
}

/** Dispatches of Claude Code in containers of the engine in the environment, with the stub as its model. */
export class ClaudeDispatches {
  readonly storage: LocalStorage;
  readonly deploymentId: DeploymentId = deploymentIdSchema.parse(randomBytes(16).toString('hex'));
  readonly #place: DispatchPlace;
  readonly #client: AgoraClient;
  readonly #api: ModelApi;

  private constructor(folder: string, api: ModelApi) {
    this.storage = new LocalStorage({ root: join(folder, 'storage') });
    const secretStore = new LocalSecretStore({ folder: join(folder, 'secrets') });
    const compute = { local: new LocalDockerProvider() };
    const client = new AgoraClient({ storage: this.storage, compute, secretStore });
    this.#client = client;
    this.#api = api;
    this.#place = {
      namespace: client.namespace,
      storage: this.storage,
      targets: client.targets,
      computeOf: (target) => client.computeOf(target),
      secrets: client.secrets,
      secretStore,
      declared: {},
      defaults: {},
      deploymentId: async () => this.deploymentId,
    };
  }

  static async open(t: TestContext, api: ModelApi): Promise<ClaudeDispatches> {
    const folder = await mkdtemp(join(tmpdir(), 'agora-claude-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    return new ClaudeDispatches(folder, api);
  }

  /** Runs a subagent against one of the stub's scenarios, paid with a key that was given inline. */
  async run(
    scenario: string,
    subagent: Omit<Parameters<AgoraClient['subagent']['register']>[0], 'name'>,
    wish: Partial<DispatchRequest> & { readonly files?: Readonly<Record<string, string>> } = {},
  ): Promise<EndedDispatch> {
    await this.#client.subagent.register({ name: 'claude', maxTurns: 6, ...subagent });
    const { files = { 'a.txt': 'OLD_NAME\n' }, variables = {}, ...others } = wish;
    const { digest } = await aWorktree(this.storage, files);
    const settings = { ANTHROPIC_BASE_URL: this.#api.url(scenario), CLAUDE_CODE_MAX_RETRIES: '1' };
    const accepted = await acceptDispatch(
      this.#place,
      {
        subagent: 'claude',
        target: 'local',
        source: digest,
        secrets: { ANTHROPIC_API_KEY: { inline: apiKey } },
        variables: { ...settings, ...variables },
        ...others,
      },
      { actor: 'tester' },
    );
    return this.#execute(accepted);
  }

  /** Goes on with a dispatch that asked. */
  async answer(asked: DispatchRecord, answer: string): Promise<EndedDispatch> {
    return this.#execute(await answerDispatch(this.#place, asked.dispatchId, answer, { actor: 'tester' }));
  }

  /** The text of one artifact, '' when there is none. */
  async artifact({ outcome }: EndedDispatch, port: DispatchOutcome['artifacts'][number]['port']): Promise<string> {
    const found = outcome.artifacts.find((artifact) => artifact.port === port);
    if (found === undefined) return '';
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.storage.getBlob(digestOfRef(found.ref))) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }

  async #execute(accepted: AcceptedDispatch): Promise<EndedDispatch> {
    const shown: Uint8Array[] = [];
    const { record } = await executeDispatch(this.#place, accepted, {
      onEvent: () => {},
      onOutput: ({ bytes }) => void shown.push(bytes),
      onProblem: () => {},
      signal: AbortSignal.timeout(120_000),
    });
    if (record.result === undefined) throw new Error(`No result of ${record.dispatchId}: ${record.status}`);
    return { record, outcome: record.result, shown: Buffer.concat(shown).toString('utf8') };
  }
}
