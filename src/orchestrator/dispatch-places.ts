import { AppError } from '../contracts/errors.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import type { DispatchPlace } from '../dispatch/place.ts';

type Compute = ReturnType<DispatchPlace['computeOf']>;
type ProviderInfo = Awaited<ReturnType<Compute['describe']>>;

export interface PlaceNeed {
  readonly target: string;
  readonly runtime: RuntimeName;
}

/** The targets of a run, each known to answer and ready for what runs on it. */
export class OpenedPlaces {
  readonly #client: Pick<DispatchPlace, 'computeOf'>;
  readonly #infos: ReadonlyMap<string, ProviderInfo>;

  private constructor(client: Pick<DispatchPlace, 'computeOf'>, infos: ReadonlyMap<string, ProviderInfo>) {
    this.#client = client;
    this.#infos = infos;
  }

  /** Raises what `describe` of their providers raises. */
  static async open(
    client: Pick<DispatchPlace, 'computeOf'>,
    needs: Iterable<PlaceNeed>,
    onProgress: (line: string) => void,
  ): Promise<OpenedPlaces> {
    const infos = new Map<string, ProviderInfo>();
    for (const need of needs) {
      if (infos.has(keyOf(need))) continue;
      const { target, runtime } = need;
      infos.set(keyOf(need), await client.computeOf(target).describe({ runtime, onProgress }));
    }
    return new OpenedPlaces(client, infos);
  }

  computeOf(target: string): Compute {
    return this.#client.computeOf(target);
  }

  infoOf(target: string, runtime: RuntimeName): ProviderInfo {
    const info = this.#infos.get(keyOf({ target, runtime }));
    if (info === undefined) throw new AppError('internal', `Cannot use target "${target}": it was not opened`);
    return info;
  }
}

function keyOf({ target, runtime }: PlaceNeed): string {
  return `${runtime} ${target}`;
}
