import { AppError } from '../contracts/errors.ts';
import type { Answer } from '../contracts/question.ts';
import { findCredentials } from '../registry/credential-scan.ts';

/** Raises `refused` for an answer that looks like a credential: whoever asked finds it in a file, and it is recorded. */
export function refuseCredentialAnswer(answer: Answer['answer']): void {
  const [first] = findCredentials(answer, 'the answer');
  if (first === undefined) return;
  throw new AppError('refused', `Cannot answer: ${first.place} looks like ${first.kind}`, {
    next: 'An answer is recorded in clear: do the work again, with the credential as a secret of an env.',
  });
}
