import { stateFolderName } from './names.ts';

/** Whether a file system may take this name for `.git`: macOS and Windows fold case, dots, spaces and short names. */
export function isGitName(name: string): boolean {
  return /^(\.git|git~1)[. ]*(:.*)?$/i.test(name.replaceAll(/[^\x20-\x7e]/g, ''));
}

/** Whether a file system may take this name for the folder of keys, trust and state, which can lie at any depth. */
export function isStateFolderName(name: string): boolean {
  const plain = name.replaceAll(/[^\x20-\x7e]/g, '').replace(/[. ]+$/, '');
  return plain.toLowerCase() === stateFolderName;
}
