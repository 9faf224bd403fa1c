import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import type { Problem } from '../contracts/mailbox.ts';
import { limits } from '../contracts/names.ts';
import type { CommandContext } from './command.ts';
import { oneLine } from './one-line.ts';
import { problemCount } from './problem-count.ts';

export interface PlanInput {
  /** As shown in messages: the path as typed, or `standard input`. */
  readonly label: string;
  readonly content: Uint8Array;
  /** What a relative `source` of the plan is relative to. */
  readonly folder: string;
}

/** Reads a plan file, or standard input for `-`. One over the limit is refused unread. */
export function readPlanInput(typed: string, context: Pick<CommandContext, 'cwd' | 'stdin'>): Promise<PlanInput> {
  return typed === '-' ? readStdin(context) : readFile(typed, context.cwd);
}

async function readFile(typed: string, cwd: string): Promise<PlanInput> {
  const path = resolve(cwd, typed);
  try {
    await using file = await open(path);
    const stat = await file.stat();
    if (stat.size > limits.planBytes) throw tooLarge(typed, stat.size);
    const chunks = file.createReadStream({ end: limits.planBytes, autoClose: false });
    return { label: typed, content: await readLimited(chunks, typed), folder: dirname(path) };
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const reason = systemErrorCode(cause) === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
    throw new AppError('usage', `Cannot read plan "${typed}": ${reason}`, { cause });
  }
}

async function readStdin(context: Pick<CommandContext, 'cwd' | 'stdin'>): Promise<PlanInput> {
  const label = 'standard input';
  return { label, content: await readLimited(context.stdin, label), folder: context.cwd };
}

async function readLimited(chunks: AsyncIterable<Uint8Array>, label: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > limits.planBytes) throw tooLarge(label, sizeBytes);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

function tooLarge(label: string, sizeBytes: number): AppError {
  const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);
  const limit = mebibytes(limits.planBytes);
  return new AppError(
    'invalid-plan',
    `Cannot read plan "${label}": ${mebibytes(sizeBytes)} MiB, the limit is ${limit} MiB`,
  );
}

/** The error of a plan with problems, one line each. */
export function invalidPlan(action: string, problems: readonly Problem[]): AppError {
  return new AppError('invalid-plan', `${action}: ${problemCount(problems)}\n${problemLines(problems).join('\n')}`);
}

/** Keys and values of a plan are in them, longer than this only on purpose. */
const lineLength = 2_000;

export function problemLines(problems: readonly Problem[]): string[] {
  const lines = problems.map(({ path, message }) => `${path === '' ? 'the plan' : path}: ${message}`);
  return lines.map((line) => `  ${oneLine(line, lineLength)}`);
}
