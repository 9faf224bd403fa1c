import type { HeartbeatReply, Nudge, RegisterReply } from '../contracts/agent-wire.ts';
import { isAppError } from '../contracts/errors.ts';
import type { HostFacts } from '../contracts/fleet.ts';
import type { HostEngineInformation } from '../engine/host-engine.ts';
import { emptyMemory, type Memory } from '../reconcile/memory.ts';
import type { AgentOptions } from './agent-options.ts';
import { ImageBuilder } from './builds.ts';
import { ClockOffset } from './clock-offset.ts';
import { type KeptTarget, openSecrets } from './desired.ts';
import { type EngineState, EngineWatch } from './engine-watch.ts';
import { Enrolment } from './enrolment.ts';
import { factsOf, machineName } from './facts.ts';
import { Heartbeat, type RoundTrip } from './heartbeat.ts';
import { HostKeeper } from './host-keeper.ts';
import { HostLoop } from './host-loop.ts';
import type { HostRecord } from './host-record.ts';
import type { Identity } from './identity.ts';
import { keptText } from './kept-text.ts';
import { Link } from './link.ts';
import { LinkTalk } from './link-talk.ts';
import { LiveView } from './live-view.ts';
import type { Progress } from './progress.ts';
import { Realtime } from './realtime.ts';
import { Reports } from './reports.ts';
import type { SampleQueue } from './sample-queue.ts';
import type { KnownServer } from './stored.ts';
import { TargetLoop } from './target-loop.ts';
import { ToldHost } from './told-host.ts';

/** What an agent starts from. */
export interface Loaded {
  readonly identity: Identity;
  readonly server: KnownServer | undefined;
  readonly samples: SampleQueue;
  readonly record: HostRecord;
  readonly memory: Memory | undefined;
  readonly progress: Progress | undefined;
  readonly registrationToken: string;
  readonly host: HostEngineInformation | undefined;
}

/** One run of an agent: its loops, and what each tells the others. */
export class AgentLife {
  readonly #options: AgentOptions;
  readonly #loaded: Loaded;
  readonly #talk: LinkTalk;
  readonly #clock: ClockOffset;
  readonly #told: ToldHost;
  readonly #enrolment: Enrolment;
  readonly #link: Link;
  readonly #reports: Reports;
  readonly #realtime: Realtime;
  readonly #targets: TargetLoop;
  readonly #heartbeat: Heartbeat;
  readonly #engine: EngineWatch;
  readonly #hostLoop: HostLoop;
  readonly #saveProgress: (text: string) => Promise<void>;
  readonly #name: string;
  #host: HostEngineInformation | undefined;
  #toldFacts = '';
  #live: LiveView | undefined;

  constructor(options: AgentOptions, loaded: Loaded) {
    const { state, engine, log, serverUrl } = options;
    this.#options = options;
    this.#loaded = loaded;
    this.#host = loaded.host;
    this.#name = options.name ?? machineName(options.isContainer === true, loaded.host);
    this.#talk = new LinkTalk(log);
    this.#clock = new ClockOffset(log);
    this.#told = new ToldHost(Date.now, loaded.progress);
    this.#saveProgress = keptText(state, 'progress.json');
    this.#enrolment = this.#makeEnrolment();
    this.#link = new Link({
      url: serverUrl,
      register: (client, signal) => this.#enrolment.register(client, signal),
      onFailure: (error, waitMs) => this.#registrationFailed(error, waitMs),
      onRegistered: (reply) => this.#registered(reply),
      onContactChange: () => this.#hostLoop.look(),
    });
    this.#reports = new Reports({ link: this.#link, state, log });
    this.#realtime = new Realtime({ link: this.#link, onNudge: (nudge) => this.#nudged(nudge) });
    this.#targets = new TargetLoop({
      link: this.#link,
      etag: () => loaded.record.etag,
      take: (kept) => this.#take(kept),
      log,
    });
    this.#heartbeat = new Heartbeat({
      link: this.#link,
      samples: loaded.samples,
      engine: () => this.#engine.state,
      intervalMs: () => loaded.record.settings.heartbeatSeconds * 1_000,
      measure: (signal) => this.#measure(signal),
      facts: () => this.#changedFacts(),
      onReply: (reply, roundTrip) => this.#beaten(reply, roundTrip),
      log,
    });
    this.#engine = new EngineWatch({
      engine,
      onActivity: () => this.#hostLoop.look(),
      onChange: (engineState) => this.#engineChanged(engineState),
    });
    this.#hostLoop = this.#makeHostLoop();
  }

  /** Until the signal, or until one loop fails, which none should. */
  async run(signal: AbortSignal): Promise<void> {
    const { identity, record } = this.#loaded;
    const { state, serverUrl } = this.#options;
    this.#talk.started({
      url: serverUrl,
      name: this.#name,
      fingerprint: identity.fingerprint,
      place: state.place,
      host: record.host,
    });
    this.#link.beginAway(Date.now());
    const failed = new AbortController();
    const ending = AbortSignal.any([signal, failed.signal]);
    this.#live = new LiveView({
      measure: (ends) => this.#measure(ends),
      send: (sample) => this.#realtime.sendSample(sample),
      signal: ending,
    });
    const loops = [
      this.#link,
      this.#engine,
      this.#hostLoop,
      this.#targets,
      this.#heartbeat,
      this.#reports,
      this.#realtime,
    ];
    const ended = await Promise.allSettled(
      loops.map((loop) =>
        loop.run(ending).catch((error: unknown) => {
          failed.abort();
          throw error;
        }),
      ),
    );
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }

  #makeEnrolment(): Enrolment {
    const { state, joinToken, acceptServer } = this.#options;
    const { identity, server, record, registrationToken } = this.#loaded;
    return new Enrolment({
      state,
      identity,
      known: server,
      registrationToken,
      joinToken,
      acceptedFingerprint: acceptServer,
      name: () => this.#name,
      facts: () => this.#facts(),
      isAdmitted: () => record.host?.admission === 'admitted',
      onReplaced: () => record.forget(),
    });
  }

  #makeHostLoop(): HostLoop {
    const { state, engine, log, measures, buildFolder, deletesBuildContext } = this.#options;
    const { record, identity, memory } = this.#loaded;
    const open = async (refs: Readonly<Record<string, string>>) =>
      openSecrets(refs, record.desired?.sealed ?? {}, identity.sealingKeys);
    const builder = new ImageBuilder({
      engine,
      link: this.#link,
      folder: buildFolder,
      openSecrets: open,
      ...(deletesBuildContext !== undefined && { deletesContext: deletesBuildContext }),
    });
    const saveMemory = keptText(state, 'memory.json');
    const keeper = new HostKeeper({
      engine,
      memory: memory ?? emptyMemory,
      // Losing it costs time, never a resource: a full disk must not stop repairs.
      save: (next) => saveMemory(JSON.stringify(next)).catch((error: unknown) => this.#talk.problem(error)),
      openSecrets: open,
      buildImage: (request, signal) => builder.build(request, signal),
      onReport: (report) => {
        this.#talk.step(report);
        this.#reports.add(this.#told.step(report));
      },
      onImageWork: () => this.#hostLoop.look(),
      ...(measures?.disk !== undefined && { disk: measures.disk }),
    });
    return new HostLoop({
      keeper,
      engine,
      target: () => record.target(this.#link.lastContactAt),
      // Before it is admitted nobody asks what it has.
      hostId: () => (record.host?.admission === 'pending' ? undefined : record.host?.hostId),
      intervalMs: () => record.settings.reconcileSeconds * 1_000,
      onObserved: (looked) => this.#reports.add(this.#told.observed(looked)),
      onDecided: ({ revision }, { decision }) => {
        const at = this.#clock.corrected(Date.now());
        this.#reports.add(this.#told.decided(revision, decision, at));
        if (this.#told.progress !== undefined) this.#keepProgress();
      },
      log,
    });
  }

  #keepProgress(): void {
    void this.#saveProgress(JSON.stringify(this.#told.progress)).catch((error: unknown) => this.#talk.problem(error));
  }

  async #registered(reply: RegisterReply): Promise<void> {
    this.#talk.registered(reply, this.#loaded.identity.fingerprint);
    this.#toldFacts = JSON.stringify(this.#facts());
    this.#told.forget();
    await this.#hear(reply);
    this.#heartbeat.soon();
    this.#hostLoop.look();
  }

  async #registrationFailed(error: unknown, waitMs: number): Promise<void> {
    this.#talk.failed(error, waitMs);
    // The server itself says no: nothing that it declared is done any more, and nothing is taken away.
    if (isAppError(error, 'refused')) await this.#hear({ admission: 'revoked' });
  }

  async #hear(heard: Parameters<HostRecord['heard']>[0]): Promise<void> {
    const { record } = this.#loaded;
    const before = record.host;
    if (!(await record.heard(heard))) return;
    const after = record.host;
    const isOther =
      before?.admission !== after?.admission ||
      before?.hostId !== after?.hostId ||
      before?.settings.enabled !== after?.settings.enabled;
    if (!isOther) return;
    this.#talk.changed(before, after);
    this.#told.forget();
    this.#hostLoop.changeTarget();
    this.#targets.nudge();
    this.#reports.retry();
  }

  async #take(kept: KeptTarget): Promise<void> {
    const { record } = this.#loaded;
    const desired = await record.take(kept, this.#enrolment.server?.key ?? '');
    this.#talk.declared(desired.revision);
    this.#hostLoop.changeTarget();
  }

  async #beaten(reply: HeartbeatReply, roundTrip: RoundTrip): Promise<void> {
    this.#clock.learn(reply.serverTime, roundTrip);
    const { admission, name, settings, desiredRevision = 0, wantsNewKeys } = reply;
    this.#toldFacts = JSON.stringify(this.#facts());
    await this.#hear({ admission, name, settings });
    if (desiredRevision > (this.#loaded.record.desired?.revision ?? 0)) this.#targets.nudge();
    if (!wantsNewKeys) return;
    await this.#loaded.identity.makeNext();
    this.#link.renew();
  }

  #nudged(nudge: Nudge): void {
    if (nudge.kind === 'settings') this.#heartbeat.soon();
    if (nudge.kind === 'live') this.#live?.watch(nudge.seconds);
    if (nudge.kind === 'desired' && nudge.revision > (this.#loaded.record.desired?.revision ?? 0))
      this.#targets.nudge();
  }

  #engineChanged(engineState: EngineState): void {
    this.#talk.engine(engineState);
    this.#heartbeat.soon();
    if (!engineState.isUp) return;
    this.#hostLoop.look();
    void this.#options.engine.describeHost(AbortSignal.timeout(30_000)).then(
      (host) => {
        this.#host = host;
        if (this.#changedFacts() !== undefined) this.#heartbeat.soon();
      },
      () => undefined, // It is away again, which the watch tells.
    );
  }

  async #measure(signal: AbortSignal) {
    return await this.#options.measures?.sample(this.#loaded.record.settings.metrics, signal);
  }

  #facts(): HostFacts {
    const { engine, version, isContainer = false, measures } = this.#options;
    const metricsFrom = measures?.from() ?? 'engine';
    return factsOf({ engine, version, isContainer, metricsFrom, gpus: measures?.gpus() ?? [], host: this.#host });
  }

  #changedFacts(): HostFacts | undefined {
    const facts = this.#facts();
    return JSON.stringify(facts) === this.#toldFacts ? undefined : facts;
  }
}
