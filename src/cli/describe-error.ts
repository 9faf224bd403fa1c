import { AppError } from '../contracts/errors.ts';

export interface DescribeErrorOptions {
  readonly withStack: boolean;
}

/** What failed, why, and what to do next; for stderr. */
export function describeError(error: unknown, options: DescribeErrorOptions): string {
  const lines = [`agora: ${messageOf(error)}`];
  for (const cause of causesOf(error)) lines.push(`  because: ${messageOf(cause)}`);
  if (error instanceof AppError) {
    if (error.next !== undefined) lines.push(`  next: ${error.next}`);
  } else if (!options.withStack) {
    lines.push('  next: this is a defect of agora; run the command again with AGORA_DEBUG=1 and report what it prints');
  }
  if (options.withStack && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  return `${lines.join('\n')}\n`;
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
