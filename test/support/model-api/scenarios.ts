/** What a script looks at of a request for a message. */
export interface ModelRequest {
  readonly model: string;
  readonly isStreamed: boolean;
  /** The system prompt. */
  readonly told: string;
  /** What the user said, in this session and before it was resumed; tool results left out. */
  readonly said: string;
  /** Results of tools, oldest first. */
  readonly results: readonly string[];
}

/** What the stub does with one request. */
export type ModelAnswer =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tool'; readonly name: string; readonly input: Readonly<Record<string, unknown>> }
  | { readonly kind: 'error'; readonly status: number; readonly type: string; readonly message: string }
  | { readonly kind: 'silence' };

const workspace = '/workspace';

/** What the model answers, by the first part of the request's path. Each looks at nothing but the request. */
export const scenarios: Readonly<Record<string, (request: ModelRequest) => ModelAnswer>> = {
  /** Reads the file that the prompt names, renames OLD_NAME in it, and ends. */
  edit: ({ said, results }) => {
    const path = `${workspace}/${/[\w./-]+\.(?:ts|txt)\b/.exec(said)?.[0] ?? 'a.txt'}`;
    if (results.length === 0) return tool('Read', { file_path: path });
    if (results.length > 1) return text(`Edit: ${results[1]}`);
    return tool('Edit', { file_path: path, old_string: 'OLD_NAME', new_string: 'NEW_NAME', replace_all: true });
  },
  /** Says hello when its system prompt wants that. */
  greet: ({ told }) => text(told.includes('Say hi') ? 'Hi.' : 'Nobody wants me to say hi.'),
  /** Runs a command that shows everything a subagent can see of its keys, and tells what it printed. */
  shell: ({ results }) =>
    results[0] === undefined
      ? tool('Bash', { command: 'env | tee env.txt; env | base64 -w0', description: 'Looks around' })
      : text(`It printed: ${results[0]}`),
  /** Never comes to an end. */
  endless: ({ results }) => tool('Read', { file_path: `${workspace}/a.txt`, offset: results.length + 1 }),
  /** Asks for a colour, and paints with the answer. */
  ask: ({ said, results }) => {
    const hasAsked = results.some((result) => result.includes('needs_input.json'));
    if (!said.includes('The answer:')) {
      const question = { question: 'Which colour?', options: ['red', 'blue'], partial_state: { step: 1 } };
      return hasAsked ? text('I asked.') : write('.agora/needs_input.json', JSON.stringify(question));
    }
    const answer = /"answer":\s*"(\w+)"/.exec(results.join('\n'))?.[1];
    if (answer === undefined) return tool('Read', { file_path: `${workspace}/.agora/answer.json` });
    if (results.some((result) => result.includes('colour.txt'))) return text(`It is ${answer}.`);
    return write('colour.txt', `${answer}, ${hasAsked ? 'and I remember asking' : 'whoever asked'}\n`);
  },
  unauthorized: () => error(401, 'authentication_error', 'invalid x-api-key'),
  forbidden: () => error(403, 'permission_error', 'Your account does not have access'),
  limited: () => error(429, 'rate_limit_error', 'This request would exceed your rate limit'),
  overloaded: () => error(529, 'overloaded_error', 'Overloaded'),
  broken: () => error(500, 'api_error', 'Internal server error'),
  slow: () => ({ kind: 'silence' }),
};

function text(said: string): ModelAnswer {
  return { kind: 'text', text: said };
}

function tool(name: string, input: Readonly<Record<string, unknown>>): ModelAnswer {
  return { kind: 'tool', name, input };
}

function write(path: string, content: string): ModelAnswer {
  return tool('Write', { file_path: `${workspace}/${path}`, content });
}

function error(status: number, type: string, message: string): ModelAnswer {
  return { kind: 'error', status, type, message };
}
