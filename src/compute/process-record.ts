import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { writeFileAtomically } from '../base/atomic-file.ts';
import type { ProcessIdentity } from '../base/process-identity.ts';
import { deploymentIdSchema, dispatchIdSchema, itemIdSchema, runIdSchema } from '../contracts/ids.ts';
import type { TaskOwner } from '../contracts/task.ts';

const processSchema = z.object({ pid: z.int().positive(), startTicks: z.string() });

const recordSchema = z.object({
  starter: processSchema,
  dispatchId: dispatchIdSchema,
  owner: z.object({
    deploymentId: deploymentIdSchema,
    runId: runIdSchema.exactOptional(),
    itemId: itemIdSchema.exactOptional(),
    attempt: z.int().positive().exactOptional(),
  }),
  image: z.string(),
  supervisor: processSchema.exactOptional(),
  uid: z.int().positive().exactOptional(),
});

/** What other processes must know of a task: to find it, and to end it once the one that started it is gone. */
export interface TaskRecord {
  /** The process that started it. With that it ends. */
  readonly starter: ProcessIdentity;
  readonly dispatchId: z.infer<typeof dispatchIdSchema>;
  readonly owner: TaskOwner;
  readonly image: string;
  /** Absent until it runs. */
  readonly supervisor?: ProcessIdentity;
  /** The subagent's user, when it has one of its own. */
  readonly uid?: number;
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
