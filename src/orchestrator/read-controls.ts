import { type Control, controlSchema } from '../contracts/mailbox.ts';
import { questionBytes } from '../contracts/question.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { damaged, readMessage } from './read-message.ts';

/** An answer may be as long as a question. */
const mostControlBytes = questionBytes + 64 * 1024;

export interface ControlMessage {
  readonly key: string;
  readonly control: Control;
}

/** The control messages of these keys in the order they were sent; those that are none are dropped. */
export async function readControls(
  mailbox: Mailbox,
  keys: readonly string[],
  onLine: (line: string) => void,
): Promise<ControlMessage[]> {
  const messages: ControlMessage[] = [];
  for (const key of keys) {
    const size = (await mailbox.size(key)) ?? 0;
    const text = size > mostControlBytes ? undefined : await readMessage(mailbox, key);
    const parsed = controlSchema.safeParse(text === damaged ? undefined : parseOrUndefined(text));
    if (parsed.success) {
      messages.push({ key, control: parsed.data });
      continue;
    }
    onLine(`control message "${key}": dropped, it does not have the expected form`);
    await mailbox.delete(key);
  }
  return messages.sort((left, right) => Date.parse(left.control.at) - Date.parse(right.control.at));
}

function parseOrUndefined(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    // The caller drops what has no form.
    return undefined;
  }
}
