import * as z from 'zod';

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const idRule = '1 to 128 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit';

export const runIdSchema = z.string().regex(idPattern, `must be ${idRule}`).brand<'RunId'>();
export type RunId = z.infer<typeof runIdSchema>;

export const itemIdSchema = z.string().regex(idPattern, `must be ${idRule}`).brand<'ItemId'>();
export type ItemId = z.infer<typeof itemIdSchema>;

/** `d-` and 26 characters of lower-case base32. Also the container's name. */
export const dispatchIdSchema = z
  .string()
  .regex(/^d-[a-z2-7]{26}$/, 'must be d- and 26 characters of a-z 2-7')
  .brand<'DispatchId'>();
export type DispatchId = z.infer<typeof dispatchIdSchema>;

/** 32 random hex characters, made once per project. */
export const deploymentIdSchema = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'must be 32 hex characters')
  .brand<'DeploymentId'>();
export type DeploymentId = z.infer<typeof deploymentIdSchema>;

/** `sha256:` and 64 lower-case hex characters: the name of stored bytes. */
export const digestSchema = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex characters')
  .brand<'Digest'>();
export type Digest = z.infer<typeof digestSchema>;

/** Names of queues, executors, targets and everything registered. */
export const nameSchema = z.string().regex(idPattern, `must be ${idRule}`);

/** A registered name, or a name pinned to one content: `name@sha256:<hex>`. */
export const pinSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(@sha256:[0-9a-f]{64})?$/, 'must be a name, or name@sha256:<hex>');

/** `agora://<namespace>/artifact/<dispatchId>/sha256:<hex>` */
export const artifactRefSchema = z
  .string()
  .regex(
    /^agora:\/\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}\/artifact\/d-[a-z2-7]{26}\/sha256:[0-9a-f]{64}$/,
    'must be agora://<namespace>/artifact/<dispatchId>/sha256:<hex>',
  )
  .brand<'ArtifactRef'>();
export type ArtifactRef = z.infer<typeof artifactRefSchema>;

export function artifactRef(namespace: string, dispatchId: DispatchId, digest: Digest): ArtifactRef {
  return artifactRefSchema.parse(`agora://${namespace}/artifact/${dispatchId}/${digest}`);
}

/** The ref of other bytes of the same dispatch. */
export function siblingRef(ref: ArtifactRef, digest: Digest): ArtifactRef {
  return artifactRefSchema.parse(`${ref.slice(0, ref.lastIndexOf('/') + 1)}${digest}`);
}

export function digestOfRef(ref: ArtifactRef): Digest {
  return digestSchema.parse(ref.slice(ref.lastIndexOf('/') + 1));
}
