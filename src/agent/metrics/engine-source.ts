import { isAppError } from '../../contracts/errors.ts';
import type { ContainerUsage, HostEngine } from '../../engine/host-engine.ts';
import {
  type ContainerReading,
  monotonicMs,
  type Reading,
  type ReadingRequest,
  type ReadingSource,
} from './reading.ts';

const atOnce = 4;

/** Asks the engine for what containers use: slow, and nothing of the host itself. For where its files cannot be seen. */
export class EngineSource implements ReadingSource {
  readonly #engine: HostEngine;

  constructor(engine: HostEngine) {
    this.#engine = engine;
  }

  async read({ containers }: ReadingRequest, signal: AbortSignal): Promise<Reading> {
    const atMs = monotonicMs();
    const waiting = [...containers];
    const found: ContainerReading[] = [];
    const work = async () => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
        const usage = await this.#usageOf(id, signal);
        if (usage !== undefined) found.push(readingOf(id, usage));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return { atMs, containers: found };
  }

  /** Undefined for one that ended meanwhile. */
  async #usageOf(id: string, signal: AbortSignal): Promise<ContainerUsage | undefined> {
    try {
      return await this.#engine.usageOf(id, signal);
    } catch (error) {
      if (isAppError(error, 'task-conflict') || isAppError(error, 'not-found')) return undefined;
      throw error;
    }
  }
}

function readingOf(id: string, usage: ContainerUsage): ContainerReading {
  const { cpuNanoseconds, memoryBytes, memoryLimitBytes, processes } = usage;
  return {
    id,
    cpuNanoseconds,
    memoryBytes,
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
    io: { inBytes: usage.readBytes, outBytes: usage.writtenBytes },
    network: { inBytes: usage.receivedBytes, outBytes: usage.sentBytes },
    processes,
  };
}
