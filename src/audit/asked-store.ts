/** Where a command's middleware sees the bare question and answer, refusals too. */
export const atTheConnection = { step: 'deserialize', priority: 'low' } as const;

interface Asked {
  readonly request: unknown;
}
interface Answer {
  readonly response: unknown;
}

/** A service as its answers show it: who was asked, and what time it is there. This machine's may be an hour off. */
export class AskedStore {
  #told: { readonly ms: number; readonly at: number } | undefined;
  #endpoint: string | undefined;

  /** As far as the service has told, else this machine's. */
  now(): Date {
    if (this.#told === undefined) return new Date();
    return new Date(this.#told.ms + performance.now() - this.#told.at);
  }

  /** Where it really was asked, whatever chose that. */
  get endpoint(): string | undefined {
    return this.#endpoint;
  }

  /** Middleware for a command. */
  readonly watch = <Question extends Asked, Reply extends Answer>(next: (question: Question) => Promise<Reply>) => {
    return async (question: Question): Promise<Reply> => {
      const reply = await next(question);
      this.#note(question.request, reply.response);
      return reply;
    };
  };

  #note(request: unknown, response: unknown): void {
    const { protocol, hostname, port } = (request ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof hostname === 'string') {
      this.#endpoint = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
    }
    const { headers } = (response ?? {}) as { headers?: Readonly<Record<string, unknown>> };
    const ms = Date.parse(String(headers?.['date']));
    if (!Number.isNaN(ms)) this.#told = { ms, at: performance.now() };
  }
}
