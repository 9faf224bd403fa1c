import { join } from 'node:path';
import { writeFileAtomically } from '../base/atomic-file.ts';
import { outNames } from '../contracts/names.ts';
import { type TaskResult, taskResultSchema } from '../contracts/task.ts';

/** Leaves the result as the last file of `out`: where it is, everything else is whole. */
export async function writeResult(out: string, result: TaskResult): Promise<void> {
  const text = `${JSON.stringify(taskResultSchema.parse(result))}\n`;
  await writeFileAtomically(join(out, outNames.result), text, { durable: false });
}
