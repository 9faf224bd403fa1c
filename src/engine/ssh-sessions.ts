import { withDeadline } from '../base/deadline.ts';
import { openConnection, type SshConnection, type SshShell } from './ssh-connection.ts';
import type { SshTarget } from './ssh-target.ts';

/** A server takes ten on a login, unless it is told otherwise; some are left for questions. */
const mostOnOne = 8;
const loginMs = 45_000;

/** A place for one command on a login. */
export interface SshSession {
  readonly shell: SshShell;
  leave(): void;
}

interface Room {
  readonly shell: SshShell;
  readonly places: number;
  taken: number;
}

/** Places for commands that run side by side. Further logins begin one by one: a server takes few at once. */
export class SshSessions {
  readonly #target: SshTarget;
  readonly #rooms: Room[];
  readonly #logins = new Set<SshConnection>();
  #opening: Promise<void> | undefined;
  #isClosed = false;

  /** A login of ours gets company when it is full; with one that is somebody else's, ssh itself sees to that. */
  constructor(first: SshShell, places = mostOnOne) {
    this.#target = first.target;
    this.#rooms = [{ shell: first, places, taken: 0 }];
  }

  /** Raises why there is no place. */
  async enter(): Promise<SshSession> {
    for (;;) {
      const room = this.#rooms.find(({ taken, places }) => taken < places);
      if (room === undefined) {
        this.#opening ??= this.#open();
        await this.#opening;
        continue;
      }
      room.taken++;
      return { shell: room.shell, leave: () => void room.taken-- };
    }
  }

  /** Ends the further logins; the first is its owner's. */
  close(): void {
    this.#isClosed = true;
    for (const login of this.#logins) login.close();
  }

  async #open(): Promise<void> {
    try {
      const login = await openConnection(this.#target, withDeadline(loginMs));
      const room = { shell: login, places: mostOnOne, taken: 0 };
      this.#logins.add(login);
      this.#rooms.push(room);
      void login.ended.then(() => {
        this.#logins.delete(login);
        this.#rooms.splice(this.#rooms.indexOf(room), 1);
      });
      if (this.#isClosed) login.close();
    } finally {
      this.#opening = undefined;
    }
  }
}
