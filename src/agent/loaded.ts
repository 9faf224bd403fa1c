import type { HostEngineInformation } from '../engine/host-engine.ts';
import type { Memory } from '../reconcile/memory.ts';
import type { Contact } from './contact.ts';
import type { HostRecord } from './host-record.ts';
import type { Identity } from './identity.ts';
import type { Progress } from './progress.ts';
import type { SampleQueue } from './sample-queue.ts';
import type { KnownServer } from './stored.ts';

/** What an agent starts from. */
export interface Loaded {
  readonly identity: Identity;
  readonly server: KnownServer | undefined;
  readonly samples: SampleQueue;
  readonly record: HostRecord;
  readonly contact: Contact;
  readonly memory: Memory | undefined;
  readonly progress: Progress | undefined;
  readonly registrationToken: string;
  /** Undefined while the engine does not answer. */
  readonly host: HostEngineInformation | undefined;
}
