import type { HostObservation } from '../contracts/host-observation.ts';
import { emptyMemory } from '../reconcile/memory.ts';
import type { AgentOptions } from './agent-options.ts';
import { ImageBuilder } from './builds.ts';
import type { ClockOffset } from './clock-offset.ts';
import { openSecrets } from './desired.ts';
import { HostKeeper } from './host-keeper.ts';
import { HostLoop } from './host-loop.ts';
import { keptText } from './kept-text.ts';
import type { Link } from './link.ts';
import type { LinkTalk } from './link-talk.ts';
import type { Loaded } from './loaded.ts';
import type { Reports } from './reports.ts';
import { ToldHost } from './told-host.ts';

export interface HostWorkOptions {
  readonly options: AgentOptions;
  readonly loaded: Loaded;
  readonly link: Link;
  readonly reports: Reports;
  readonly clock: ClockOffset;
  readonly talk: LinkTalk;
  readonly disk: () => Promise<HostObservation['disk']>;
}

/** The loop that keeps the host, with what it is told and whom it tells. */
export class HostWork {
  readonly loop: HostLoop;
  readonly #work: HostWorkOptions;
  readonly #told: ToldHost;
  readonly #saveProgress: (text: string) => Promise<void>;

  constructor(work: HostWorkOptions) {
    this.#work = work;
    this.#told = new ToldHost(Date.now, work.loaded.progress);
    this.#saveProgress = keptText(work.options.state, 'progress.json');
    this.loop = this.#makeLoop();
  }

  /** The server may not have what it was told before. */
  tellAll(): void {
    this.#told.forget();
  }

  #makeLoop(): HostLoop {
    const { options, loaded, link, reports, clock } = this.#work;
    const { record } = loaded;
    return new HostLoop({
      keeper: this.#makeKeeper(),
      engine: options.engine,
      target: () => record.target(link.lastContactAt),
      // Before it is admitted nobody asks what it has.
      hostId: () => (record.host?.admission === 'pending' ? undefined : record.host?.hostId),
      intervalMs: () => record.settings.reconcileSeconds * 1_000,
      onObserved: (looked) => reports.add(this.#told.observed(looked)),
      onDecided: ({ revision }, { decision }) => {
        reports.add(this.#told.decided(revision, decision, clock.corrected(Date.now())));
        this.#keep(this.#saveProgress(JSON.stringify(this.#told.progress)));
      },
      log: options.log,
    });
  }

  #makeKeeper(): HostKeeper {
    const { options, loaded, link, reports, talk, disk } = this.#work;
    const { engine, state, buildFolder, deletesBuildContext = true } = options;
    const { record, identity, memory = emptyMemory } = loaded;
    const open = async (refs: Readonly<Record<string, string>>) =>
      openSecrets(refs, record.desired?.sealed ?? {}, identity.sealingKeys);
    const builder = new ImageBuilder({
      engine,
      link,
      folder: buildFolder,
      deletesContext: deletesBuildContext,
      openSecrets: open,
    });
    const saveMemory = keptText(state, 'memory.json');
    return new HostKeeper({
      engine,
      memory,
      // Losing it costs time, never a resource: a full disk must not stop repairs.
      save: (next) => saveMemory(JSON.stringify(next)).catch((error: unknown) => talk.problem(error)),
      openSecrets: open,
      buildImage: (request, signal) => builder.build(request, signal),
      onReport: (report) => {
        talk.step(report);
        reports.add(this.#told.step(report));
      },
      onImageWork: () => this.loop.look(),
      disk,
    });
  }

  #keep(saving: Promise<void>): void {
    void saving.catch((error: unknown) => this.#work.talk.problem(error));
  }
}
