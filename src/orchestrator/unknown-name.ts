import { suggestion } from '../base/suggest.ts';

export interface KnownNames {
  readonly declared: readonly string[];
  /** Left out where nothing can be registered. */
  readonly registered?: readonly string[];
}

/** That a plan names something which is not there, with what was probably meant. */
export function unknownName(kind: string, name: string, { declared, registered }: KnownNames): string {
  const hint = suggestion(name, [...declared, ...(registered ?? [])]);
  return `unknown ${kind} "${name}"${hint}; ${thereIs(kind, declared, registered)}`;
}

function thereIs(kind: string, declared: readonly string[], registered: readonly string[] | undefined): string {
  const lists = [listed('declared', declared), listed('registered', registered ?? [])].filter(Boolean);
  if (lists.length > 0) return lists.join('; ');
  if (registered === undefined) return `none is declared; add it to "${kind}s" of the config`;
  return 'none is registered';
}

function listed(word: string, names: readonly string[]): string {
  return names.length === 0 ? '' : `${word}: ${names.slice(0, 20).join(', ')}`;
}
