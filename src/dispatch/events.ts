import type { DispatchEvent, DispatchRecord } from '../contracts/dispatch.ts';

export function acceptedEvent({ dispatchId, acceptedAt: at, work, resolved }: DispatchRecord): DispatchEvent {
  return { kind: 'dispatch.accepted', dispatchId, at, target: work.target, resolved };
}

export function startedEvent(record: DispatchRecord): DispatchEvent {
  const { dispatchId, acceptedAt, startedAt: at = acceptedAt, provider = '', providerId = '', image = '' } = record;
  return { kind: 'dispatch.started', dispatchId, at, provider, providerId, image };
}

/** How it ended: the one event that comes last. */
export function endedEvent(record: DispatchRecord): DispatchEvent {
  const { dispatchId, acceptedAt, endedAt: at = acceptedAt, result } = record;
  const durationMs = result?.durationMs ?? 0;
  switch (record.status) {
    case 'done':
      return { kind: 'dispatch.finished', dispatchId, at, exitCode: result?.exitCode ?? null, durationMs };
    case 'waiting':
      return { kind: 'dispatch.needs_input', dispatchId, at, question: result?.question?.question ?? '', durationMs };
    case 'cancelled':
      return { kind: 'dispatch.cancelled', dispatchId, at, actor: record.cancel?.actor ?? record.actor };
    default: {
      const { code: reason = 'worker-lost', message: detail = '' } = result ?? {};
      return { kind: 'dispatch.failed', dispatchId, at, reason, detail };
    }
  }
}
