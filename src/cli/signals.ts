import { exitCodes } from '../contracts/errors.ts';

export interface Signals {
  readonly stop: AbortSignal;
  readonly force: AbortSignal;
  /** Has SIGHUP do this instead of being a `stop`, where a command owns its signals. */
  readonly onHangUp: (act: () => void) => void;
}

/** One press of Ctrl-C may arrive twice, from the terminal and passed on by npm. */
const sameInterruptMs = 300;

/**
 * Turns SIGINT, SIGTERM and SIGHUP into `stop`, a later one into `force`. A command that does not own its signals ends
 * at once instead.
 */
export function listenForSignals(isOwned: boolean): Signals {
  const stop = new AbortController();
  const force = new AbortController();
  if (!isOwned) {
    process.on('SIGINT', () => process.exit(exitCodes.interrupted));
    return { stop: stop.signal, force: force.signal, onHangUp: () => {} };
  }
  let firstAt = 0;
  const end = (name: NodeJS.Signals) => {
    if (!stop.signal.aborted) {
      firstAt = Date.now();
      stop.abort(name);
    } else if (Date.now() - firstAt > sameInterruptMs) {
      force.abort(name);
    }
  };
  let hungUp = () => end('SIGHUP');
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => end(name));
  process.on('SIGHUP', () => hungUp());
  const onHangUp = (act: () => void) => {
    hungUp = act;
  };
  return { stop: stop.signal, force: force.signal, onHangUp };
}
