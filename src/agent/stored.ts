import * as z from 'zod';
import { admissionSchema, hostSettingsSchema } from '../contracts/fleet.ts';
import { hostIdSchema, hostNameSchema, publicKeySchema } from '../contracts/fleet-ids.ts';
import type { AgentState, StateName } from './agent-state.ts';

/** The server that an agent belongs to, by its key. */
export const knownServerSchema = z.object({ url: z.string(), key: publicKeySchema });
export type KnownServer = z.infer<typeof knownServerSchema>;

/** What the server last said of this host. */
export const knownHostSchema = z.object({
  hostId: hostIdSchema,
  name: hostNameSchema,
  admission: admissionSchema,
  settings: hostSettingsSchema,
});
export type KnownHost = z.infer<typeof knownHostSchema>;

/** A text of the state as its schema has it; undefined where there is none, or one of another release that cannot be read. */
export async function readStored<T>(state: AgentState, name: StateName, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await state.read(name);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined; // As if it were not there: the server and the engine tell it again.
  }
}
