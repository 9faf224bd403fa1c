import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Redactor } from '../base/redact.ts';
import { schemaWords } from '../base/schema-words.ts';
import { parseStrictJson, StrictJsonError } from '../base/strict-json.ts';
import { systemErrorCode } from '../contracts/errors.ts';
import { worktreeNames } from '../contracts/names.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { isFolder } from './agora-folder.ts';
import { redactValue } from './redact-value.ts';

/** What was found where a subagent asks. `text` is JSON without secrets; `reason` is our words. */
export type FoundQuestion =
  | { readonly kind: 'none' }
  | { readonly kind: 'asked'; readonly text: string }
  | { readonly kind: 'bad'; readonly reason: string };

const deepest = 64;

/** Looks for a question in a worktree that nobody uses any more. */
export async function findQuestion(place: WorkerPlace, redactor: Redactor): Promise<FoundQuestion> {
  const folder = join(place.paths.workspace, worktreeNames.folder);
  if (!isFolder(folder)) return { kind: 'none' };
  const { questionBytes } = await import('../contracts/question.ts');
  const file = readSmallFile(join(folder, worktreeNames.question), questionBytes);
  if (file.kind !== 'read') return file;
  const question = await checkQuestion(file.bytes);
  // The reason may name a number or a character of it.
  if (question.kind !== 'good') return { kind: 'bad', reason: redactor.text(question.reason) };
  const text = JSON.stringify(redactValue(redactor, question.value));
  // A secret may also lie across what JSON puts between two texts.
  if (redactor.holds(text)) return { kind: 'bad', reason: 'it holds a secret that cannot be blacked out' };
  if (Buffer.byteLength(text) > questionBytes)
    return { kind: 'bad', reason: `it is larger than ${questionBytes} bytes` };
  return { kind: 'asked', text };
}

type ReadFile = Exclude<FoundQuestion, { kind: 'asked' }> | { readonly kind: 'read'; readonly bytes: Buffer };

function readSmallFile(path: string, mostBytes: number): ReadFile {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return { kind: 'none' };
    return { kind: 'bad', reason: code === 'ELOOP' ? 'it is a link' : 'it cannot be read' };
  }
  try {
    if (!fstatSync(file).isFile()) return { kind: 'bad', reason: 'it is not a regular file' };
    const buffer = Buffer.alloc(mostBytes + 1);
    let length = 0;
    for (let count = -1; count !== 0 && length < buffer.length; length += count) {
      count = readSync(file, buffer, length, buffer.length - length, null);
    }
    if (length > mostBytes) return { kind: 'bad', reason: `it is larger than ${mostBytes} bytes` };
    return { kind: 'read', bytes: buffer.subarray(0, length) };
  } finally {
    closeSync(file);
  }
}

type Checked = Extract<FoundQuestion, { kind: 'bad' }> | { readonly kind: 'good'; readonly value: unknown };

async function checkQuestion(bytes: Buffer): Promise<Checked> {
  // Loaded here: most subagents ask nothing, and the schema takes longer to load than they to end.
  const { questionBytes, questionSchema } = await import('../contracts/question.ts');
  if (bytes.every((byte) => byte <= 0x20)) return { kind: 'bad', reason: 'it is empty' };
  let value: unknown;
  try {
    const limits = { maxBytes: questionBytes, maxStringBytes: questionBytes, maxDepth: deepest };
    value = parseStrictJson(bytes, { ...limits, numbers: 'double' });
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    return {
      kind: 'bad',
      reason: `it is no strict JSON at line ${error.line}, column ${error.column}: ${error.message}`,
    };
  }
  const parsed = questionSchema.safeParse(value, { error: schemaWords });
  if (parsed.success) return { kind: 'good', value: parsed.data };
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') return { kind: 'bad', reason: 'it has a field that no question has' };
  const path = issue?.path.length ? issue.path.slice(0, 2).join('.') : 'the whole';
  return { kind: 'bad', reason: `${path}: ${issue?.message ?? 'not as a question is'}` };
}
