import { inertLine } from '../base/inert-line.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

export interface DescribeErrorOptions {
  readonly withStack: boolean;
}

/** What failed, why, and what to do next; for stderr. */
export function describeError(error: unknown, options: DescribeErrorOptions): string {
  const file = refusedFile(error);
  const lines = [`agora: ${file?.message ?? messageOf(error)}`];
  for (const cause of causesOf(error)) lines.push(`  because: ${messageOf(cause)}`);
  const next = error instanceof AppError ? error.next : (file?.next ?? (options.withStack ? undefined : report));
  if (next !== undefined) lines.push(`  next: ${next}`);
  if (options.withStack && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  return `${lines.map(inert).join('\n')}\n`;
}

/** Any text may repeat what a host, a workspace or a file is called: only what we indent ourselves is on a line of its own. */
function inert(text: string): string {
  return text
    .split(/\n(?= {2})/)
    .map(inertLine)
    .join('\n');
}

const report = 'this is a defect of agora; run the command again with AGORA_DEBUG=1 and report what it prints';

const somethingElse = 'Something else stands there: move it aside.';
const space = 'Free some space.';
const openFiles = 'Raise the limit of open files: ulimit -n.';
const rights = 'Let this user write there, or run it in another folder.';

/** What a person can do where the system refuses a file, by its code. */
const nextByCode: Readonly<Record<string, string>> = {
  EACCES: rights,
  EPERM: rights,
  EROFS: 'That file system can only be read: run it in another folder.',
  EEXIST: somethingElse,
  EISDIR: somethingElse,
  ENOTDIR: somethingElse,
  ENOSPC: space,
  EDQUOT: space,
  EMFILE: openFiles,
  ENFILE: openFiles,
};

interface RefusedFile {
  readonly message: string;
  readonly next: string;
}

/** A system call on a file that failed, told as that; undefined for any other error. */
function refusedFile(error: unknown): RefusedFile | undefined {
  const next = nextByCode[systemErrorCode(error) ?? ''];
  const path = error instanceof Error && 'path' in error ? error.path : undefined;
  if (next === space && path === undefined) return { message: 'Cannot write: no space is left on the disk', next };
  if (next === undefined || typeof path !== 'string') return undefined;
  // Node's own message: `EACCES: permission denied, mkdir '/x'`.
  const [, state = 'the system refuses it'] = /^\w+: (.*?), \w+ '/.exec(messageOf(error)) ?? [];
  return { message: `Cannot use "${path}": ${state}`, next };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A cause that only repeats what was said adds nothing. */
function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  let said = messageOf(error);
  let at = error instanceof Error ? error.cause : undefined;
  while (at !== undefined && causes.length < 5) {
    if (!said.includes(messageOf(at))) causes.push(at);
    said += messageOf(at);
    at = at instanceof Error ? at.cause : undefined;
  }
  return causes;
}
