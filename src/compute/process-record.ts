import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { writeFileAtomically } from '../base/atomic-file.ts';
import type { ProcessIdentity } from '../base/process-identity.ts';

const recordSchema = z.object({
  supervisor: z.object({ pid: z.int().positive(), startTicks: z.string() }),
  /** The subagent's user, when it has one of its own. */
  uid: z.int().positive().optional(),
});

/** What a later daemon must know to end a task that this one left behind. */
export interface TaskRecord {
  readonly supervisor: ProcessIdentity;
  readonly uid?: number | undefined;
}

export async function writeTaskRecord(path: string, record: TaskRecord): Promise<void> {
  await writeFileAtomically(path, JSON.stringify(record), { durable: false });
}

/** Undefined when the task was not started, or its record is not whole. */
export async function readTaskRecord(path: string): Promise<TaskRecord | undefined> {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Then nothing is known of a process, and its pipe has ended it already.
    return undefined;
  }
}
