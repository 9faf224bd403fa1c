import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { AppError } from '../contracts/errors.ts';
import { isProcessText } from '../contracts/nul-character.ts';
import { type TaskSpec, taskSpecSchema } from '../contracts/task.ts';

/** Reads and checks what the daemon asks for. */
export async function readTaskSpec(path: string): Promise<TaskSpec> {
  const parsed = taskSpecSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!parsed.success)
    throw new AppError('invalid-input', `Cannot read "${path}": not a task`, { cause: parsed.error });
  return parsed.data;
}

/** Reads one JSON object of exactly `sizeBytes` from the start of `stdin`, which stays open. */
export async function readSecrets(stdin: Readable, sizeBytes: number): Promise<Record<string, string>> {
  if (sizeBytes === 0) return {};
  const bytes = await readExactly(stdin, sizeBytes);
  return secretsOf(JSON.parse(bytes.toString('utf8')));
}

function secretsOf(value: unknown): Record<string, string> {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isRecord || !Object.values(value).every((secret) => typeof secret === 'string')) {
    throw new AppError('invalid-input', 'Cannot read the secrets on stdin: not an object of texts');
  }
  if (!Object.entries(value).flat().every(isProcessText)) {
    throw new AppError('invalid-input', 'Cannot read the secrets on stdin: they hold a NUL character');
  }
  return value as Record<string, string>;
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
