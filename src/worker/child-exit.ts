import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { systemErrorCode } from '../contracts/errors.ts';
import type { SubagentProgram } from './subagent.ts';

/** How a child ended; `startError` when there never was one. */
export interface ChildExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly startError?: string;
}

/** Resolves when the child itself has ended, whoever still holds its pipes. */
export function childExit(child: ChildProcess): Promise<ChildExit> {
  return new Promise((resolve) => {
    child.on('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    child.on('error', (error) =>
      resolve({ exitCode: null, signal: null, startError: systemErrorCode(error) ?? 'unknown' }),
    );
  });
}

/** Writes a program its input, where it has one. */
export function giveInput(stdin: Writable | null, { stdin: text }: Pick<SubagentProgram, 'stdin'>): void {
  if (stdin === null || text === undefined) return;
  // It may end without reading all of it; its exit says how that went.
  stdin.on('error', () => {});
  stdin.end(text);
}

const longestTextCharacters = 4096;

/** What comes through a pipe of our own until it ends; past a few lines nothing is kept. */
export function pipeText(pipe: Readable, onText: (text: string) => void = () => {}): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    pipe.setEncoding('utf8');
    pipe.on('data', (chunk: string) => {
      if (text.length < longestTextCharacters) text += chunk;
      onText(text);
    });
    pipe.on('close', () => resolve(text));
    pipe.on('error', () => resolve(text));
  });
}
