import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { explainS3Error, isWorthAnotherTry } from './s3-errors.ts';

const question = { what: 'read x', place: 's3://b/', permissions: ['s3:PutObject', 's3:GetObject'] };

/** As the SDK makes one of an answer, or of a connection. */
function sdkError(name: string, { status, attempts = 1, code }: { status?: number; attempts?: number; code?: string }) {
  const $metadata = { ...(status !== undefined && { httpStatusCode: status }), attempts };
  return Object.assign(new Error(name), { name, $metadata, ...(code !== undefined && { code }) });
}

test('a failure says whose it is, and whether to ask again', () => {
  const cases = [
    sdkError('NoSuchBucket', { status: 404 }),
    sdkError('AccessDenied', { status: 403 }),
    sdkError('Forbidden', { status: 403 }),
    sdkError('EntityTooLarge', { status: 400 }),
    sdkError('BadDigest', { status: 400 }),
    sdkError('XAmzContentSHA256Mismatch', { status: 400, attempts: 2 }),
    sdkError('SlowDown', { status: 503, attempts: 5 }),
    sdkError('InternalError', { status: 500, attempts: 5 }),
    sdkError('Error', { attempts: 5, code: 'ECONNREFUSED' }),
    sdkError('Error', { code: 'ECONNRESET' }),
    sdkError('QuotaExceeded', { status: 403 }),
    new Error('Region is missing'),
    new RangeError('out of range'),
    new ReferenceError('out of scope'),
    Object.assign(new TypeError('a damaged date'), { $metadata: { httpStatusCode: 200 } }),
    Object.assign(new TypeError('a damaged answer'), { $response: {} }),
    sdkError('Unknown', { status: 301 }),
    sdkError('TemporaryRedirect', { status: 307 }),
    sdkError('AuthorizationHeaderMalformed', { status: 400 }),
  ].map((cause) => [cause.message, explainS3Error(question, cause).code, isWorthAnotherTry(cause)]);

  assert.deepEqual(cases, [
    ['NoSuchBucket', 'not-found', false],
    ['AccessDenied', 'refused', false],
    ['Forbidden', 'refused', false],
    ['EntityTooLarge', 'refused', false],
    ['BadDigest', 'unreachable', true],
    ['XAmzContentSHA256Mismatch', 'unreachable', true],
    ['SlowDown', 'unreachable', false],
    ['InternalError', 'unreachable', false],
    ['Error', 'unreachable', false],
    ['Error', 'unreachable', true],
    ['QuotaExceeded', 'disk-full', false],
    ['Region is missing', 'refused', false],
    ['out of range', 'internal', false],
    ['out of scope', 'internal', false],
    ['a damaged date', 'unreachable', true],
    ['a damaged answer', 'unreachable', true],
    ['Unknown', 'refused', false],
    ['TemporaryRedirect', 'refused', false],
    ['AuthorizationHeaderMalformed', 'refused', false],
  ]);
});

test('a failure of our own stays what it is', () => {
  const own = new AppError('limit-exceeded', 'Cannot read x: it is too large');

  assert.equal(explainS3Error(question, own), own);
  assert.equal(isWorthAnotherTry(own), false);
});

test('who is denied is told what has to be allowed', () => {
  const { next } = explainS3Error(question, sdkError('AccessDenied', { status: 403 }));

  assert.equal(next, 'Allow s3:PutObject, s3:GetObject on it for who runs this process.');
});
