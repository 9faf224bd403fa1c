import { AppError, type ErrorCode, isAppError } from '../contracts/errors.ts';
import { fullDisk, httpStatus } from './docker-errors.ts';

interface Meaning {
  readonly words: RegExp;
  readonly code: ErrorCode;
  readonly next?: string;
}

/** Engines give most refusals one status, so their words decide: the first line that fits. */
const meanings: readonly Meaning[] = [
  fullDisk,
  {
    words: /transport is closing|connection closed before server preface|error reading from server: eof/i,
    code: 'unreachable',
    next: 'Wait until the engine runs again.',
  },
  {
    words: /port is already allocated|address already in use/i,
    code: 'task-conflict',
    next: 'Free the port on the host, or declare another one.',
  },
  {
    words: /could not select device driver/i,
    code: 'invalid-input',
    next: "Install the vendor's container toolkit on the host, or leave out `gpus`.",
  },
  {
    words:
      /no such image|image not known|tag does not exist|image does not exist locally|manifest unknown|name unknown|manifest for .* not found|pull access denied/i,
    code: 'image-missing',
    next: 'Check the reference; where it is private, give the host a login for its registry.',
  },
  {
    words: /unauthorized|authentication required|no basic auth credentials|denied: requested access/i,
    code: 'refused',
    next: 'Give the host a login for the registry.',
  },
  // Podman has no status of its own for it.
  { words: /name .* is already in use|network already exists|volume already exists/i, code: 'task-conflict' },
  { words: /container state improper|is already in progress|has dependent containers/i, code: 'task-conflict' },
  { words: /has active endpoints|network is being used|volume is in use|volume is being used/i, code: 'task-conflict' },
  {
    words:
      /gathering device information|executable file not found|attempted to invoke a command|statfs .*no such file/i,
    code: 'invalid-input',
  },
  {
    words: /stat(ing)? .*: no such file or directory|error mounting|invalid mount|no such device/i,
    code: 'invalid-input',
  },
  {
    words: /operation not supported/i,
    code: 'invalid-input',
    next: 'See what the kernel and the engine of the host can do.',
  },
  {
    words: /pool overlaps|networks have overlapping|already being used by a network|subnet .* (is )?already used/i,
    code: 'invalid-input',
    // That one no call shows, and no call removes: decision 012.
    next: 'Declare another subnet: a network has it, or one that the engine never finished.',
  },
];

/** What a registry that cannot be reached looks like in the engine's words. */
const registryAway = /dial tcp|no such host|i\/o timeout|tls handshake|connection refused|server gave http response/i;

/** The same failure with the code that its words deserve. */
export function hostEngineError(error: unknown): unknown {
  if (!isAppError(error) || !isRefusal(error)) return error;
  const meaning = meanings.find(({ words }) => words.test(error.message));
  if (meaning !== undefined) return recoded(error, meaning.code, meaning.next);
  return httpStatus(error.cause) === 403 ? recoded(error, 'invalid-input') : error;
}

/** As `hostEngineError`, for calls that go to a registry: one that is away is `not-ready`. */
export function registryError(error: unknown): unknown {
  const meant = hostEngineError(error);
  if (!isAppError(meant, 'internal') || !registryAway.test(meant.message)) return meant;
  return recoded(meant, 'not-ready', 'See whether the host reaches the registry.');
}

/** Runs a call whose failures mean what `hostEngineError` says. */
export async function named<T>(call: Promise<T>, meaning: (error: unknown) => unknown = hostEngineError): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw meaning(error);
  }
}

/** Whether the engine refused with these words: what was asked is so already. */
export function isRefusedWith(error: unknown, words: RegExp): boolean {
  return isAppError(error) && words.test(error.message);
}

/** What the connection itself rejects with keeps its code. */
function isRefusal({ code }: AppError): boolean {
  return code !== 'unreachable' && code !== 'interrupted';
}

function recoded(error: AppError, code: ErrorCode, next?: string): AppError {
  return new AppError(code, error.message, { cause: error.cause, ...(next !== undefined && { next }) });
}
