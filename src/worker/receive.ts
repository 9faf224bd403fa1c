import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { AppError } from '../contracts/errors.ts';
import { isProcessText } from '../contracts/nul-character.ts';
import type { TaskSpec } from '../contracts/task.ts';

const parts = ['dispatchId', 'agent', 'blocks', 'env', 'limits', 'network', 'inputKeys', 'setup'] as const;

/**
 * Reads what the daemon asks for. It has checked it, and runs only a worker of its own build; to load the schema again
 * would take each task longer than to start its supervisor.
 */
export function readTaskSpec(path: string): TaskSpec {
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
  const isTask = typeof value === 'object' && value !== null && parts.every((part) => part in value);
  if (!isTask) throw new AppError('invalid-input', `Cannot read "${path}": not a task`);
  return value as TaskSpec;
}

/** Reads one JSON object of exactly `sizeBytes` from the start of `stdin`, which stays open. */
export async function readSecrets(stdin: Readable, sizeBytes: number): Promise<Record<string, string>> {
  if (sizeBytes === 0) return {};
  const bytes = await readExactly(stdin, sizeBytes);
  return secretsOf(bytes.toString('utf8'));
}

function secretsOf(text: string): Record<string, string> {
  const value = parseSecrets(text);
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isRecord || !Object.values(value).every((secret) => typeof secret === 'string')) {
    throw new AppError('invalid-input', 'Cannot read the secrets on stdin: not an object of texts');
  }
  if (!Object.entries(value).flat().every(isProcessText)) {
    throw new AppError('invalid-input', 'Cannot read the secrets on stdin: they hold a NUL character');
  }
  return value as Record<string, string>;
}

function parseSecrets(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without its cause, whose words show a part of the text.
    throw new AppError('invalid-input', 'Cannot read the secrets on stdin: they are not JSON');
  }
}

function readExactly(stdin: Readable, sizeBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tryRead = (): void => {
      const bytes: Buffer | null = stdin.read(sizeBytes);
      if (bytes === null) return;
      stop();
      if (bytes.length === sizeBytes) resolve(bytes);
      else reject(endedEarly(bytes.length, sizeBytes));
    };
    const onEnd = (): void => {
      stop();
      reject(endedEarly(0, sizeBytes));
    };
    const stop = (): void => {
      stdin.off('readable', tryRead).off('end', onEnd).off('error', onEnd);
    };
    stdin.on('readable', tryRead).on('end', onEnd).on('error', onEnd);
    tryRead();
  });
}

function endedEarly(gotBytes: number, sizeBytes: number): AppError {
  return new AppError(
    'invalid-input',
    `Cannot read the secrets on stdin: it ended after ${gotBytes} of ${sizeBytes} bytes`,
  );
}
