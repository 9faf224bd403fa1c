import * as z from 'zod';
import { isAppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { aliveSignal } from './docker-ping.ts';
import { openAnswer } from './docker-request.ts';
import { jsonLines } from './docker-stream.ts';
import type { EngineEvent } from './host-engine.ts';

/** Those that change what is observed: without the commands that health checks run, and what reads only. */
const actions = [
  ...['create', 'start', 'restart', 'die', 'died', 'stop', 'oom', 'pause', 'unpause', 'rename', 'update', 'destroy'],
  ...['remove', 'health_status', 'connect', 'disconnect', 'pull', 'tag', 'untag', 'delete', 'import', 'load', 'build'],
];
const types = ['container', 'network', 'volume', 'image'] as const;

const eventSchema = z.object({
  Type: z.enum(types),
  Action: z.string(),
  Actor: z.object({ ID: z.string().default(''), Attributes: z.record(z.string(), z.string()).nullish() }),
});

/** Told before whoever follows: what was seen before does not hold any more. */
export interface EventWatcher {
  begun(): void;
  /** With the id of what changed. */
  changed(event: EngineEvent, id: string): void;
  ended(): void;
}

/** Begins at once, not when the first event is asked for: what happens in between is not missed. */
export function hostEvents(
  connection: DockerConnection,
  signal: AbortSignal,
  watcher: EventWatcher,
): AsyncIterable<EngineEvent> {
  const since = (Date.now() / 1_000).toFixed(3);
  return follow(connection, { since, caller: signal, watcher });
}

interface Following {
  readonly since: string;
  readonly caller: AbortSignal;
  readonly watcher: EventWatcher;
}

async function* follow(
  connection: DockerConnection,
  { since, caller, watcher }: Following,
): AsyncGenerator<EngineEvent> {
  if (caller.aborted) return;
  const alive = aliveSignal(connection, caller);
  const query = { since, filters: { type: types, event: actions } };
  const line = { method: 'GET', path: '/events', query } as const;
  const call = { action: 'follow what changes', signal: alive.signal, answerMs: Number.POSITIVE_INFINITY };
  let hasBegun = false;
  try {
    const bytes = connection.stream(call, async (docker, deadline) => {
      const answer = await openAnswer(docker, line, deadline.signal);
      hasBegun = true;
      watcher.begun();
      return answer;
    });
    for await (const message of jsonLines(bytes)) {
      const told = readEvent(message);
      if (told === undefined) continue;
      watcher.changed(told.event, told.id);
      yield told.event;
    }
  } catch (error) {
    if (caller.aborted || (hasBegun && isAppError(error, 'unreachable'))) return;
    throw error;
  } finally {
    if (hasBegun) watcher.ended();
    await alive.end();
  }
}

function readEvent(message: unknown): { readonly event: EngineEvent; readonly id: string } | undefined {
  const event = eventSchema.safeParse(message).data;
  if (event === undefined) return undefined;
  const { Type: type, Action: action, Actor: actor } = event;
  return { event: { type, action, name: actor.Attributes?.['name'] ?? actor.ID }, id: actor.ID };
}
