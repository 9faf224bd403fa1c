import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { AgoraClient } from '../../src/client/client.ts';
import type { DispatchOptions, InFlightDispatch } from '../../src/client/dispatch.ts';
import { aWorktree } from '../../src/compute/suite-tasks.ts';
import { LocalDockerProvider } from '../../src/config/local-docker-provider.ts';
import type { DispatchOutcome, DispatchRecord } from '../../src/contracts/dispatch.ts';
import { digestOfRef } from '../../src/contracts/ids.ts';
import type { DispatchRequest } from '../../src/dispatch/accept.ts';
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
  readonly #client: AgoraClient;
  readonly #api: ModelApi;

  private constructor(folder: string, api: ModelApi) {
    this.storage = new LocalStorage({ root: join(folder, 'storage') });
    this.#client = new AgoraClient({
      storage: this.storage,
      compute: { local: new LocalDockerProvider() },
      secretStore: new LocalSecretStore({ folder: join(folder, 'secrets') }),
      stateFolder: folder,
    });
    this.#api = api;
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
    const request = {
      subagent: 'claude',
      target: 'local',
      source: digest,
      secrets: { ANTHROPIC_API_KEY: { inline: apiKey } },
      variables: { ...settings, ...variables },
      ...others,
    };
    return this.#follow((options) => this.#client.dispatch.fire(request, options));
  }

  /** Goes on with a dispatch that asked. */
  answer(asked: DispatchRecord, answer: string): Promise<EndedDispatch> {
    return this.#follow((options) => this.#client.dispatch.answer(asked.dispatchId, answer, options));
  }

  /** The text of one artifact, '' when there is none. */
  async artifact({ outcome }: EndedDispatch, port: DispatchOutcome['artifacts'][number]['port']): Promise<string> {
    const found = outcome.artifacts.find((artifact) => artifact.port === port);
    if (found === undefined) return '';
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.storage.getBlob(digestOfRef(found.ref))) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }

  /** Ids of those that were accepted here, the newest first. */
  async ids(): Promise<readonly string[]> {
    return (await this.#client.dispatch.list()).map(({ dispatchId }) => dispatchId);
  }

  async #follow(fire: (options: DispatchOptions) => Promise<InFlightDispatch>): Promise<EndedDispatch> {
    const shown: Uint8Array[] = [];
    const onOutput: DispatchOptions['onOutput'] = ({ bytes }) => void shown.push(bytes);
    const { dispatchId, exit } = await fire({ onOutput, signal: AbortSignal.timeout(120_000) });
    await exit;
    const record = await this.#client.dispatch.describe(dispatchId);
    if (record.result === undefined) throw new Error(`No result of ${dispatchId}: ${record.status}`);
    return { record, outcome: record.result, shown: Buffer.concat(shown).toString('utf8') };
  }
}
