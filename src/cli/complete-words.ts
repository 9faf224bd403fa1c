import type { CommandSpec } from './command.ts';

/** What may stand in the place of an operand. */
export type Places = 'hosts' | 'workspaces' | 'paths';

export type Completion =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  /** Names of them that only the server knows. */
  | { readonly kind: 'places'; readonly places: Places; readonly begun: string }
  /** The shell's own, such as files. */
  | { readonly kind: 'none' };

/** The words of commands that may come next, after `before`; `begun` is what is typed of it. */
export function nextCommandWords(names: readonly string[], before: readonly string[], begun: string): string[] {
  const next = names.flatMap((name) => {
    const parts = name.split(' ');
    const isBelow = parts.length > before.length && before.every((word, index) => word === parts[index]);
    return isBelow ? [parts[before.length] ?? ''] : [];
  });
  return [...new Set(next)].filter((word) => word.startsWith(begun)).sort();
}

/** What may come next of a command itself; `typed` are its words, the last of them begun. */
export function completeOperand(spec: CommandSpec, typed: readonly string[]): Completion {
  const begun = typed.at(-1) ?? '';
  const before = typed.slice(0, -1);
  const isAfterAll = before.includes('--');
  if (!isAfterAll && begun.startsWith('-')) return { kind: 'words', words: optionsBegun(spec, begun) };
  const options = Object.entries(spec.options);
  let operands = 0;
  for (let at = 0; at < before.length; at += 1) {
    const word = before[at] ?? '';
    const option = options.find(([name, { short }]) => word === `--${name}` || word === `-${short}`)?.[1];
    if (option?.type === 'string') {
      // Its value is being typed.
      if (at === before.length - 1) return { kind: 'none' };
      at += 1;
    } else if (!word.startsWith('-')) operands += 1;
  }
  if (operands === 0 && spec.choices !== undefined) {
    return { kind: 'words', words: spec.choices.filter((choice) => choice.startsWith(begun)) };
  }
  const places = placesOf(spec.operands, operands);
  return places === undefined ? { kind: 'none' } : { kind: 'places', places, begun };
}

function optionsBegun(spec: CommandSpec, begun: string): string[] {
  return [...Object.keys(spec.options), 'help'].map((name) => `--${name}`).filter((option) => option.startsWith(begun));
}

function placesOf(operands: readonly string[], index: number): Places | undefined {
  const operand = operands[index] ?? '';
  if (operand === '<from>' || operand === '<to>') return 'paths';
  if (/^[<[]host\[?\/workspace/.test(operand)) return 'workspaces';
  return /^[<[]host[\]>.]/.test(operand) ? 'hosts' : undefined;
}
