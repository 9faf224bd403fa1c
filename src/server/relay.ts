import type { HostLink } from '../contracts/fleet.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import { type Close, type Open, openSchema, type RelayedOpen, sessionLimits } from '../contracts/session-wire.ts';
import { closeOf } from '../session/close-of.ts';
import { deskRefusals } from '../session/desk-refusals.ts';
import { FrameLink, type FramePort } from '../session/frame-link.ts';
import { joinedLinks } from '../session/joined-links.ts';
import type { LinkStream, StreamHandler } from '../session/link-stream.ts';
import { mayUse } from '../session/session-access.ts';
import { Splice } from '../session/splice.ts';
import type { WayToHost } from './agent-sockets.ts';
import type { UserCaller } from './handler.ts';
import type { StoredHost } from './host-store.ts';
import { parseFields } from './parse-fields.ts';
import { hostProblem } from './relay-admission.ts';

export interface RelayOptions {
  /** By name. Raises `not-found`. */
  readonly hostNamed: (name: string) => StoredHost;
  readonly linkOf: (host: StoredHost) => HostLink['link'];
  readonly wayTo: (hostId: HostId) => WayToHost;
  /** The same caller as their token lets them be now; undefined where it is valid no more. */
  readonly callerNow: (tokenId: string) => UserCaller | undefined;
}

/** Where a caller asks from. */
export interface From {
  readonly address: string;
}

interface Relayed {
  readonly caller: UserCaller;
  readonly open: Open;
  readonly splice: Splice;
}

const stopping: Close = { code: 'server-stopping', message: 'the server stops' };
const notValid: Close = {
  code: 'refused',
  message: 'your token was revoked or has expired',
  next: 'Sign in again: agora login <url>',
};

/** Joins what callers open with the hosts that it is for, as far as each may. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #relayed = new Set<Relayed>();
  #isClosed = false;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** The server's end of a caller's link. */
  serve(caller: UserCaller, from: From, port: FramePort): FrameLink {
    return new FrameLink({ port, ...this.#end(caller, from) });
  }

  /** The caller's end of a link within this process. */
  link(caller: UserCaller, from: From): FrameLink {
    return joinedLinks({ mostStreams: sessionLimits.callerStreams }, this.#end(caller, from)).near;
  }

  /** Ends the sessions of those who may not have them any more. */
  checkCallers(): void {
    for (const { caller, open, splice } of this.#relayed) {
      const now = this.#options.callerNow(caller.tokenId);
      if (now === undefined) splice.close(notValid);
      else if (!mayUse(open.session.kind, now.user.role))
        splice.close(deskRefusals.notAllowed(open.session.kind, now.user.role));
    }
  }

  /** Callers come back to the server that follows. */
  close(): void {
    this.#isClosed = true;
    for (const { splice } of this.#relayed) splice.close(stopping);
  }

  #end(caller: UserCaller, from: From) {
    return {
      mostStreams: sessionLimits.callerStreams,
      onOpen: (stream: LinkStream, request: unknown) =>
        this.#opened(stream, request, { tokenId: caller.tokenId, from }),
    };
  }

  #opened(
    stream: LinkStream,
    request: unknown,
    { tokenId }: { readonly tokenId: string; readonly from: From },
  ): StreamHandler | undefined {
    const caller = this.#options.callerNow(tokenId);
    if (this.#isClosed || caller === undefined) {
      stream.close(this.#isClosed ? stopping : notValid);
      return undefined;
    }
    try {
      // By its schema.
      const open = parseFields(openSchema, request, 'what is to be opened') as Open;
      const to = this.#wayFor(caller, open);
      if (!(to instanceof FrameLink)) stream.close(to);
      else return this.#relay(stream, { caller, open, to });
    } catch (error) {
      stream.close(closeOf(error));
    }
    return undefined;
  }

  #wayFor(caller: UserCaller, { session, host: name, resume }: Open): FrameLink | Close {
    const { role } = caller.user;
    if (!mayUse(session.kind, role)) return deskRefusals.notAllowed(session.kind, role);
    if (name === undefined) return { code: 'not-found', message: `Cannot open ${session.kind}: it names no host` };
    const host = this.#options.hostNamed(name);
    const way = this.#options.wayTo(host.hostId);
    const link = this.#options.linkOf(host);
    const problem = hostProblem({ spec: session, isBack: resume !== undefined, host, link, way });
    if (problem !== undefined) return problem;
    return way instanceof FrameLink ? way : { code: 'host-away', message: 'the host has no link to the server' };
  }

  #relay(
    stream: LinkStream,
    { caller, open, to }: { readonly caller: UserCaller; readonly open: Open; readonly to: FrameLink },
  ): StreamHandler {
    const { host: _, ...opening } = open;
    const relayedOpen: RelayedOpen = { ...opening, actor: caller.user.name, role: caller.user.role };
    const splice = new Splice({
      caller: stream,
      windowBytes: open.window,
      resume: open.resume,
      openAgent: (handler) => to.open(relayedOpen, handler),
      onEnd: () => void this.#relayed.delete(relayed),
    });
    const relayed = { caller, open, splice };
    if (!stream.isClosed) this.#relayed.add(relayed);
    return splice.handler;
  }
}
