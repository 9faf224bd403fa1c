import type { PlanProblem } from '../contracts/host-change.ts';
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
import { withServerTimes } from './server-times.ts';
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
  readonly builder: ImageBuilder;
  readonly #work: HostWorkOptions;
  readonly #told: ToldHost;
  readonly #saveProgress: (text: string) => Promise<void>;

  constructor(work: HostWorkOptions) {
    this.#work = work;
    this.#told = new ToldHost(Date.now, work.loaded.progress);
    this.#saveProgress = keptText(work.options.state, 'progress.json');
    this.builder = this.#makeBuilder();
    this.loop = this.#makeLoop();
  }

  /** The server may not have what it was told before. */
  tellAll(): void {
    this.#told.forget();
    this.builder.tellAll();
  }

  /** Something that the agent itself cannot do; undefined once it can. */
  tellProblem(problem: PlanProblem | undefined): void {
    this.#work.reports.add(this.#told.own(problem === undefined ? [] : [problem]));
  }

  #makeLoop(): HostLoop {
    const { options, loaded, reports, clock } = this.#work;
    const { record } = loaded;
    return new HostLoop({
      keeper: this.#makeKeeper(),
      engine: options.engine,
      target: () => record.target(loaded.contact.awayMs),
      // Before it is admitted nobody asks what it has.
      hostId: () => (record.host?.admission === 'pending' ? undefined : record.host?.hostId),
      intervalMs: () => record.settings.reconcileSeconds * 1_000,
      onObserved: (looked) => reports.add(withServerTimes(this.#told.observed(looked), clock)),
      onDecided: ({ revision }, { decision }) => {
        reports.add(withServerTimes(this.#told.decided(revision, decision, clock.corrected(Date.now())), clock));
        this.#keep(this.#saveProgress(JSON.stringify(this.#told.progress)));
      },
      log: options.log,
    });
  }

  #makeKeeper(): HostKeeper {
    const { options, loaded, reports, clock, talk, disk } = this.#work;
    const { engine, state } = options;
    const { memory = emptyMemory } = loaded;
    const saveMemory = keptText(state, 'memory.json');
    return new HostKeeper({
      engine,
      memory,
      // Losing it costs time, never a resource: a full disk must not stop repairs.
      save: (next) => saveMemory(JSON.stringify(next)).catch((error: unknown) => talk.problem(error)),
      openSecrets: (refs) => this.#openSecrets(refs),
      logins: options.registryLogins,
      buildImage: (request, signal) => this.builder.build(request, signal),
      pushImage: (reference, given) => this.builder.push(reference, given),
      onReport: (report) => {
        talk.step(report);
        reports.add(withServerTimes(this.#told.step(report), clock));
      },
      onWorkEnded: () => this.loop.look(),
      disk,
    });
  }

  #makeBuilder(): ImageBuilder {
    const { options, loaded, link } = this.#work;
    const { engine, buildFolder, deletesBuildContext = true, log } = options;
    return new ImageBuilder({
      engine,
      link,
      folder: buildFolder,
      deletesContext: deletesBuildContext,
      hostId: () => loaded.record.host?.hostId,
      openSecrets: (refs) => this.#openSecrets(refs),
      logins: options.registryLogins,
      log,
    });
  }

  async #openSecrets(refs: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> {
    const { record, identity } = this.#work.loaded;
    return openSecrets(refs, record.desired?.sealed ?? {}, identity.sealingKeys);
  }

  #keep(saving: Promise<void>): void {
    void saving.catch((error: unknown) => this.#work.talk.problem(error));
  }
}
