import type { TaskAgent } from '../contracts/task.ts';
import { keyProblem } from './claude-code-key.ts';
import { howToAsk } from './claude-code-prompt.ts';
import { ClaudeCodeReader } from './claude-code-reader.ts';
import type { AgentOf, Runtime, RuntimeCommand, RuntimeFailure } from './runtime.ts';

type ClaudeCodeAgent = AgentOf<'claude-code'>;

const program = 'claude';
const models: Readonly<Record<string, string>> = { fast: 'haiku', standard: 'sonnet', max: 'opus' };

/** One argument may hold 128 KiB; the instructions of ours come with it. */
const longestSystemPromptBytes = 120 * 1024;

/** Files of the project that say what a strict agent may do; Claude Code itself believes them only where a person said so. */
const settingsFile = '.claude/settings.json';
const withSettings = `[ -f ${settingsFile} ] && set -- "$@" --settings ${settingsFile}; exec "$0" "$@"`;

/** Runs Claude Code without a terminal; it tells what it does as one JSON object a line. */
export const claudeCodeRuntime: Runtime = {
  name: 'claude-code',
  sessionFolder: '.claude/projects',
  check: (agent, env) => keyProblem(env) ?? promptProblem(agent),
  command: (agent) => commandOf(claudeCodeAgent(agent)),
  reader: () => new ClaudeCodeReader(),
};

function commandOf(agent: ClaudeCodeAgent): RuntimeCommand {
  const words = [...alwaysGiven, ...wordsOf(agent)];
  const [file, ...first] = agent.permissionMode === 'strict' ? ['sh', '-c', withSettings, program] : [program];
  return { file: file ?? program, arguments: [...first, ...words], env: quietly, stdin: agent.prompt || 'Begin.' };
}

const alwaysGiven = ['-p', '--output-format', 'stream-json', '--verbose'];

/** Nothing goes out but the model's requests, and the program stays the one of the image. */
const quietly = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1' };

function wordsOf({ systemPrompt, model, permissionMode, maxTurns, sessionId }: ClaudeCodeAgent): string[] {
  const told = systemPrompt === undefined ? howToAsk : `${systemPrompt}\n\n${howToAsk}`;
  return [
    ...['--append-system-prompt', told],
    // A question must be possible also for an agent that may write nothing else.
    ...(permissionMode === 'bypass' ? ['--dangerously-skip-permissions'] : ['--allowedTools', 'Edit(.agora/**)']),
    ...(model === undefined ? [] : ['--model', models[model] ?? model]),
    ...(maxTurns === undefined ? [] : ['--max-turns', String(maxTurns)]),
    // One word: an agent may have forged its session, and a word of its own would be read as an option.
    ...(sessionId === undefined ? [] : [`--resume=${sessionId}`]),
  ];
}

function promptProblem(agent: TaskAgent): RuntimeFailure | undefined {
  const bytes = new TextEncoder().encode(claudeCodeAgent(agent).systemPrompt ?? '').length;
  if (bytes <= longestSystemPromptBytes) return undefined;
  const message = `Its systemPrompt takes ${bytes} bytes; Claude Code can be given ${longestSystemPromptBytes}: put the rest into promptTemplate`;
  return { code: 'refused', message };
}

function claudeCodeAgent(agent: TaskAgent): ClaudeCodeAgent {
  if (agent.runtime === 'claude-code') return agent;
  throw new TypeError(`Cannot drive runtime "${agent.runtime}" with Claude Code`);
}
