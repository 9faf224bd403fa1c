import { randomBytes } from 'node:crypto';
import { canonicalize } from '../base/canonical-json.ts';
import { isSignedBy, publicKeyText, signText } from '../base/fleet-keys.ts';
import { agentProtocol, type RegisterReply, type Registration } from '../contracts/agent-wire.ts';
import { AppError } from '../contracts/errors.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import type { KeyPair } from './identity.ts';

/** What a server said who it is. */
export interface Greeting {
  readonly serverKey: string;
  readonly challenge: string;
}

/** Asks who is there; the answer is proved by the key that it names. */
export async function greet(client: ServerClient, signal: AbortSignal): Promise<Greeting> {
  const nonce = makeNonce();
  const reply = await client.call('hello', { body: { protocol: agentProtocol, nonce } }, { signal });
  const { serverKey, challenge, signature, protocol } = reply;
  if (protocol !== agentProtocol) {
    const state = `it speaks protocol ${protocol}, this agent ${agentProtocol}`;
    throw new AppError('invalid-input', `Cannot talk to the server "${client.url}": ${state}`, {
      next: 'Use an agent of the release of the server.',
    });
  }
  if (!isSignedBy(serverKey, canonicalize({ nonce, challenge }), signature)) {
    throw new AppError('no-trust', `Cannot trust the server "${client.url}": it did not prove the key it names`);
  }
  return { serverKey, challenge };
}

export interface Applicant {
  readonly keys: KeyPair;
  /** Keys that shall take the place of these: the registration is theirs, and these vouch for them. */
  readonly next: KeyPair | undefined;
  readonly registrationToken: string;
  readonly name: string;
  readonly instanceId: string;
  readonly joinToken: string | undefined;
  readonly facts: Registration['facts'];
}

/** Registers with the server that greeted. */
export async function register(
  client: ServerClient,
  { serverKey, challenge }: Greeting,
  { applicant, signal }: { readonly applicant: Applicant; readonly signal: AbortSignal },
): Promise<RegisterReply> {
  const { keys, next, joinToken, registrationToken, name, instanceId, facts } = applicant;
  const { identity, sealing } = next ?? keys;
  const publicKey = publicKeyText(identity);
  const registration: Registration = {
    protocol: agentProtocol,
    challenge,
    publicKey,
    sealingKey: publicKeyText(sealing),
    registrationToken,
    name,
    instanceId,
    ...(joinToken !== undefined && { joinToken }),
    ...(next !== undefined && { previous: vouch(keys, { publicKey, challenge }) }),
    facts,
  };
  const signature = signText(identity, canonicalize({ registration, serverKey }));
  return await client.call('register', { body: { registration, signature } }, { signal });
}

export function makeNonce(): string {
  return randomBytes(32).toString('base64url');
}

function vouch({ identity }: KeyPair, forNext: { readonly publicKey: string; readonly challenge: string }) {
  return { publicKey: publicKeyText(identity), signature: signText(identity, canonicalize(forNext)) };
}
