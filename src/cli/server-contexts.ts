import { suggestion } from '../base/suggest.ts';
import { AppError } from '../contracts/errors.ts';
import type { ServerContext, ServerContexts } from './server-context-file.ts';

export function requireContext({ contexts }: ServerContexts, name: string): ServerContext {
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(contexts);
  const state = names.length === 0 ? 'there are none' : `the contexts are ${names.join(', ')}`;
  throw new AppError('unknown-name', `Cannot find context "${name}": ${state}${suggestion(name, names)}`, {
    next: 'agora login <url>',
  });
}

export function withoutContext({ contexts, current }: ServerContexts, name: string): ServerContexts {
  const { [name]: _, ...others } = contexts;
  return { schemaVersion: 1, ...(current !== undefined && current !== name && { current }), contexts: others };
}
