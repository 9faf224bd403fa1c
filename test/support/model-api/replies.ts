import type { ServerResponse } from 'node:http';
import type { ModelAnswer, ModelRequest } from './scenarios.ts';

/** What each message is said to have used. */
const usage = { input_tokens: 1000, output_tokens: 20, cache_creation_input_tokens: 10, cache_read_input_tokens: 5 };

/** Answers as the API does: one JSON object, or server-sent events that spell the same message out. */
export function reply(
  response: ServerResponse,
  { model, isStreamed, results }: ModelRequest,
  answer: ModelAnswer,
): void {
  if (answer.kind === 'silence') return;
  if (answer.kind === 'error') {
    const { status, type, message } = answer;
    sendJson(response, status, { type: 'error', error: { type, message }, request_id: 'req_stub' });
    return;
  }
  const message = { model, stop_reason: answer.kind === 'text' ? 'end_turn' : 'tool_use' };
  const block: Block =
    answer.kind === 'text'
      ? { type: 'text', text: answer.text }
      : { type: 'tool_use', id: `toolu_${results.length}_${Date.now()}`, name: answer.name, input: answer.input };
  if (isStreamed) sendEvents(response, message, block);
  else sendJson(response, 200, messageOf(message, [block]));
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_stub' });
  response.end(JSON.stringify(body));
}

interface Message {
  readonly model: string;
  readonly stop_reason: string | null;
}

type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: object };

function messageOf(message: Message, content: readonly Block[]): object {
  return {
    id: `msg_${Date.now()}`,
    type: 'message',
    role: 'assistant',
    content,
    stop_sequence: null,
    usage,
    ...message,
  };
}

function sendEvents(response: ServerResponse, message: Message, block: Block): void {
  const [empty, delta] =
    block.type === 'text'
      ? [
          { ...block, text: '' },
          { type: 'text_delta', text: block.text },
        ]
      : [
          { ...block, input: {} },
          { type: 'input_json_delta', partial_json: JSON.stringify(block.input) },
        ];
  const events = {
    message_start: { message: messageOf({ ...message, stop_reason: null }, []) },
    content_block_start: { index: 0, content_block: empty },
    content_block_delta: { index: 0, delta },
    content_block_stop: { index: 0 },
    message_delta: { delta: { stop_reason: message.stop_reason, stop_sequence: null }, usage: { output_tokens: 20 } },
    message_stop: {},
  };
  response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_stub' });
  for (const [type, content] of Object.entries(events)) {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...content })}\n\n`);
  }
  response.end();
}
