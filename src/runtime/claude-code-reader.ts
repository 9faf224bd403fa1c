import type { Usage } from '../contracts/task.ts';
import { type ClaudeCodeEvent, type ClaudeCodeResult, parseEvent, type Tokens } from './claude-code-events.ts';
import { endFailure, isRefusal, keyRefused, resultFailure } from './claude-code-failure.ts';
import { shownOf } from './claude-code-lines.ts';
import type { RuntimeConclusion, RuntimeReader } from './runtime.ts';

const longestSummary = 16_384;

/** Messages whose tokens are remembered until the result tells the true sum. */
const mostMessages = 10_000;

/** Follows one session: what a person sees of it, and at its end what it used and how it went. */
export class ClaudeCodeReader implements RuntimeReader {
  #sessionId: string | undefined;
  #result: ClaudeCodeResult | undefined;
  #isRefused = false;
  /** A message comes once for each of its parts, its tokens with every one. */
  readonly #messages = new Map<string, { readonly model: string; readonly tokens: Tokens }>();

  onLine(line: string): string {
    const event = parseEvent(line);
    if (event === undefined) return line;
    this.#note(event);
    return shownOf(event);
  }

  get isHopeless(): boolean {
    return this.#isRefused;
  }

  conclude(exit: { readonly exitCode: number | null; readonly startError?: string }): RuntimeConclusion {
    const result = this.#result;
    const failure = result === undefined ? this.#endFailure(exit) : resultFailure(result);
    const usage = result === undefined ? this.#usageSoFar() : usageOf(result);
    const sessionId = result?.sessionId || this.#sessionId;
    return {
      ...(failure && { failure }),
      ...(usage && { usage }),
      ...(result !== undefined && result.text !== '' && { summary: result.text.slice(0, longestSummary) }),
      ...(sessionId && { sessionId }),
    };
  }

  #endFailure(exit: { readonly exitCode: number | null; readonly startError?: string }) {
    return this.#isRefused ? keyRefused('401') : endFailure(exit, this.#sessionId !== undefined);
  }

  #note(event: ClaudeCodeEvent): void {
    if (isRefusal(event)) this.#isRefused = true;
    if (event.kind === 'init') this.#sessionId = event.sessionId;
    if (event.kind === 'result') this.#result = event;
    if (event.kind === 'message' && !isOwnMessage(event.model) && this.#messages.size < mostMessages) {
      this.#messages.set(event.id, event);
    }
  }

  /** What was counted before it was ended from outside; there is no price then. */
  #usageSoFar(): Usage | undefined {
    if (this.#messages.size === 0) return undefined;
    const messages = [...this.#messages.values()];
    return { models: unique(messages.map(({ model }) => model)), ...sumOf(messages.map(({ tokens }) => tokens)) };
  }
}

/** The program speaks for itself under this name. */
function isOwnMessage(model: string): boolean {
  return model === '<synthetic>';
}

function usageOf({ tokensByModel, turns, modelMs, costUsd }: ClaudeCodeResult): Usage | undefined {
  if (tokensByModel.size === 0) return undefined;
  return {
    models: unique([...tokensByModel.keys()]),
    ...sumOf([...tokensByModel.values()]),
    ...(costUsd !== undefined && { costUsd }),
    ...(turns !== undefined && { turns }),
    ...(modelMs !== undefined && { modelMs }),
  };
}

function sumOf(all: readonly Tokens[]) {
  const sum = (count: (tokens: Tokens) => number) => all.reduce((total, tokens) => total + count(tokens), 0);
  return {
    inputTokens: sum((tokens) => tokens.input),
    outputTokens: sum((tokens) => tokens.output),
    cacheReadTokens: sum((tokens) => tokens.cacheRead),
    cacheWriteTokens: sum((tokens) => tokens.cacheWrite),
  };
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
