import { registerHooks } from 'node:module';
import { packageName } from '../contracts/names.ts';

// From a checkout this file is TypeScript, in the published package it is not.
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

let isRegistered = false;

/** Makes `agora-offload` and `dockerode` resolve to the running CLI's own copies from a config in any folder. */
export function registerOwnCopies(): void {
  if (isRegistered) return;
  isRegistered = true;
  const ownCopies = new Map([
    [packageName, new URL(`../index.${extension}`, import.meta.url).href],
    ['dockerode', import.meta.resolve('dockerode')],
  ]);
  registerHooks({
    resolve: (specifier, context, nextResolve) => nextResolve(ownCopies.get(specifier) ?? specifier, context),
  });
}
