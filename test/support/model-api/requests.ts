import type { ModelRequest } from './scenarios.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Reads the body of `POST /v1/messages`; what is not there is empty. */
export function readModelRequest(body: unknown): ModelRequest {
  const { model, stream, system, messages } = fieldsOf(body);
  const ofUser = listOf(messages).filter((message) => message['role'] === 'user');
  const blocks = ofUser.flatMap((message) => blocksOf(message['content']));
  const results = blocks.filter((block) => block['type'] === 'tool_result');
  return {
    model: String(model),
    isStreamed: stream === true,
    told: textsOf(blocksOf(system)),
    said: textsOf(blocks),
    results: results.map((result) => textsOf(blocksOf(result['content']))),
  };
}

function textsOf(blocks: readonly Fields[]): string {
  return blocks
    .filter((block) => block['type'] === 'text')
    .map((block) => String(block['text']))
    .join('\n');
}

/** Content is a text, or a list of blocks. */
function blocksOf(content: unknown): readonly Fields[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : listOf(content);
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
