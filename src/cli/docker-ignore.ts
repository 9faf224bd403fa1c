import { posix } from 'node:path';

interface IgnoreRule {
  readonly pattern: RegExp;
  /** It began with `!`: what it matches goes along after all. */
  readonly isException: boolean;
}

export type IgnoreRules = readonly IgnoreRule[];

/** The rules of a `.dockerignore`: https://docs.docker.com/build/concepts/context/#dockerignore-files */
export function parseIgnoreRules(text: string): IgnoreRules {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .flatMap((line) => {
      const isException = line.startsWith('!');
      const typed = (isException ? line.slice(1) : line).trim();
      if (typed === '') return [];
      const cleaned = posix.normalize(`/${typed}`).replace(/^\/+|\/+$/g, '');
      return cleaned === '' ? [] : [{ pattern: patternOf(cleaned), isException }];
    });
}

/** Of the rules that match a path, or a folder it lies in, the last one says. */
export function isIgnored(rules: IgnoreRules, path: string): boolean {
  const parts = path.split('/');
  const above = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  const last = rules.findLast(({ pattern }) => above.some((each) => pattern.test(each)));
  return last !== undefined && !last.isException;
}

function patternOf(rule: string): RegExp {
  let source = '';
  for (let at = 0; at < rule.length; ) {
    const [token, regular] = tokenAt(rule, at);
    source += regular;
    at += token;
  }
  try {
    return new RegExp(`^${source}$`, 'su');
  } catch {
    return /(?!)/; // A range that is none, such as [z-a], matches nothing.
  }
}

/** How many characters of a rule belong together, and what they match. */
function tokenAt(rule: string, at: number): readonly [length: number, source: string] {
  const rest = rule.slice(at);
  if (rest.startsWith('**/')) return [3, '(?:.*/)?'];
  if (rest.startsWith('**')) return [2, '.*'];
  const [first = ''] = rest;
  if (first === '*') return [1, '[^/]*'];
  if (first === '?') return [1, '[^/]'];
  const [group, negation = '', members = ''] = /^\[(\^?)((?:\\.|[^\]\\])+)\]/s.exec(rest) ?? [];
  if (group !== undefined) return [group.length, `(?!/)[${negation}${members.replaceAll('[', '\\[')}]`];
  if (first === '\\' && rest.length > 1) return [2, literal(rest[1] ?? '')];
  return [first.length, literal(first)];
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
