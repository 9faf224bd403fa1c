import { familiarReference } from '../base/image-reference.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedImage } from '../contracts/host-observation.ts';
import type { BuildSpec, ImageSpec } from '../contracts/host-spec.ts';
import { entryOf } from './entry-of.ts';
import { findImage } from './inventory.ts';
import { addStep, isOutOfSpace, isThere, labelsOf, type Pass, type Readiness, readyAfter, tell } from './pass.ts';
import { buildDigest } from './spec-digest.ts';
import type { ImageChoice, Move } from './step.ts';

export interface ImageReadiness extends Readiness {
  readonly choice: ImageChoice;
  /** A container of another image than this is made again. */
  readonly isFollowed: boolean;
  /** What is under way until it is there, or there anew. */
  readonly work?: 'pulling' | 'building';
}

/** Images by what workspaces call them: a name declared here, or a reference. */
export interface ImageShelf {
  of(reference: string): ImageReadiness;
}

/** Pulls and builds the images that are declared, and pulls others when a workspace first asks for them. */
export function reconcileImages(pass: Pass): ImageShelf {
  const shelf = new Map<string, ImageReadiness>();
  for (const [name, spec] of Object.entries(pass.target.spec.images)) {
    const readiness = declaredImage(pass, name, spec);
    shelf.set(name, readiness);
    shelf.set(familiarReference(tagOf(name, spec)), readiness);
  }
  return {
    of(reference) {
      const found = shelf.get(reference) ?? shelf.get(familiarReference(reference));
      if (found !== undefined) return found;
      const readiness = pulled(pass, reference, { name: reference, isAlways: false });
      shelf.set(familiarReference(reference), readiness);
      return readiness;
    },
  };
}

/** What a declared image is known as on its host. */
export function tagOf(name: string, spec: ImageSpec): string {
  return spec.tag ?? spec.pull ?? `agora-build/${name.toLowerCase()}:latest`;
}

function declaredImage(pass: Pass, name: string, spec: ImageSpec): ImageReadiness {
  const tag = tagOf(name, spec);
  if (spec.build !== undefined) return built(pass, { name, tag, spec: spec.build });
  return pulled(pass, spec.pull ?? tag, { name, tag: spec.tag, isAlways: spec.policy === 'always' });
}

interface PulledImage {
  readonly name: string;
  readonly tag?: string | undefined;
  readonly isAlways: boolean;
}

function pulled(pass: Pass, reference: string, { name, tag, isAlways }: PulledImage): ImageReadiness {
  const found = findImage(pass.inventory, reference);
  const isAskedFor = isAlways && entryOf(pass.memory.images, name)?.revision !== pass.target.revision;
  const current = tag === undefined ? found : findImage(pass.inventory, tag);
  const choice = { reference: tag ?? reference, id: current?.id };
  if (found !== undefined && !isAskedFor) {
    const isTagged = current?.id === found.id;
    const readiness = isTagged
      ? isThere
      : tagged(pass, { name, reference, tag: tag ?? reference, fingerprint: found.id });
    return { ...readiness, choice: { ...choice, id: found.id }, isFollowed: isAlways };
  }
  if (isOutOfSpace(pass)) {
    return {
      ...(current === undefined ? { after: [], blockedBy: 'there is no space for its image' } : isThere),
      choice,
      isFollowed: isAlways,
    };
  }
  const reason = found === undefined ? 'it is not there' : 'it is asked for again with each change';
  const moves: Move[] = [{ do: 'pull', reference, tag }];
  const step = addStep(pass, { kind: 'pull-image', name, reason, moves, fingerprint: `${reference} ${tag ?? ''}` });
  if (step !== undefined || pass.stillWanted.has(`pull-image ${name}`))
    return workOn(step, 'pulling', choice.reference);
  const readiness =
    current === undefined ? { after: [], blockedBy: `its image "${reference}" could not be pulled` } : isThere;
  return { ...readiness, choice, isFollowed: isAlways };
}

/** What is made of an image waits until work on it is done, and only then is it known which image that is. */
function workOn(step: number | undefined, work: 'pulling' | 'building', reference: string): ImageReadiness {
  const readiness = readyAfter(step, work === 'pulling' ? 'its image is being pulled' : 'its image is being built');
  return { ...readiness, choice: { reference, id: undefined }, isFollowed: false, work };
}

interface TaggedImage {
  readonly name: string;
  readonly reference: string;
  readonly tag: string;
  readonly fingerprint: string;
}

function tagged(pass: Pass, { name, reference, tag, fingerprint }: TaggedImage): Readiness {
  const moves: Move[] = [{ do: 'tag', reference, tag }];
  const step = addStep(pass, { kind: 'pull-image', name, reason: `it is not known as "${tag}"`, moves, fingerprint });
  return readyAfter(step, `its image could not be named "${tag}"`);
}

interface BuiltImage {
  readonly name: string;
  readonly tag: string;
  readonly spec: BuildSpec;
}

function built(pass: Pass, { name, tag, spec }: BuiltImage): ImageReadiness {
  const digest = buildDigest(spec, pass.target.secretDigests);
  const found = findImage(pass.inventory, tag);
  const choice = { reference: tag, id: found?.id };
  const push: Move[] = spec.push ? [{ do: 'push', reference: tag }] : [];
  if (found !== undefined && isBuiltFrom(pass, found, name, digest)) {
    const isPushed = push.length === 0 || pass.isPlan || entryOf(pass.memory.images, name)?.pushed === digest;
    if (!isPushed)
      addStep(pass, { kind: 'build-image', name, reason: 'it is not pushed', moves: push, fingerprint: digest });
    return { ...isThere, choice, isFollowed: true };
  }
  if (found !== undefined && !isOfOurs(pass, found, name)) {
    tell(
      pass,
      name,
      `Cannot build image "${tag}": another one has this name`,
      'Declare another tag, or remove that image.',
    );
    return {
      after: [],
      blockedBy: `an image that is not ours is called "${tag}"`,
      choice: { reference: tag, id: undefined },
      isFollowed: false,
    };
  }
  if (isOutOfSpace(pass))
    return { after: [], blockedBy: 'there is no space to build its image', choice, isFollowed: false };
  const labels = labelsOf(pass, { kind: 'image', name, digest });
  const reason = found === undefined ? 'it is not there' : 'what it is built from changed';
  const moves: Move[] = [{ do: 'build', image: name, spec, tag, labels }, ...push];
  const step = addStep(pass, { kind: 'build-image', name, reason, moves, fingerprint: digest });
  if (step !== undefined || pass.stillWanted.has(`build-image ${name}`)) return workOn(step, 'building', tag);
  return { after: [], blockedBy: `its image "${name}" could not be built`, choice, isFollowed: false };
}

function isBuiltHere(pass: Pass, { labels }: ObservedImage, name: string): boolean {
  return (
    labels[hostLabels.host] === pass.target.hostId &&
    labels[hostLabels.kind] === 'image' &&
    labels[hostLabels.name] === name
  );
}

/** Under another name it is ours if we remember to have built it: what others build from ours inherits its labels. */
function isOfOurs(pass: Pass, image: ObservedImage, name: string): boolean {
  return isBuiltHere(pass, image, name) || pass.memory.builtImages.includes(image.id);
}

function isBuiltFrom(pass: Pass, image: ObservedImage, name: string, digest: string): boolean {
  return isBuiltHere(pass, image, name) && image.labels[hostLabels.spec] === digest;
}

/** Removes images that we built, are not built that way any more and that no container is made of. */
export function removeImages(pass: Pass, observed: readonly ObservedImage[]): void {
  const declared = Object.entries(pass.target.spec.images).filter(([, { build }]) => build !== undefined);
  const tags = new Set(declared.map(([name, spec]) => familiarReference(tagOf(name, spec))));
  for (const image of observed) {
    const [tag, ...moreTags] = image.tags.map(familiarReference);
    if (!isRemovable(pass, image) || moreTags.length > 0 || (tag !== undefined && tags.has(tag))) continue;
    const name = image.labels[hostLabels.name] ?? image.id;
    const reason = 'it is not declared any more, and nothing is made of it';
    const moves: Move[] = [{ do: 'remove-image', image: image.id }];
    // Others may build on it. The next try is soon enough, and nobody waits for it.
    addStep(pass, { kind: 'remove-image', name, reason, moves, attempt: `remove-image ${image.id}`, isTidying: true });
  }
}

// What others build from an image of ours inherits its labels: only what we remember to have built, or named ourselves, goes.
function isRemovable(pass: Pass, image: ObservedImage): boolean {
  const name = image.labels[hostLabels.name];
  if (name === undefined || !isBuiltHere(pass, image, name) || pass.inventory.usedImages.has(image.id)) return false;
  const [tag] = image.tags;
  const ownTag = `agora-build/${name.toLowerCase()}:latest`;
  return pass.memory.builtImages.includes(image.id) || (tag !== undefined && familiarReference(tag) === ownTag);
}
