import { type RegistryLogins, withProblems } from '../agent/registry-logins.ts';
import { describeEndpoint, type EngineEndpoint, isInTheClear } from '../engine/endpoint.ts';
import type { HostEngine } from '../engine/host-engine.ts';

export interface FarPullOptions {
  readonly endpoint: EngineEndpoint;
  readonly engine: Pick<HostEngine, 'pull'>;
  readonly logins: Pick<RegistryLogins, 'forReference'>;
  readonly signal: AbortSignal;
}

/** Pulls at an engine with the logins of this machine, or without where others could read them on their way there. */
export function farPull({ endpoint, engine, logins, signal }: FarPullOptions): (reference: string) => Promise<string> {
  return async (reference) => {
    const { login, problem } = await logins.forReference(reference, signal);
    const isHeldBack = login !== undefined && isInTheClear(endpoint);
    const problems = [
      ...(problem === undefined ? [] : [problem]),
      ...(isHeldBack ? [`the login here is not sent to ${describeEndpoint(endpoint)}, which is not encrypted`] : []),
    ];
    try {
      return await engine.pull(reference, isHeldBack ? {} : { login });
    } catch (error) {
      throw withProblems(error, problems);
    }
  };
}
