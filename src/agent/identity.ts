import { createHmac, createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fingerprintOf, type KeyKind, makePrivateKey, publicKeyText } from '../base/fleet-keys.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError } from '../contracts/errors.ts';
import type { AgentState, StateName } from './agent-state.ts';

const machineIdFiles = ['/etc/machine-id', '/var/lib/dbus/machine-id'];
/** So that the machine id itself, which other programs take as secret, is told to nobody. */
const applicationKey = 'agora host agent v1';

export interface KeyPair {
  /** Ed25519: proves who asks. */
  readonly identity: KeyObject;
  /** X25519: secrets are sealed to it. */
  readonly sealing: KeyObject;
}

/** An agent's keys, made the first time. */
export class Identity {
  readonly #state: AgentState;
  #keys: KeyPair;
  #next: KeyPair | undefined;
  #previousSealing: KeyObject | undefined;

  private constructor(state: AgentState, keys: KeyPair) {
    this.#state = state;
    this.#keys = keys;
  }

  static async load(state: AgentState): Promise<Identity> {
    // The identity last: once it is there, the other is as well.
    const sealing = await ownKey(state, 'sealing.pem', 'x25519');
    const identity = new Identity(state, { sealing, identity: await ownKey(state, 'identity.pem', 'ed25519') });
    identity.#next = await nextKeys(state);
    identity.#previousSealing = await storedKey(state, 'sealing-previous.pem', 'x25519');
    return identity;
  }

  get keys(): KeyPair {
    return this.#keys;
  }

  get fingerprint(): string {
    return fingerprintOf(publicKeyText(this.#keys.identity));
  }

  /** Keys that shall take the place of these, and that a server may know already. */
  get next(): KeyPair | undefined {
    return this.#next;
  }

  /** Those that open what was sealed, the newest first: a target that is kept may be older than a rotation. */
  get sealingKeys(): readonly KeyObject[] {
    return [this.#keys.sealing, ...(this.#previousSealing === undefined ? [] : [this.#previousSealing])];
  }

  /** Makes the keys to register with; they are kept before a server hears of them. */
  async makeNext(): Promise<void> {
    if (this.#next !== undefined) return;
    const next = { sealing: makePrivateKey('x25519'), identity: makePrivateKey('ed25519') };
    await this.#state.write('sealing-next.pem', pemOf(next.sealing));
    await this.#state.write('identity-next.pem', pemOf(next.identity));
    this.#next = next;
  }

  /** The server took the next keys. A crash in between leaves them as next, which the server then knows. */
  async takeNext(): Promise<void> {
    const next = this.#next;
    if (next === undefined) return;
    await this.#state.write('sealing-previous.pem', pemOf(this.#keys.sealing));
    await this.#state.write('sealing.pem', pemOf(next.sealing));
    await this.#state.write('identity.pem', pemOf(next.identity));
    await this.#state.remove('identity-next.pem');
    await this.#state.remove('sealing-next.pem');
    this.#previousSealing = this.#keys.sealing;
    this.#keys = next;
    this.#next = undefined;
  }
}

/** Hex: the same for a machine whatever becomes of the agent's state; an identifier, no proof. */
export function registrationTokenOf(machineId: string): string {
  return createHmac('sha256', applicationKey).update(machineId.trim()).digest('hex');
}

/** Of this machine, where it has one. */
export async function readMachineId(files: readonly string[] = machineIdFiles): Promise<string | undefined> {
  for (const file of files) {
    const text = (await undefinedIfMissing(readFile(file, 'utf8')))?.trim();
    if (text !== undefined && /^[0-9a-f]{32}$/i.test(text)) return text;
  }
  return undefined;
}

/** One of our own, for a machine that has none. */
export async function ownMachineId(state: AgentState): Promise<string> {
  const known = await state.read('machine-id');
  if (known !== undefined) return known;
  const made = randomBytes(16).toString('hex');
  await state.write('machine-id', made);
  return made;
}

async function ownKey(state: AgentState, name: StateName, kind: KeyKind): Promise<KeyObject> {
  const known = await storedKey(state, name, kind);
  if (known !== undefined) return known;
  const made = makePrivateKey(kind);
  await state.write(name, pemOf(made));
  return made;
}

async function nextKeys(state: AgentState): Promise<KeyPair | undefined> {
  const identity = await storedKey(state, 'identity-next.pem', 'ed25519');
  const sealing = await storedKey(state, 'sealing-next.pem', 'x25519');
  return identity === undefined || sealing === undefined ? undefined : { identity, sealing };
}

async function storedKey(state: AgentState, name: StateName, kind: KeyKind): Promise<KeyObject | undefined> {
  const pem = await state.read(name);
  if (pem === undefined) return undefined;
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === kind) return key;
  } catch (cause) {
    throw unusable(state, name, cause);
  }
  throw unusable(state, name);
}

function unusable(state: AgentState, name: StateName, cause?: unknown): AppError {
  return new AppError('state-corrupt', `Cannot use "${name}" in ${state.place}: it is not such a key`, {
    cause,
    next: 'Restore it from a backup, or remove identity.pem and sealing.pem: then this is a new host, to be approved.',
  });
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
