import type { ClaudeCodeEvent, ClaudeCodeResult } from './claude-code-events.ts';
import type { RuntimeFailure } from './runtime.ts';

/** What the shell and the launcher say of a program that is not there, or cannot run here. */
const notFoundCodes: readonly (number | null)[] = [126, 127];
const notFoundErrors: readonly (string | undefined)[] = ['ENOENT', 'EACCES', 'ENOEXEC'];

const missing: RuntimeFailure = {
  code: 'runtime-missing',
  message:
    'The worker has no "claude" that runs: its image comes from `agora worker build --with claude-code`; without an engine it must be installed in /usr/local/bin',
};

/** A key refused twice in a row stays refused; the program itself would try for minutes. */
export function isRefusal(event: ClaudeCodeEvent): boolean {
  return event.kind === 'retry' && event.status === 401 && event.attempt >= 2;
}

/** What a refused key is told as; `said` is the answer of the API. */
export function keyRefused(said: string): RuntimeFailure {
  const message = `The model API refused the key, which may be wrong or expired: it answered ${said}`;
  return { code: 'key-refused', message };
}

/** Why it failed by its own account; undefined when it says that it is done. */
export function resultFailure(result: ClaudeCodeResult): RuntimeFailure | undefined {
  const { subtype, isError, turns } = result;
  if (subtype === 'error_max_turns') {
    const message = `It was not done after ${turns ?? 'all'} turns, which is more than maxTurns allows`;
    return { code: 'max-turns', message };
  }
  if (!isError) return undefined;
  return apiFailure(result) ?? { code: 'model-error', message: `Claude Code gave up: ${wordOf(subtype)}` };
}

/** Why it ended without an account; undefined when its exit code says enough. */
export function endFailure(
  { exitCode, startError }: { readonly exitCode: number | null; readonly startError?: string },
  hasBegun: boolean,
): RuntimeFailure | undefined {
  const isMissing = notFoundErrors.includes(startError) || (!hasBegun && notFoundCodes.includes(exitCode));
  if (isMissing) return missing;
  if (exitCode !== 0) return undefined;
  return { code: 'no-result', message: 'Claude Code ended without saying how it went' };
}

function apiFailure({ apiStatus, apiError }: ClaudeCodeResult): RuntimeFailure | undefined {
  const said = [apiStatus, apiError && wordOf(apiError)].filter((part) => part !== undefined).join(' ');
  if (apiError === 'billing_error' || apiStatus === 402)
    return { code: 'key-refused', message: `The account behind the key cannot pay: the model API answered ${said}` };
  if (apiStatus === 401 || apiStatus === 403) return keyRefused(said);
  if (apiStatus === 429 || apiStatus === 529) {
    const state = apiStatus === 429 ? 'the limit of requests is reached' : 'it is overloaded';
    return { code: 'rate-limit', message: `The model API let no more through, because ${state}: it answered ${said}` };
  }
  if (apiStatus !== undefined) return { code: 'model-error', message: `The model API failed: it answered ${said}` };
  if (apiError !== undefined)
    return { code: 'model-error', message: `The model API was not reached: ${wordOf(apiError)}` };
  return undefined;
}

/** An identifier as it stands: anything else could be text of the model's. */
function wordOf(word: string): string {
  return /^[a-z_]{1,64}$/.test(word) ? word : 'unknown';
}
