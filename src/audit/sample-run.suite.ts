import { generateKeyPairSync, sign } from 'node:crypto';
import { canonicalize } from '../base/canonical-json.ts';
import { digestOf } from '../base/hash.ts';
import type { AnchorEvidence } from './anchor.ts';
import { evidenceOf } from './anchored-seal.ts';
import { assembleBundle, type ReportedBundle } from './bundle.ts';
import { appendRecord, type LogPosition, type RecordDraft, startOfLog } from './record.ts';
import { anchorEntryOf, type Seal, sealRun } from './seal.ts';
import type { Signer } from './signer.ts';
import { withKey } from './trust.ts';
import type { Trust } from './verify/trust.ts';

/** Real records, seals and bundles of runs no daemon ran, for the tests of this folder. */
export const origin = `agora/${'5a'.repeat(16)}`;
export const engine = { name: 'agora-offload', version: '0.1.0' };
export const at = '2026-11-21T10:00:00.000Z';

export interface SampleItem {
  readonly id: string;
  readonly depends_on?: readonly string[];
  readonly onFailure?: 'run';
}

export interface SampleOptions {
  readonly runId?: string;
  readonly origin?: string;
  readonly anchors?: readonly string[];
}

export interface SampleRun {
  readonly runId: string;
  readonly origin: string;
  readonly planText: string;
  readonly manifests: readonly object[];
  readonly recordTexts: readonly string[];
}

/** Writes a run's log step by step, keeping the manifests of what it fires. */
export class RunWriter {
  readonly #runId: string;
  readonly #origin: string;
  readonly #planText: string;
  readonly #manifests: object[] = [];
  readonly #texts: string[] = [];
  #position: LogPosition = startOfLog;

  constructor(items: readonly SampleItem[], options: SampleOptions = {}) {
    this.#runId = options.runId ?? 'sample-1';
    this.#origin = options.origin ?? origin;
    const planned = items.map((item) => ({
      executor: 'dispatch',
      inputs: {},
      depends_on: [],
      resourceLocks: [],
      ...item,
    }));
    this.#planText = canonicalize({ id: this.#runId, queue: 'default', items: planned });
    this.append({
      kind: 'run.submitted',
      body: {
        planDigest: digestOf(this.#planText),
        actor: 'mara',
        submittedAt: at,
        itemCount: items.length,
        engine,
        anchors: options.anchors ?? ['local'],
        effective: { queue: 'default', concurrency: 2, enforceLocks: true },
      },
    });
  }

  append(draft: RecordDraft): this {
    const appended = appendRecord({ origin: this.#origin, runId: this.#runId }, this.#position, draft, at);
    this.#position = appended.position;
    this.#texts.push(appended.text);
    return this;
  }

  /** Ends an attempt with a question, its patch so far and its session. */
  asks(item: string, attempt = 1): this {
    const artifacts = (['patch', 'question', 'session'] as const).map((port) => aPart(port, item, attempt));
    const body = { outcome: 'needs-input', exitCode: 0, durationMs: 900, artifacts } as const;
    return this.append({ kind: 'item.result', item, attempt, body });
  }

  answered(item: string, attempt = 1): this {
    const body = { actor: 'ines', dispatchId: dispatchIdOf(item, attempt), answer: aPart('answer', item, attempt) };
    return this.append({ kind: 'item.answered', item, attempt, body });
  }

  /** Starts the attempt that goes on with the answer to an earlier one. */
  resume(item: string, attempt: number, asked = attempt - 1): this {
    const refOf = (port: Parameters<typeof aPart>[0]) => aPart(port, item, asked).ref;
    const resume = { question: refOf('question'), answer: refOf('answer'), partialPatch: refOf('patch') };
    return this.fire(item, attempt, [], { ...resume, session: refOf('session'), sessionId: 's-1' });
  }

  fire(
    item: string,
    attempt = 1,
    patches: readonly { item: string; ref: string }[] = [],
    resume?: Readonly<Record<string, string>>,
  ): this {
    const dispatchId = dispatchIdOf(item, attempt);
    const manifest = {
      format: 'agora/manifest/v1',
      runId: this.#runId,
      itemId: item,
      attempt,
      dispatchId,
      executor: 'dispatch',
      actor: 'mara',
      locks: [],
      ...(resume === undefined ? {} : { resume }),
    };
    this.#manifests.push(manifest);
    const body = { dispatchId, manifest: digestOf(canonicalize(manifest)), locks: [], patches };
    return this.append({ kind: 'item.fired', item, attempt, body });
  }

  done(item: string, attempt = 1): this {
    const patch = {
      port: 'patch',
      ref: refOf(item, attempt),
      sizeBytes: 120,
      mediaType: 'text/x-diff',
    } as const;
    const body = { outcome: 'done', exitCode: 0, durationMs: 1500, artifacts: [patch] } as const;
    return this.append({ kind: 'item.result', item, attempt, body });
  }

  failed(item: string, attempt = 1): this {
    const failure = { outcome: 'failed', code: 'exit-nonzero', message: 'exited with 1', exitCode: 1 } as const;
    return this.append({ kind: 'item.result', item, attempt, body: { ...failure, durationMs: 700, artifacts: [] } });
  }

  close(outcome: 'done' | 'failed' | 'cancelled', counts: Readonly<Record<string, number>>): SampleRun {
    this.append({ kind: 'run.closed', body: { outcome, counts } });
    return this.finish();
  }

  /** What was written so far, closed or not. */
  finish(): SampleRun {
    return {
      runId: this.#runId,
      origin: this.#origin,
      planText: this.#planText,
      manifests: this.#manifests,
      recordTexts: this.#texts,
    };
  }
}

/** Two edits and a check over both, all done. */
export function aRun(options: SampleOptions = {}): SampleRun {
  const patches = ['alpha', 'beta'].map((item) => ({ item, ref: refOf(item, 1) }));
  return new RunWriter([{ id: 'alpha' }, { id: 'beta' }, { id: 'verify', depends_on: ['alpha', 'beta'] }], options)
    .fire('alpha')
    .fire('beta')
    .done('beta')
    .done('alpha')
    .fire('verify', 1, patches)
    .done('verify')
    .close('done', { done: 3 });
}

/** A run of `size` independent items that are all done. */
export function aWideRun(size: number): SampleRun {
  const ids = Array.from({ length: size }, (_, index) => `item-${index}`);
  const run = new RunWriter(ids.map((id) => ({ id })));
  for (const id of ids) run.fire(id).done(id);
  return run.close('done', { done: size });
}

/** Signs like the local signer, with a key kept in memory. */
export function aSigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    keyId: async () => digestOf(publicKey.export({ type: 'spki', format: 'der' })),
    publicKeyPem: async () => publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: async (bytes) => sign(null, bytes, privateKey),
  };
}

export async function trustIn(signer: Signer, ...origins: readonly string[]): Promise<Trust> {
  const key = {
    keyId: await signer.keyId(),
    publicKeyPem: await signer.publicKeyPem(),
    status: 'active',
    notBefore: at,
  } as const;
  const trust = withKey(undefined, origins[0] ?? origin, key);
  return { ...trust, origins: origins.length === 0 ? trust.origins : origins };
}

export function seal(run: SampleRun, signer: Signer): Promise<Seal> {
  return sealRun({ ...run, engine, sealedAt: at }, signer);
}

/** Seals and assembles as the daemon does. */
export async function bundleOf(run: SampleRun, signer: Signer): Promise<{ bundle: ReportedBundle; trust: Trust }> {
  const trust = await trustIn(signer, run.origin);
  const sealed = await seal(run, signer);
  const anchors = [localEvidence(run.origin, sealed)];
  return { bundle: assembleBundle({ ...run, seal: sealed, anchors, trust }), trust };
}

export function localEvidence(of: string, sealed: Seal): AnchorEvidence {
  const local = { kind: 'local', id: 'local', locatorOf: () => `anchors/${sealed.runId}` } as const;
  return evidenceOf(local, anchorEntryOf(of, sealed));
}

/** What an attempt that asked left, or what it was answered with. */
export function aPart(port: 'patch' | 'question' | 'session' | 'answer', item: string, attempt: number) {
  const ref = `agora://default/artifact/${dispatchIdOf(item, attempt)}/${digestOf(`${port} of ${item} ${attempt}`)}`;
  return { port, ref, sizeBytes: 40, mediaType: port === 'patch' ? 'text/x-diff' : 'application/json' };
}

/** A run whose item asked, was answered, failed, and then was done. */
export function anAnsweredRun(): SampleRun {
  return new RunWriter([{ id: 'edit' }])
    .fire('edit')
    .asks('edit')
    .answered('edit')
    .resume('edit', 2)
    .failed('edit', 2)
    .append({ kind: 'item.retried', item: 'edit', attempt: 2, body: { dueAt: at, because: 'exit-nonzero' } })
    .resume('edit', 3, 1)
    .done('edit', 3)
    .close('done', { done: 1 });
}

export function refOf(item: string, attempt: number): string {
  return `agora://default/artifact/${dispatchIdOf(item, attempt)}/${digestOf(`patch of ${item} ${attempt}`)}`;
}

function dispatchIdOf(item: string, attempt: number): string {
  const letters = digestOf(`${item} ${attempt}`).slice('sha256:'.length, 'sha256:'.length + 26);
  return `d-${letters.replaceAll(/[0189]/g, 'z')}`;
}
