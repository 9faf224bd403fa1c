import { FrameLink, type FrameLinkOptions, type FramePort } from './frame-link.ts';

export type LinkEnd = Omit<FrameLinkOptions, 'port'>;

/** Both ends of a link within one process. Messages arrive in a later turn, so that `send` never calls back into its caller. */
export function joinedLinks(near: LinkEnd, far: LinkEnd): { readonly near: FrameLink; readonly far: FrameLink } {
  const toFar = new Passage();
  const toNear = new Passage();
  const links = {
    near: new FrameLink({ ...near, port: toFar }),
    far: new FrameLink({ ...far, port: toNear }),
  };
  toFar.leadsTo(links.far);
  toNear.leadsTo(links.near);
  return links;
}

interface Passing {
  readonly message: Uint8Array;
  readonly onSent: () => void;
}

class Passage implements FramePort {
  #link: FrameLink | undefined;
  #passing: Passing[] = [];

  leadsTo(link: FrameLink): void {
    this.#link = link;
  }

  send(message: Uint8Array, onSent: () => void): void {
    this.#passing.push({ message, onSent });
    if (this.#passing.length === 1) setImmediate(() => this.#pass());
  }

  end(_code: number, reason: string): void {
    this.#link?.end({ code: 'internal', message: reason });
  }

  #pass(): void {
    const passing = this.#passing;
    this.#passing = [];
    for (const { message, onSent } of passing) {
      onSent();
      this.#link?.receive(message);
    }
  }
}
