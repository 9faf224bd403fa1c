import { roundAllMs, roundMs } from '../base/duration.ts';
import type { DispatchArtifact, DispatchOutcome, DispatchStatus } from '../contracts/dispatch.ts';
import { artifactRef, type DispatchId } from '../contracts/ids.ts';
import type { Usage } from '../contracts/task.ts';
import type { StoredBlob } from '../storage/storage.ts';
import type { Collected } from './collect.ts';
import type { DispatchResult } from './result.ts';

/** What the artifacts of a dispatch are called by. */
export interface ArtifactOwner {
  readonly namespace: string;
  readonly dispatchId: DispatchId;
}

/** The end of a dispatch as its record keeps it: refs instead of bytes. */
export function outcomeOf(owner: ArtifactOwner, ended: DispatchResult): DispatchOutcome {
  const { collected, code, message, exitCode, durationMs } = ended;
  const result = collected?.result;
  const question = ended.outcome === 'needs-input' ? collected?.question?.question : undefined;
  return {
    outcome: outcomes[ended.outcome],
    ...(code === undefined ? {} : { code }),
    ...(message === undefined ? {} : { message }),
    ...(exitCode === undefined ? {} : { exitCode }),
    durationMs: roundMs(durationMs),
    artifacts: collected === undefined ? [] : artifactsOf(owner, collected),
    leftOut: result?.leftOut ?? [],
    redacted: result?.redacted ?? [],
    blocks: (result?.blocks ?? []).map((block) => ({ ...block, durationMs: roundMs(block.durationMs) })),
    ...(result?.usage === undefined ? {} : { usage: roundUsage(result.usage) }),
    ...(result?.summary === undefined ? {} : { summary: result.summary }),
    ...(question === undefined ? {} : { question }),
    ...(result?.sessionId === undefined ? {} : { sessionId: result.sessionId }),
    ...(collected !== undefined && collected.shells.length > 0 ? { humanTouched: true as const } : {}),
    ...(result === undefined ? {} : { timings: roundAllMs(result.timings) }),
  };
}

const outcomes = {
  done: 'done',
  failed: 'failed',
  stopped: 'cancelled',
  lost: 'failed',
  'needs-input': 'needs-input',
} as const satisfies Record<DispatchResult['outcome'], DispatchOutcome['outcome']>;

/** To millionths of a dollar, as the usage of a run is told. */
function roundUsage({ costUsd, ...usage }: Usage): Usage {
  return costUsd === undefined ? usage : { ...usage, costUsd: Math.round(costUsd * 1e6) / 1e6 };
}

/** The status a record has with this outcome. */
export function statusOf({ outcome }: Pick<DispatchOutcome, 'outcome'>): DispatchStatus {
  return outcome === 'needs-input' ? 'waiting' : outcome;
}

export function artifactsOf({ namespace, dispatchId }: ArtifactOwner, collected: Collected): DispatchArtifact[] {
  const artifact = (
    port: DispatchArtifact['port'],
    mediaType: string,
    { digest, sizeBytes }: StoredBlob,
    path?: string,
  ): DispatchArtifact => {
    const ref = artifactRef(namespace, dispatchId, digest);
    return { port, ...(path === undefined ? {} : { path }), ref, sizeBytes, mediaType };
  };
  const { patch, log, question, session } = collected;
  return [
    ...(patch === undefined ? [] : [artifact('patch', 'text/x-diff', patch)]),
    ...(log === undefined ? [] : [artifact('log', 'application/jsonl', log)]),
    ...collected.outputs.map((output) => artifact('output', 'application/octet-stream', output, output.path)),
    ...(question === undefined ? [] : [artifact('question', 'application/json', question)]),
    ...(session === undefined ? [] : [artifact('session', 'application/x-tar', session)]),
    ...collected.shells.map((shell) => artifact('shell', 'application/json', shell, shell.path)),
  ];
}
