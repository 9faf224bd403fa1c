import { AppError } from '../contracts/errors.ts';
import { AddressLimit } from './address-limit.ts';

/** Of what proves nothing; whoever proves who they are is never counted, so that nobody is locked out by a neighbour. */
export const defaultLimits = {
  /** Greetings: a fleet behind one address greets all at once when its server was away. */
  hellos: { burst: 10_000, perSecond: 500, what: 'too many greetings came from there' },
  /** Requests without a token or with a wrong one, and registrations that do not hold. */
  failures: { burst: 300, perSecond: 5, what: 'too many requests from there were refused' },
  /** Hosts that nobody has vouched for yet. */
  newcomers: { burst: 1_000, perSecond: 0.2, what: 'too many hosts without a join token came from there' },
} as const;

export type LimitName = keyof typeof defaultLimits;
export type LimitSettings = Readonly<Record<LimitName, { readonly burst: number; readonly perSecond: number }>>;

/** The error to answer with where this is one too many of an address. */
export type OverLimit = (name: LimitName, address: string) => AppError | undefined;

export interface RequestLimitsOptions {
  /** Default: those above. */
  readonly settings?: Partial<LimitSettings> | undefined;
  readonly log: (line: string) => void;
  /** Default: the process's. In milliseconds. */
  readonly now?: () => number;
}

export function requestLimits({ settings, log, now = () => performance.now() }: RequestLimitsOptions): OverLimit {
  const limitOf = (name: LimitName) => {
    const onUsedUp = (address: string) => log(`Requests of ${address} are put off: ${defaultLimits[name].what}`);
    return new AddressLimit({ ...(settings?.[name] ?? defaultLimits[name]), onUsedUp });
  };
  const limits: Readonly<Record<LimitName, AddressLimit>> = {
    hellos: limitOf('hellos'),
    failures: limitOf('failures'),
    newcomers: limitOf('newcomers'),
  };
  return (name, address) => {
    const retryAfterSeconds = limits[name].take(address, now());
    if (retryAfterSeconds === 0) return undefined;
    return new AppError('too-many-requests', `Cannot answer "${address}": ${defaultLimits[name].what}`, {
      next: `Try again in ${retryAfterSeconds} s.`,
      retryAfterSeconds,
    });
  };
}
