import { capabilityLimits } from '../contracts/capability.ts';
import { isGitName, isStateFolderName } from '../contracts/reserved-names.ts';

/** The folder of a worktree that holds what a dispatch is handed. */
const inputsFolder = 'inputs';

/** File systems take no longer name. */
const mostNameBytes = 255;

/** Why a capability may hold no file of this path, or undefined when it may. */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (!path.isWellFormed()) return 'is not valid UTF-8';
  if (path.startsWith('/')) return 'is absolute';
  if (path.includes('\\')) return 'holds a backslash';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\0-\x1f\x7f]/.test(path)) return 'holds a control character';
  if (Buffer.byteLength(path) > capabilityLimits.pathBytes) return `is longer than ${capabilityLimits.pathBytes} bytes`;
  return partsProblem(path.split('/'));
}

function partsProblem(parts: readonly string[]): string | undefined {
  if (parts.includes('')) return 'has an empty part';
  if (parts.includes('.') || parts.includes('..')) return 'has a part that is "." or ".."';
  if (parts.some((part) => Buffer.byteLength(part) > mostNameBytes))
    return `has a part of more than ${mostNameBytes} bytes`;
  const reserved = parts.find((part) => isGitName(part) || isStateFolderName(part));
  if (reserved !== undefined) return `holds the reserved name "${reserved}"`;
  if (parts[0] === inputsFolder) return `starts with the reserved name "${inputsFolder}"`;
  return undefined;
}

/** A path that is a folder in one place and a file in another, or undefined. */
export function findClash(paths: Iterable<string>): string | undefined {
  const files = new Set(paths);
  for (const path of files) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end);
      if (files.has(folder)) return folder;
    }
  }
  return undefined;
}
