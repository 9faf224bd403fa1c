/** One line of Claude Code's stream-json, as far as it is of interest here. */
export type ClaudeCodeEvent =
  | { readonly kind: 'init'; readonly sessionId: string; readonly model: string; readonly version: string }
  | {
      readonly kind: 'message';
      readonly id: string;
      readonly model: string;
      readonly parts: readonly MessagePart[];
      readonly tokens: Tokens;
    }
  | { readonly kind: 'toolFailed'; readonly text: string }
  | { readonly kind: 'notPermitted'; readonly tool: string }
  | { readonly kind: 'retry'; readonly attempt: number; readonly attempts: number; readonly status: number | undefined }
  | ({ readonly kind: 'result' } & ClaudeCodeResult)
  | { readonly kind: 'other' };

export type MessagePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tool'; readonly name: string; readonly input: Fields };

export interface Tokens {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** The last line: how it went, and what it took. */
export interface ClaudeCodeResult {
  readonly sessionId: string;
  readonly subtype: string;
  readonly isError: boolean;
  /** HTTP status of the model API when that ended the work. */
  readonly apiStatus: number | undefined;
  /** The type of that error in the API's words, or the program's own for one without a status. */
  readonly apiError: string | undefined;
  readonly text: string;
  readonly turns: number | undefined;
  readonly modelMs: number | undefined;
  readonly costUsd: number | undefined;
  readonly tokensByModel: ReadonlyMap<string, Tokens>;
}

/** The fields of an object from outside; none when it is something else. */
type Fields = Readonly<Record<string, unknown>>;

/** Reads one line; undefined when it is none of the stream's. */
export function parseEvent(line: string): ClaudeCodeEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined; // A warning of the program, or of what it started.
  }
  const event = fieldsOf(value);
  switch (event['type']) {
    case 'system':
      return systemEvent(event);
    case 'assistant':
      return messageEvent(fieldsOf(event['message']));
    case 'user':
      return toolEvent(listOf(fieldsOf(event['message'])['content']));
    case 'result':
      return { kind: 'result', ...resultOf(event) };
    default:
      return typeof event['type'] === 'string' ? { kind: 'other' } : undefined;
  }
}

function systemEvent(event: Fields): ClaudeCodeEvent {
  switch (event['subtype']) {
    case 'init': {
      const [sessionId, model] = [textOf(event['session_id']), textOf(event['model'])];
      return { kind: 'init', sessionId, model, version: textOf(event['claude_code_version']) };
    }
    case 'api_retry': {
      const [attempt, attempts] = [countOf(event['attempt']), countOf(event['max_retries'])];
      return { kind: 'retry', attempt, attempts, status: statusOf(event['error_status']) };
    }
    case 'permission_denied':
      return { kind: 'notPermitted', tool: textOf(event['tool_name']) };
    default:
      return { kind: 'other' };
  }
}

function messageEvent(message: Fields): ClaudeCodeEvent {
  const parts = listOf(message['content']).flatMap((part): MessagePart[] => {
    if (part['type'] === 'text') return [{ kind: 'text', text: textOf(part['text']) }];
    if (part['type'] !== 'tool_use') return [];
    return [{ kind: 'tool', name: textOf(part['name']), input: fieldsOf(part['input']) }];
  });
  const usage = fieldsOf(message['usage']);
  const tokens = {
    input: countOf(usage['input_tokens']),
    output: countOf(usage['output_tokens']),
    cacheRead: countOf(usage['cache_read_input_tokens']),
    cacheWrite: countOf(usage['cache_creation_input_tokens']),
  };
  return { kind: 'message', id: textOf(message['id']), model: textOf(message['model']), parts, tokens };
}

function toolEvent(content: readonly Fields[]): ClaudeCodeEvent {
  const failed = content.find((part) => part['type'] === 'tool_result' && part['is_error'] === true);
  return failed === undefined ? { kind: 'other' } : { kind: 'toolFailed', text: textOf(failed['content']) };
}

function resultOf(event: Fields): ClaudeCodeResult {
  const models = Object.entries(fieldsOf(event['modelUsage'])).map(
    ([model, usage]) => [model, fieldsOf(usage)] as const,
  );
  return {
    sessionId: textOf(event['session_id']),
    subtype: textOf(event['subtype']),
    isError: event['is_error'] === true,
    apiStatus: statusOf(event['api_error_status']),
    apiError: textOf(event['api_error_type']) || textOf(event['api_error']) || undefined,
    text: textOf(event['result']),
    turns: typeof event['num_turns'] === 'number' ? countOf(event['num_turns']) : undefined,
    modelMs: amountOf(event['duration_api_ms']),
    costUsd: amountOf(event['total_cost_usd']),
    tokensByModel: new Map(
      models.map(([model, usage]) => [
        model,
        {
          input: countOf(usage['inputTokens']),
          output: countOf(usage['outputTokens']),
          cacheRead: countOf(usage['cacheReadInputTokens']),
          cacheWrite: countOf(usage['cacheCreationInputTokens']),
        },
      ]),
    ),
  };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A whole number from 0; 0 for anything else. */
function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

function amountOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function statusOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 100 && value < 600 ? value : undefined;
}
