import type { HeartbeatReply, Nudge, RegisterReply } from '../contracts/agent-wire.ts';
import { isAppError } from '../contracts/errors.ts';
import type { HostObservation } from '../contracts/host-observation.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import type { AgentOptions } from './agent-options.ts';
import { AgentSessions } from './agent-sessions.ts';
import { ClockOffset } from './clock-offset.ts';
import type { KeptTarget } from './desired.ts';
import { diskOfFolder, diskOfSample } from './engine-disk.ts';
import { type EngineState, EngineWatch } from './engine-watch.ts';
import { Enrolment } from './enrolment.ts';
import { Facts, machineName } from './facts.ts';
import { Heartbeat, type RoundTrip } from './heartbeat.ts';
import type { HostRecord } from './host-record.ts';
import { HostWork } from './host-work.ts';
import { Link } from './link.ts';
import { LinkTalk } from './link-talk.ts';
import { LiveView } from './live-view.ts';
import type { Loaded } from './loaded.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import type { PatientState } from './patient-state.ts';
import { Realtime } from './realtime.ts';
import { Reports } from './reports.ts';
import { TargetLoop } from './target-loop.ts';

const pendingMs = 2_000;

/** One run of an agent: its loops, and what each tells the others. */
export class AgentLife {
  readonly #options: AgentOptions;
  readonly #loaded: Loaded;
  readonly #ending = new AbortController();
  readonly #talk: LinkTalk;
  readonly #clock: ClockOffset;
  readonly #metrics: Metrics;
  readonly #facts: Facts;
  readonly #enrolment: Enrolment;
  readonly #link: Link;
  readonly #reports: Reports;
  readonly #sessions: AgentSessions | undefined;
  readonly #realtime: Realtime;
  readonly #targets: TargetLoop;
  readonly #heartbeat: Heartbeat;
  readonly #engine: EngineWatch;
  readonly #work: HostWork;
  readonly #live: LiveView;
  readonly #name: string;
  #disks: NonNullable<MetricsSample['host']>['disks'] | undefined;

  constructor(options: AgentOptions & { readonly state: PatientState }, loaded: Loaded) {
    const { state, engine, log, serverUrl, isContainer = false, version, ownImage } = options;
    const { record, samples, host } = loaded;
    this.#options = options;
    this.#loaded = loaded;
    this.#name = options.name ?? machineName(isContainer, host);
    this.#talk = new LinkTalk(log);
    this.#clock = new ClockOffset(log);
    const settings = () => record.settings;
    this.#metrics = createMetrics({ engine, settings, hostId: () => record.host?.hostId, ownImage, log });
    const metricsFrom = () => this.#metrics.metricsFrom;
    this.#facts = new Facts({
      engine,
      version,
      isContainer,
      metricsFrom,
      gpuNames: () => this.#metrics.gpuNames(),
      host,
    });
    this.#enrolment = this.#makeEnrolment();
    this.#link = new Link({
      url: serverUrl,
      fetch: options.fetch,
      register: (client, signal) => this.#enrolment.register(client, signal),
      onFailure: (error, waitMs) => this.#registrationFailed(error, waitMs),
      onRegistered: (reply) => this.#registered(reply),
      onContactChange: (isAway) => {
        loaded.contact.change(isAway);
        this.#work.loop.look();
      },
    });
    const link = this.#link;
    this.#reports = new Reports({ link, log });
    this.#sessions = this.#makeSessions();
    this.#realtime = new Realtime({ link, sessions: this.#sessions, onNudge: (nudge) => this.#nudged(nudge) });
    this.#targets = new TargetLoop({ link, etag: () => record.etag, take: (kept) => this.#take(kept), log });
    this.#heartbeat = new Heartbeat({
      link,
      samples,
      engine: () => this.#engine.state,
      // Who waits for approval asks more often: it is then a person who waits.
      intervalMs: () => (record.host?.admission === 'pending' ? pendingMs : settings().heartbeatSeconds * 1_000),
      measure: (signal) => this.#measure(signal),
      facts: () => this.#facts.news,
      onReply: (reply, roundTrip) => this.#beaten(reply, roundTrip),
      log,
    });
    this.#engine = new EngineWatch({
      engine,
      onActivity: () => this.#work.loop.look(),
      onChange: (engineState) => this.#engineChanged(engineState),
    });
    const { reports, clock, talk } = { reports: this.#reports, clock: this.#clock, talk: this.#talk };
    this.#work = new HostWork({ options, loaded, link, reports, clock, talk, disk: () => this.#disk() });
    state.onChange = () => this.#work.tellProblem(state.problem);
    this.#live = new LiveView({
      measure: (signal) => this.#metrics.readLiveSample(signal),
      send: (sample) => this.#realtime.sendSample(sample),
      signal: this.#ending.signal,
    });
  }

  /** Until the signal, or until a loop fails, which none should. */
  async run(signal: AbortSignal): Promise<void> {
    const { identity, record, contact } = this.#loaded;
    const { state, serverUrl } = this.#options;
    const { fingerprint } = identity;
    this.#talk.started({ url: serverUrl, name: this.#name, fingerprint, place: state.place, host: record.host });
    const end = () => this.#ending.abort(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const keepingContact = { run: (until: AbortSignal) => contact.run(until, (error) => this.#talk.problem(error)) };
    const loops = [this.#link, this.#engine, this.#work.loop, this.#targets, this.#heartbeat, keepingContact];
    const ended = await Promise.allSettled(
      [...loops, this.#reports, this.#work.builder, this.#realtime].map((loop) =>
        loop.run(this.#ending.signal).catch(this.#fail),
      ),
    );
    signal.removeEventListener('abort', end);
    await Promise.all([this.#sessions?.close(), this.#work.builder.tellLast()]);
    await this.#metrics.close();
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  }

  readonly #fail = (error: unknown): never => {
    this.#ending.abort(error);
    throw error;
  };

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
      facts: () => this.#facts.current,
      isAdmitted: () => record.host?.admission === 'admitted',
      onReplaced: () => record.forget(),
    });
  }

  #makeSessions(): AgentSessions | undefined {
    const { engine, sessions, log, ownLog } = this.#options;
    const { record } = this.#loaded;
    if (sessions === undefined) return undefined;
    return new AgentSessions({
      ...{ engine, sessions, log, ownLog },
      hostId: () => record.host?.hostId,
      spec: () => record.desired?.spec,
    });
  }

  async #registered(reply: RegisterReply): Promise<void> {
    this.#talk.registered(reply, this.#loaded.identity.fingerprint);
    this.#work.tellAll();
    await this.#hear(reply);
    this.#heartbeat.soon();
    this.#work.loop.look();
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
    this.#work.tellAll();
    this.#work.loop.changeTarget();
    this.#targets.nudge();
    this.#reports.retry();
  }

  async #take(kept: KeptTarget): Promise<void> {
    const { revision } = await this.#loaded.record.take(kept, this.#enrolment.server?.key ?? '');
    this.#talk.declared(revision);
    this.#work.loop.changeTarget();
  }

  async #beaten(reply: HeartbeatReply, { sentAt, receivedAt, facts }: RoundTrip): Promise<void> {
    this.#clock.learn(reply.serverTime, { sentAt, receivedAt });
    const { admission, name, settings, desiredRevision = 0, wantsNewKeys } = reply;
    if (facts !== undefined) this.#facts.told(facts);
    await this.#hear({ admission, name, settings });
    this.#fetchIfNewer(desiredRevision);
    if (!wantsNewKeys) return;
    await this.#loaded.identity.makeNext();
    this.#link.renew();
  }

  #nudged(nudge: Nudge): void {
    if (nudge.kind === 'settings') this.#heartbeat.soon();
    if (nudge.kind === 'live') this.#live.watch(nudge.seconds);
    if (nudge.kind === 'desired') this.#fetchIfNewer(nudge.revision);
    if (nudge.kind === 'cancel-build') this.#work.builder.cancel(nudge.buildId);
  }

  #fetchIfNewer(revision: number): void {
    if (revision > (this.#loaded.record.desired?.revision ?? 0)) this.#targets.nudge();
  }

  #engineChanged(engineState: EngineState): void {
    this.#talk.engine(engineState);
    this.#heartbeat.soon();
    if (!engineState.isUp) return;
    this.#work.loop.look();
    void this.#facts.learn(this.#ending.signal).then(() => {
      if (this.#facts.news !== undefined) this.#heartbeat.soon();
    });
  }

  async #measure(signal: AbortSignal): Promise<MetricsSample> {
    const sample = await this.#metrics.readSample(signal);
    this.#disks = sample.host?.disks;
    return sample;
  }

  async #disk(): Promise<HostObservation['disk']> {
    const folder = this.#facts.host?.rootFolder;
    if (folder === undefined) return undefined;
    return this.#options.isContainer === true ? diskOfSample(this.#disks, folder) : await diskOfFolder(folder);
  }
}
