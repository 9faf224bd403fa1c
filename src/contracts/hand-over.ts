/**
 * The first line on stdin of a supervisor in a container, as JSON. Then come a pack of its inputs, if they are few bytes, and
 * its secrets.
 */
export interface HandOver {
  /** 0: the inputs are in `/agora/in` already. */
  readonly packBytes: number;
  readonly secretBytes: number;
  /** Begins the lines in which the supervisor tells its report; base64url, for one report. Never shown to the subagent. */
  readonly reportKey: string;
}

/** A report larger than this is not told but fetched. */
export const reportBytes = 256 * 1024;
