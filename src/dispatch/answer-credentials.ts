import { AppError } from '../contracts/errors.ts';
import type { Answer } from '../contracts/question.ts';
import { findCredentials } from '../registry/credential-scan.ts';

/** That an answer looks like a credential, and where; undefined for any other. */
export function credentialIn(answer: Answer['answer']): string | undefined {
  const [first] = findCredentials(answer, 'the answer');
  return first && `${first.place} looks like ${first.kind}`;
}

/** Raises `refused` for an answer that looks like a credential: whoever asked finds it in a file, and it is recorded. */
export function refuseCredentialAnswer(answer: Answer['answer']): void {
  const state = credentialIn(answer);
  if (state === undefined) return;
  throw new AppError('refused', `Cannot answer: ${state}`, {
    next: 'An answer is recorded in clear: do the work again, with the credential as a secret of an env.',
  });
}
