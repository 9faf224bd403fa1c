import type { EngineProgram, SessionBytes } from './host-sessions.ts';

/** All that is said, by channel. */
export async function collect(parts: AsyncIterable<SessionBytes>): Promise<{ output: string; error: string }> {
  const all = { output: [] as Uint8Array[], error: [] as Uint8Array[] };
  for await (const { channel, bytes } of parts) all[channel].push(bytes);
  return { output: Buffer.concat(all.output).toString(), error: Buffer.concat(all.error).toString() };
}

/** What is on the screen so far. */
export function follow(program: EngineProgram): () => string {
  let text = '';
  void (async () => {
    for await (const { bytes } of program.output) text += Buffer.from(bytes);
  })().catch(() => undefined);
  return () => text;
}
