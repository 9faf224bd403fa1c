import { shellWord } from '../base/shell-word.ts';
import type { SessionSpec } from '../contracts/session-wire.ts';

const mostCharacters = 1_000;

/** What a session is with, in a few words: nothing in them is the value of a variable. */
export function whatOf(spec: SessionSpec): string {
  switch (spec.kind) {
    case 'exec':
      return cut(spec.command.map(shellWord).join(' '));
    case 'logs':
      return spec.source.of === 'build' ? `build ${spec.source.id}` : spec.source.of;
    case 'proxy':
      return `port ${spec.port}`;
    case 'copy-out':
    case 'copy-in':
      return cut(spec.path);
    case 'attach':
      return 'its main process';
    case 'join':
      return spec.sessionId;
  }
}

export function workspaceOf(spec: SessionSpec): string | undefined {
  if ('workspace' in spec) return spec.workspace;
  return spec.kind === 'logs' && spec.source.of === 'workspace' ? spec.source.name : undefined;
}

/** Of its environment only the names: the values may be secrets. */
export function namesOfEnv(spec: SessionSpec): readonly string[] | undefined {
  if (spec.kind !== 'exec' || spec.env.length === 0) return undefined;
  return spec.env.map((line) => line.split('=', 1)[0] ?? '');
}

function cut(text: string): string {
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters - 1)}…`;
}
