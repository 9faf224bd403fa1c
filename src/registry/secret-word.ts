import { resolve } from 'node:path';
import { type GivenSecret, secretRefSchema } from '../contracts/env-bundle.ts';

export type SecretWord =
  | { readonly kind: 'secret'; readonly secret: GivenSecret }
  | {
      readonly kind: 'problem';
      readonly message: string;
      /** What it was probably meant to be. */
      readonly instead?: string;
      /** The same for a person at a shell. */
      readonly next?: string;
    };

/**
 * A secret as it is typed: `inline:<value>` or a ref; relative files start at `folder`. No message repeats the word,
 * which may be the secret itself.
 */
export function readSecretWord(word: string, folder: string): SecretWord {
  const inline = /^inline:(.*)$/s.exec(word)?.[1];
  if (inline !== undefined) return readInline(inline);
  const path = /^file:(.+)$/s.exec(word)?.[1];
  const ref = path === undefined ? word : `file:${resolve(folder, path)}`;
  if (secretRefSchema.safeParse(ref).success) return { kind: 'secret', secret: { ref } };
  return { kind: 'problem', message: 'must be inline:…, env:<NAME>, file:<path>, arn:… or local-secret://…' };
}

function readInline(inline: string): SecretWord {
  if (inline === '') {
    const next = 'If it was inline:$NAME, that variable is not set in this shell.';
    return { kind: 'problem', message: 'is empty', next };
  }
  const variable = /^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?$/.exec(inline)?.[1];
  if (variable === undefined) return { kind: 'secret', secret: { inline } };
  const instead = `env:${variable}`;
  const next = `Give it as ${instead}, or unquoted in a shell.`;
  return { kind: 'problem', message: 'is the name of a variable, not its value', instead, next };
}
