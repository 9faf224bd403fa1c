import { workerImage } from '../contracts/names.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import { claudeCodeVersion } from './claude-code-program.ts';

/** Which worker image: the plain one, or one with a runtime's program built in. */
export interface ImageKind {
  /** After the worker's digest in its tag. */
  readonly suffix: string;
  /** What its label says is in it besides, and the build argument that puts it there; '' for nothing. */
  readonly program: string;
}

/** The image each runtime needs. Whoever needs nothing besides can run in any of them. */
export const imageKinds: Readonly<Record<RuntimeName, ImageKind>> = {
  command: { suffix: '', program: '' },
  'claude-code': { suffix: '-claude-code', program: `claude-code@${claudeCodeVersion}` },
};

export function digestTag(digest: string, runtime: RuntimeName): string {
  return `${workerImage.repository}:${digest}${imageKinds[runtime].suffix}`;
}

/** Whether an image with these labels is of exactly this worker, with what the runtime needs. */
export function serves(labels: Readonly<Record<string, string>>, digest: string, runtime: RuntimeName): boolean {
  if (labels[workerImage.digestLabel] !== digest) return false;
  const { program } = imageKinds[runtime];
  return program === '' || programsOf(labels).includes(program);
}

/** The same, with nothing that the runtime does not need. */
export function servesExactly(labels: Readonly<Record<string, string>>, digest: string, runtime: RuntimeName): boolean {
  return serves(labels, digest, runtime) && programsOf(labels).join() === imageKinds[runtime].program;
}

/** What is built in besides the worker. */
export function programsOf(labels: Readonly<Record<string, string>>): string[] {
  return (labels[workerImage.withLabel] ?? '').split(',').filter((program) => program !== '');
}
