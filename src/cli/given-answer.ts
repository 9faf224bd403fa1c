import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as z from 'zod';
import { parseStrictJson, StrictJsonError } from '../base/strict-json.ts';
import { AppError, isAppError, systemErrorCode } from '../contracts/errors.ts';
import { type Answer, type Question, questionBytes } from '../contracts/question.ts';
import type { CommandContext } from './command.ts';

export const answerOptions = {
  option: { type: 'string', value: '<n>', summary: 'The answer is this one of its options, counted from 1' },
  json: { type: 'string', value: '<value>', summary: 'The answer is this JSON' },
  file: { type: 'string', value: '<file>', summary: 'The answer is the text of this file; - is standard input' },
} as const;

export interface AnswerWords {
  readonly text?: string | undefined;
  readonly option?: string | undefined;
  readonly json?: string | undefined;
  readonly file?: string | undefined;
}

/** The answer a person typed, in whichever of the four ways. */
export async function givenAnswer(
  words: AnswerWords,
  question: Pick<Question, 'options'>,
  context: Pick<CommandContext, 'cwd' | 'stdin'>,
): Promise<Answer['answer']> {
  const given = Object.entries(words).filter(([, word]) => word !== undefined);
  if (given.length !== 1) {
    const state = given.length === 0 ? 'none is given' : `${given.map(([name]) => name).join(' and ')} are given`;
    throw new AppError('usage', `Cannot answer: ${state}`, { next: 'give one of <text>, --option, --json or --file' });
  }
  const { text, option, json, file } = words;
  if (option !== undefined) return chosenOption(option, question.options ?? []);
  const answer = json === undefined ? (text ?? (await fileText(file ?? '', context))) : parsedJson(json);
  if (typeof answer === 'string' && answer.trim() === '') {
    throw new AppError('usage', 'Cannot answer with nothing: the text is empty');
  }
  // It travels as JSON, in which a text may be longer than it is.
  const sizeBytes = Buffer.byteLength(JSON.stringify(answer));
  if (sizeBytes > questionBytes) throw tooLong(`${sizeBytes} bytes as JSON`);
  return answer;
}

function tooLong(state: string): AppError {
  return new AppError('limit-exceeded', `Cannot answer with so much: it is ${state}, the limit is ${questionBytes}`, {
    next: 'put it into a file of the source, and answer with its name',
  });
}

function chosenOption(typed: string, options: readonly string[]): string {
  if (options.length === 0) {
    throw new AppError('usage', `Cannot choose option "${typed}": the question has no options`, {
      next: 'answer in words',
    });
  }
  const chosen = /^[1-9][0-9]{0,8}$/.test(typed) ? options[Number(typed) - 1] : undefined;
  if (chosen !== undefined) return chosen;
  throw new AppError('usage', `Cannot choose option "${typed}": the options are 1 to ${options.length}`);
}

function parsedJson(text: string): Answer['answer'] {
  try {
    const limits = { maxBytes: questionBytes, maxDepth: 32, maxStringBytes: questionBytes } as const;
    return z.json().parse(parseStrictJson(text, { ...limits, numbers: 'double' }));
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw new AppError('usage', `Cannot answer with this JSON: ${error.message}`, { cause: error });
  }
}

async function fileText(typed: string, { cwd, stdin }: Pick<CommandContext, 'cwd' | 'stdin'>): Promise<string> {
  if (typed === '-') return limitedText(stdin);
  try {
    await using file = await open(resolve(cwd, typed));
    return await limitedText(file.createReadStream({ end: questionBytes, autoClose: false }));
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    const reason = systemErrorCode(cause) === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
    throw new AppError('usage', `Cannot read the answer in "${typed}": ${reason}`, { cause });
  }
}

/** Not all of it is read: devices and pipes have no end. */
async function limitedText(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > questionBytes) throw tooLong(`${sizeBytes} bytes or more`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}
