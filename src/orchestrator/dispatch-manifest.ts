import { canonicalize } from '../base/canonical-json.ts';
import { digestOf } from '../base/hash.ts';
import { type Digest, digestSchema } from '../contracts/ids.ts';
import type { Manifest } from '../contracts/manifest.ts';
import type { TaskAgent, TaskLimits } from '../contracts/task.ts';
import type { AttemptRequest } from './executor.ts';
import type { ResolvedItem } from './resolved-items.ts';

export type DispatchManifest = NonNullable<Manifest['dispatch']>;

export interface ManifestParts extends ResolvedItem {
  /** As filled in before any answer. */
  readonly agent: TaskAgent;
  /** Where it runs, in words. */
  readonly provider: string;
  readonly image: string;
  /** What the run starts from. */
  readonly source: Digest | undefined;
}

/** Everything that decides what a dispatch of a run does. */
export function dispatchManifest(request: AttemptRequest, parts: ManifestParts): DispatchManifest {
  const { resolved, blocksDigest, provider, image } = parts;
  const { subagent, work, capabilities, env, pipeline, overlay } = resolved;
  return {
    target: work.target,
    provider,
    image,
    subagent: { name: subagent.name, digest: subagent.digest, runtime: subagent.subagent.runtime },
    ...agentPart(parts.agent),
    inputDigest: digestOfText(canonicalize(work.input)),
    capabilities: [...capabilities],
    ...(overlay === undefined ? {} : { overlay: overlay.tar.digest }),
    envBundles: [...env],
    ...(pipeline === undefined ? {} : { pipeline }),
    blocksDigest,
    env: { ...resolved.variables },
    secrets: { ...resolved.secretRefs },
    network: resolved.network,
    limits: limitsPart(resolved.limits),
    ...worktreePart(request, parts.source),
    needs: request.needs.map((need) => ({ ...need })),
  };
}

function agentPart(agent: TaskAgent): Pick<DispatchManifest, 'command' | 'agent'> {
  if (agent.runtime === 'command') return { command: agent.command };
  const { prompt, systemPrompt, model, permissionMode, maxTurns } = agent;
  return {
    agent: {
      promptDigest: digestOfText(prompt),
      ...(systemPrompt === undefined ? {} : { systemPromptDigest: digestOfText(systemPrompt) }),
      ...(model === undefined ? {} : { model }),
      permissionMode,
      ...(maxTurns === undefined ? {} : { maxTurns }),
    },
  };
}

function worktreePart({ patches }: AttemptRequest, source: Digest | undefined): Pick<DispatchManifest, 'worktree'> {
  if (source === undefined && patches.length === 0) return {};
  return {
    worktree: { ...(source === undefined ? {} : { source }), patches: patches.map((patch) => ({ ...patch })) },
  };
}

/** Limits as integers, which the audit format asks for. */
function limitsPart(limits: TaskLimits): DispatchManifest['limits'] {
  return {
    cpusMilli: Math.round(limits.cpus * 1000),
    memoryMb: limits.memoryMb,
    pids: limits.pids,
    diskMb: limits.diskMb,
    outputBytes: limits.outputBytes,
    timeoutMs: Math.round(limits.timeoutSeconds * 1000),
  };
}

function digestOfText(text: string): Digest {
  return digestSchema.parse(digestOf(text));
}
