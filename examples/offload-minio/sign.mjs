// Signs an edit with the secret that every worker of this example gets as SIGNING_KEY.
import { createHmac } from 'node:crypto';

export function signatureOf(text) {
  const key = process.env.SIGNING_KEY;
  if (!key) throw new Error('Cannot sign: SIGNING_KEY is not set; the env "fanout" brings it');
  return createHmac('sha256', key).update(text).digest('hex');
}
