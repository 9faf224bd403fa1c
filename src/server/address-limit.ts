import { isIPv6 } from 'node:net';

export interface AddressLimitOptions {
  /** How many at once. */
  readonly burst: number;
  /** How many are given back each second. */
  readonly perSecond: number;
  /** Told when an address has used up all of its own, and not again before it has all of it back. */
  readonly onUsedUp?: (address: string) => void;
  /** Of how many addresses it is remembered: those that did something last. Default: 10000. */
  readonly mostAddresses?: number;
}

interface Bucket {
  readonly left: number;
  readonly at: number;
  readonly isTold: boolean;
}

const defaults = { mostAddresses: 10_000 };

/** How often each address may do something. What is forgotten of one is forgotten in its favour. */
export class AddressLimit {
  readonly #options: AddressLimitOptions & typeof defaults;
  /** The one that did something last is the last. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: AddressLimitOptions) {
    this.#options = { ...defaults, ...options };
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one, and gives 0; or the seconds until there is one again. `now` in milliseconds. */
  take(address: string, now: number): number {
    const { burst, perSecond, onUsedUp, mostAddresses } = this.#options;
    const key = networkOf(address);
    const before = this.#buckets.get(key);
    const grown = before === undefined ? burst : before.left + (Math.max(0, now - before.at) / 1000) * perSecond;
    const isWhole = grown >= burst;
    const left = Math.min(burst, grown);
    const isTaken = left >= 1;
    if (!isTaken && before?.isTold !== true) onUsedUp?.(address);
    this.#buckets.delete(key);
    this.#buckets.set(key, {
      left: isTaken ? left - 1 : left,
      at: now,
      isTold: !isTaken || (before?.isTold === true && !isWhole),
    });
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > mostAddresses && oldest !== undefined) this.#buckets.delete(oldest);
    return isTaken ? 0 : Math.max(1, Math.ceil((1 - left) / perSecond));
  }
}

/** Who has one address of IPv6 has all of its /64. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  const all = [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...(tail?.split(':') ?? [])];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group || '0', 16).toString(16))
    .join(':');
}
