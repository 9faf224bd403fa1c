import { hostname } from 'node:os';
import { isSameProcess, processIdentity } from '../base/process-identity.ts';
import type { DispatchRecord } from '../contracts/dispatch.ts';

export type RecordOwner = DispatchRecord['owner'];

/** Stands for a start that this system does not tell. */
const unknownStart = '';

/** This process, as the one that executes a dispatch. */
export function thisProcess(): RecordOwner {
  return {
    host: hostname(),
    pid: process.pid,
    startTicks: processIdentity(process.pid)?.startTicks ?? unknownStart,
  };
}

/** Whether the process that executes a dispatch still runs; `unknown` when it is on another machine. */
export function ownerState(owner: RecordOwner): 'alive' | 'gone' | 'unknown' {
  if (owner.host !== hostname() || owner.startTicks === unknownStart) return 'unknown';
  return isSameProcess(owner) ? 'alive' : 'gone';
}
