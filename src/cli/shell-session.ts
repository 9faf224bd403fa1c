import { randomBytes } from 'node:crypto';
import { Redactor } from '../base/redact.ts';
import type { AgoraClient } from '../client/client.ts';
import type { Shell, TaskHandle } from '../compute/compute.ts';
import type { DispatchRecord, DispatchShell } from '../contracts/dispatch.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { Digest, DispatchId } from '../contracts/ids.ts';
import { isEnded } from '../dispatch/ending.ts';
import { removeShell, requireRecord, writeShell } from '../dispatch/records.ts';
import { resolveSecrets } from '../dispatch/resolve-secrets.ts';
import { findWorker } from '../dispatch/settle.ts';
import { resolveEnv } from '../registry/envs.ts';
import { ShellRecording } from './shell-recording.ts';

export interface SessionOptions {
  readonly actor: string;
  readonly columns: number;
  readonly rows: number;
  /** Gives up opening; leaves the shell once it is open. */
  readonly signal: AbortSignal;
}

/** A shell in a dispatch's worktree, with the records that say who had it and what was seen. */
export interface ShellSession {
  readonly shell: Shell;
  readonly recording: ShellRecording;
  /** Secrets that could not be looked up and are therefore not blacked out, by variable. */
  readonly unknownSecrets: readonly string[];
  /** Writes that it is over, and gives the recording. */
  finish(): Promise<Digest>;
}

/** Records the shell and opens it; what cannot be recorded is not opened. */
export async function openSession(
  client: AgoraClient,
  dispatchId: DispatchId,
  { actor, columns, rows, signal }: SessionOptions,
): Promise<ShellSession> {
  const record = await requireRecord(client, dispatchId);
  const compute = client.computeOf(record.work.target);
  if (compute.shell === undefined)
    throw new AppError('refused', `Cannot open a shell into "${dispatchId}": its compute provider has no way in`, {
      next: `Read along instead: agora dispatch logs ${dispatchId} -f`,
    });
  const handle = await runningWorker(client, record);
  const { redactor, unknownSecrets } = await redactorOf(client, record);

  const startedAt = new Date();
  const id = randomBytes(4).toString('hex');
  const opened: DispatchShell = { dispatchId, id, actor, openedAt: startedAt.toISOString() };
  await writeShell(client, opened);
  const close = (rest: Partial<DispatchShell>) =>
    writeShell(client, { ...opened, closedAt: new Date().toISOString(), ...rest });
  let shell: Shell;
  try {
    const note = { name: `${id}.json`, text: `${JSON.stringify(opened)}\n` };
    shell = await compute.shell(handle, { columns, rows, note, signal });
  } catch (error) {
    // Refused, nobody was inside; otherwise that cannot be ruled out.
    await (isAppError(error, 'refused') ? removeShell(client, opened) : close({}));
    if (signal.aborted) throw new AppError('interrupted', `Stopped opening a shell into "${dispatchId}"`);
    throw error;
  }
  const recording = new ShellRecording({ storage: client.storage, redactor, columns, rows, startedAt });
  const finish = async () => {
    try {
      const digest = await recording.end();
      await close({ recording: digest });
      return digest;
    } catch (error) {
      await close({});
      throw error;
    }
  };
  return { shell, recording, unknownSecrets, finish };
}

async function runningWorker(client: AgoraClient, record: DispatchRecord): Promise<TaskHandle> {
  const { dispatchId, status } = record;
  const handle = isEnded(record) ? undefined : await findWorker(client.computeOf(record.work.target), record);
  if (handle !== undefined) return handle;
  const state = isEnded(record) ? `it is ${status}` : 'its worker is not there yet';
  throw new AppError('not-ready', `Cannot open a shell into "${dispatchId}": ${state}`, {
    next: `agora dispatch describe ${dispatchId}`,
  });
}

/** Blacks out every secret of the dispatch that this process can look up. */
async function redactorOf(
  client: AgoraClient,
  { work, resolved }: DispatchRecord,
): Promise<{ redactor: Redactor; unknownSecrets: string[] }> {
  const refs: Record<string, string> = {};
  for (const { name, digest } of resolved.env) {
    const { env } = await resolveEnv(client.storage, client.namespace, `${name}@${digest}`);
    Object.assign(refs, env.secrets);
  }
  Object.assign(refs, work.secrets);
  const values: Record<string, string> = {};
  const unknownSecrets: string[] = [];
  for (const [variable, ref] of Object.entries(refs)) {
    try {
      Object.assign(values, await resolveSecrets(client.secrets, { [variable]: ref }));
    } catch (error) {
      if (!isAppError(error)) throw error;
      unknownSecrets.push(variable);
    }
  }
  return { redactor: new Redactor(values), unknownSecrets };
}
