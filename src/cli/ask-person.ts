import { AppError } from '../contracts/errors.ts';
import type { CommandContext } from './command.ts';

const keys = { enter: [0x0a, 0x0d], interrupt: 0x03, endOfInput: 0x04, erase: [0x08, 0x7f] } as const;
const mostBytes = 8_192;

/** One line from standard input; on a terminal it is asked for and what is typed is not shown. */
export async function askSecret(question: string, { stdin, stderr }: CommandContext): Promise<string> {
  if (!process.stdin.isTTY) return firstLine(stdin);
  // First: what comes as soon as it is asked must not be shown either.
  process.stdin.setRawMode(true);
  try {
    await stderr.write(question);
    return await typedLine(stdin);
  } finally {
    process.stdin.setRawMode(false);
    await stderr.write('\n');
  }
}

/** What a person types on the terminal, on one line; undefined where there is none. */
export async function askLine(question: string, { stdin, stderr }: CommandContext): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  await stderr.write(question);
  return firstLine(stdin);
}

async function firstLine(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of stdin) {
    sizeBytes += chunk.length;
    if (sizeBytes > mostBytes)
      throw new AppError('usage', `Cannot read standard input: it is more than ${mostBytes} bytes`);
    parts.push(chunk);
    if (chunk.includes(0x0a)) break;
  }
  const [line = ''] = Buffer.concat(parts).toString('utf8').split('\n');
  return line.trim();
}

async function typedLine(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const typed: number[] = [];
  for await (const chunk of stdin) {
    for (const key of chunk) {
      if (key === keys.interrupt) throw new AppError('interrupted', 'Stopped asking');
      if (key === keys.endOfInput || keys.enter.some((each) => each === key))
        return Buffer.from(typed).toString('utf8').trim();
      if (keys.erase.some((each) => each === key)) typed.pop();
      else if (typed.length < mostBytes) typed.push(key);
    }
  }
  return Buffer.from(typed).toString('utf8').trim();
}
