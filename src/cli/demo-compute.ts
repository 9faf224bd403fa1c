import { probeSandbox } from '../compute/bubblewrap-probe.ts';
import { buildWorkerBundle } from '../compute/worker-bundle.ts';
import { prepareWorkerImage } from '../compute/worker-image.ts';
import { packageRoot } from '../config/package-root.ts';
import { AppError } from '../contracts/errors.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import type { Engine } from '../engine/engine.ts';
import { probeEngine, probeWorkerImage } from './probe-engine.ts';

export interface DemoComputeOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is going to run. */
  readonly runtimes: readonly RuntimeName[];
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => Promise<void>;
}

/** Docker when an engine answers, its worker image made ready; else bubblewrap; else no sandbox. Says which, and why. */
export async function prepareDemoCompute(options: DemoComputeOptions): Promise<{ readonly allowUnsandboxed: boolean }> {
  const { env, signal, onLine } = options;
  const engine = await probeEngine(env, signal);
  if (engine.kind === 'answers') {
    await onLine(`Workers run in Docker, because an engine answers: ${engine.place}`);
    for (const runtime of options.runtimes) await prepareImage(engine.engine, runtime, options);
    return { allowUnsandboxed: false };
  }
  const why = engine.kind === 'none' ? 'no container engine is found' : `${engine.place} does not answer`;
  const sandbox = await probeSandbox();
  if (sandbox.kind === 'bubblewrap') {
    await onLine(`Workers run as processes under bubblewrap, because ${why}`);
    return { allowUnsandboxed: false };
  }
  // What a model decides to run is nobody's own command.
  if (options.runtimes.some((runtime) => runtime !== 'command')) throw needsSandbox(`${why} and ${sandbox.reason}`);
  await onLine(`Workers run as plain processes WITHOUT A SANDBOX, because ${why} and ${sandbox.reason}`);
  await onLine("That is done here only, because the commands are this example's own.");
  return { allowUnsandboxed: true };
}

async function prepareImage(
  engine: Engine,
  runtime: RuntimeName,
  { signal, onLine }: DemoComputeOptions,
): Promise<void> {
  const { digest } = await buildWorkerBundle(packageRoot);
  const state = await probeWorkerImage(engine, digest, runtime);
  if (state === 'current') return;
  const besides = runtime === 'command' ? '' : ` with ${runtime}`;
  await onLine(`The worker image${besides} is ${state}; preparing it (once)`);
  const onProgress = (line: string) => void onLine(`  ${line}`);
  await prepareWorkerImage(engine, { packageRoot, runtime, signal, onProgress });
}

function needsSandbox(why: string): AppError {
  return new AppError('no-compute', `Cannot run the demo with a model without a sandbox: ${why}`, {
    next: 'start Docker or install bubblewrap, or run `agora demo`, which needs no model',
  });
}
