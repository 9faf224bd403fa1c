/** Where a command's middleware sees the bare answer, refusals too. */
export const atTheConnection = { step: 'deserialize', priority: 'low' } as const;

/** The time of the service that is asked, by the `Date` of its answers: that of this machine may be an hour off. */
export class StoreClock {
  #told: { readonly ms: number; readonly at: number } | undefined;

  /** As far as the service has told, else this machine's. */
  now(): Date {
    if (this.#told === undefined) return new Date();
    return new Date(this.#told.ms + performance.now() - this.#told.at);
  }

  /** Middleware for a command. */
  readonly watch = <Asked, Answer extends { readonly response: unknown }>(next: (asked: Asked) => Promise<Answer>) => {
    return async (asked: Asked): Promise<Answer> => {
      const answer = await next(asked);
      this.#note(answer.response);
      return answer;
    };
  };

  #note(response: unknown): void {
    const { headers } = (response ?? {}) as { headers?: Readonly<Record<string, unknown>> };
    const ms = Date.parse(String(headers?.['date']));
    if (!Number.isNaN(ms)) this.#told = { ms, at: performance.now() };
  }
}
