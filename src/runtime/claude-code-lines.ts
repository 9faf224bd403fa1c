import type { ClaudeCodeEvent, MessagePart } from './claude-code-events.ts';
import { isRefusal } from './claude-code-failure.ts';

const longestDetail = 200;

/** The input of a tool that says best what it is about. */
const telling = ['file_path', 'path', 'notebook_path', 'command', 'pattern', 'query', 'url', 'description', 'skill'];

/** What a person sees of one event, '' for nothing. */
export function shownOf(event: ClaudeCodeEvent): string {
  switch (event.kind) {
    case 'init':
      return `claude-code ${event.version}, ${event.model}`;
    case 'message':
      return event.parts.map(partLine).join('\n');
    case 'toolFailed':
      return `  failed: ${brief(event.text)}`;
    case 'notPermitted':
      return `  not permitted: ${brief(event.tool)}`;
    case 'retry': {
      if (isRefusal(event)) return `the model API answered ${event.status} again: the key is refused`;
      const state = event.status === undefined ? 'does not answer' : `answered ${event.status}`;
      return `the model API ${state}; try ${event.attempt} of ${event.attempts} follows`;
    }
    case 'result': {
      const cost = event.costUsd === undefined ? '' : `, $${event.costUsd.toFixed(4)}`;
      return `${event.isError ? 'gave up' : 'done'} after ${event.turns ?? 0} turns${cost}`;
    }
    case 'other':
      return '';
  }
}

function partLine(part: MessagePart): string {
  if (part.kind === 'text') return part.text;
  const name = telling.find((field) => typeof part.input[field] === 'string');
  return name === undefined ? `> ${part.name}` : `> ${part.name} ${brief(String(part.input[name]))}`;
}

/** Its first line, cut. */
function brief(text: string): string {
  const [first = ''] = text.replace(/^<[a-z_]+>/, '').split('\n', 1);
  return first.length > longestDetail ? `${first.slice(0, longestDetail)}…` : first;
}
