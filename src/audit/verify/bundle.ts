import { parseStrictJson, StrictJsonError } from '../../base/strict-json.ts';
import { anchorEvidence } from './anchor-evidence.ts';
import { sealEnvelope } from './dsse.ts';
import * as form from './forms.ts';
import { artifactPorts } from './record.ts';
import { Refusal } from './refusal.ts';
import { anything, count, listOf, object, oneOf, type Shape, type Shaped, text, yes } from './shape.ts';

export const bundleFormat = 'agora/audit-bundle/v1';

/**
 * What an intact verdict does not cover, besides white space between tokens and the order of an object's members:
 * the producer's own report, and what the producer says an anchor showed. What it holds, a verifier asks it.
 */
export const unboundMembers = ['report', 'anchors[].locator', 'anchors[].state', 'anchors[].readBack'] as const;

/** Nothing larger than a JavaScript string can be read in one piece. */
const limits = { maxBytes: 512 * 1024 * 1024, maxDepth: 64, maxStringBytes: 256 * 1024 * 1024 } as const;

const item = object(
  {
    id: form.id,
    status: oneOf('pending', 'ready', 'running', 'waiting', 'done', 'failed', 'skipped', 'cancelled'),
    attempt: count,
  },
  { reason: text, resultRef: form.artifactRef, humanTouched: yes },
);

const artifact = object(
  { port: oneOf(...artifactPorts), ref: form.artifactRef, sizeBytes: count, mediaType: text },
  { path: text, item: form.id, attempt: count },
);

const members: Shape<Readonly<Record<string, unknown>>> = (value, path) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Refusal(path, 'must be an object');
};

const bundleShape = object(
  {
    format: oneOf(bundleFormat),
    runId: form.id,
    plan: text,
    manifests: listOf(members),
    auditLog: object({
      entries: listOf(anything),
      root: object({ size: count, hash: form.treeHash }),
    }),
    seal: sealEnvelope,
    anchors: listOf(anchorEvidence),
    items: listOf(item),
    artifacts: listOf(artifact),
  },
  { report: anything },
);

/** A bundle of the right form; nothing in it is believed yet. */
export type Bundle = Shaped<typeof bundleShape>;

/** Reads a bundle's text or, from the side that assembles it, its value. Throws a Refusal. */
export function readBundle(input: string | Uint8Array | object): Bundle {
  const isText = typeof input === 'string' || input instanceof Uint8Array;
  return bundleShape(isText ? parse(input) : input, '');
}

function parse(input: string | Uint8Array): unknown {
  try {
    return parseStrictJson(input, { ...limits, numbers: 'integer', canonicalStrings: true });
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw new Refusal(error.path, `${error.message} (line ${error.line}, column ${error.column})`);
  }
}
