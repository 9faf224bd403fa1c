import { registerHooks } from 'node:module';
import { packageName } from '../contracts/names.ts';

let isRegistered = false;

/** Makes `agora-offload` and `dockerode` resolve to the running CLI's own copies from a config in any folder. */
export function registerOwnCopies(): void {
  if (isRegistered) return;
  isRegistered = true;
  const copies = ownCopies(import.meta.url);
  registerHooks({
    resolve: (specifier, context, nextResolve) => nextResolve(copies.get(specifier) ?? specifier, context),
  });
}

function ownCopies(self: string): ReadonlyMap<string, string> {
  // In an image all of the CLI is one file, which is the package as well.
  if (self.endsWith('.cjs')) return new Map([[packageName, self]]);
  // From a checkout this file is TypeScript, in the published package it is not.
  const extension = self.endsWith('.ts') ? 'ts' : 'js';
  return new Map([
    [packageName, new URL(`../index.${extension}`, self).href],
    ['dockerode', import.meta.resolve('dockerode')],
  ]);
}
