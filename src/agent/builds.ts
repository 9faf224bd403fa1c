import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { withDeadline } from '../base/deadline.ts';
import { type Build, type BuildId, buildIdSchema, buildSchema } from '../contracts/builds.ts';
import { AppError } from '../contracts/errors.ts';
import { digestSchema } from '../contracts/ids.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import { type ImageBuildRequest, type PushOptions, unwantedWords } from './apply-moves.ts';
import { BuildContexts } from './build-context.ts';
import { BuildLog } from './build-log.ts';
import { withoutSecrets, withStep } from './build-problem.ts';
import { BuildQueue } from './build-queue.ts';
import { BuildReports, type ToldBuild } from './build-reports.ts';
import type { Link } from './link.ts';
import { problemText } from './problem-text.ts';
import { pushLines } from './push-lines.ts';
import { type RegistryLogins, withProblems } from './registry-logins.ts';

export interface ImageBuilderOptions {
  readonly engine: HostEngine;
  readonly link: Pick<Link, 'send' | 'call' | 'ready'>;
  /** Contexts are put in folders of their own in it. */
  readonly folder: string;
  /** Whether a context is removed once its build has ended. Else it is kept, and used again. Default: true. */
  readonly deletesContext?: boolean;
  /** Builds at once; the others wait. Default: 1. */
  readonly concurrency?: number;
  /** The id of this host, once it has one. */
  readonly hostId: () => string | undefined;
  readonly openSecrets: (refs: Readonly<Record<string, string>>) => Promise<Readonly<Record<string, string>>>;
  /** For base images, by registry. Default: none. */
  readonly logins?: Pick<RegistryLogins, 'all'> | undefined;
  readonly log: (line: string) => void;
}

interface GoingBuild extends ToldBuild {
  readonly cancelled: AbortController;
}

const base32 = 'abcdefghijklmnopqrstuvwxyz234567';
const cancelledWords = 'somebody cancelled it';
const notPushedWords = 'It was not pushed: it took too long, something newer is declared, or the agent stops';

/** Builds images on this host from contexts that the server keeps, and tells the server how they get on. */
export class ImageBuilder {
  readonly #options: ImageBuilderOptions;
  readonly #contexts: BuildContexts;
  readonly #queue: BuildQueue;
  readonly #reports: BuildReports;
  readonly #going = new Map<string, GoingBuild>();
  /** By their tags: what is to be pushed next. */
  readonly #built = new Map<string, GoingBuild>();

  constructor(options: ImageBuilderOptions) {
    const { link, folder, hostId, deletesContext = true, concurrency = 1, log } = options;
    this.#options = options;
    this.#contexts = new BuildContexts({ link, folder, deletesContext, owner: () => hostId() ?? 'unknown' });
    this.#queue = new BuildQueue(concurrency);
    this.#reports = new BuildReports({ link, onCancel: (buildId) => this.cancel(buildId), log });
  }

  /** Tells the server of builds, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#contexts.removeLeftovers();
    await this.#reports.run(signal);
  }

  /** After `run`, once no build goes on: tells the server of those that the end of the agent has ended. */
  async tellLast(): Promise<void> {
    await this.#reports.tellLast();
  }

  /** The server may not have what it was told before. */
  tellAll(): void {
    this.#reports.tellAll();
  }

  /** Ends a build that somebody does not want; one that is over stays as it is. */
  cancel(buildId: string): void {
    this.#going.get(buildId)?.cancelled.abort();
  }

  /** Gives the image's id. `interrupted` where somebody cancelled it. */
  async build(request: ImageBuildRequest, signal: AbortSignal): Promise<string> {
    const going = this.#begin(request);
    const ends = AbortSignal.any([signal, going.cancelled.signal]);
    try {
      const imageId = await this.#queue.run(() => this.#buildWithin(going, request, ends), ends);
      if (request.spec.push) this.#awaitPush(going, imageId, signal);
      else this.#end(going, { state: 'succeeded', imageId });
      return imageId;
    } catch (error) {
      throw this.#failed(going, error, signal);
    }
  }

  /** Gives the digest that the registry knows it by. `interrupted` where somebody cancelled it. */
  async push(reference: string, options: PushOptions): Promise<string> {
    const going = this.#built.get(reference);
    this.#built.delete(reference);
    if (going !== undefined) return await this.#pushBuilt(going, options);
    try {
      const digest = await this.#options.engine.push(reference, options);
      this.#reports.addPush({ tag: reference, digest: digestSchema.parse(digest) });
      return digest;
    } catch (error) {
      this.#reports.addPush({ tag: reference, problem: pushProblem(error, options) });
      throw error;
    }
  }

  async #pushBuilt(going: GoingBuild, options: PushOptions): Promise<string> {
    const { tag } = going.build;
    const cancelled = going.cancelled.signal;
    const signal = options.signal === undefined ? cancelled : AbortSignal.any([options.signal, cancelled]);
    const onProgress = pushLines((line) => this.#print(going, `${line}\n`));
    try {
      const digest = digestSchema.parse(await this.#options.engine.push(tag, { ...options, signal, onProgress }));
      this.#end(going, { state: 'succeeded', pushedDigest: digest });
      return digest;
    } catch (error) {
      const told = cancelled.aborted ? new AppError('interrupted', `Cannot push "${tag}": ${cancelledWords}`) : error;
      const isLate = options.signal?.aborted === true && !cancelled.aborted;
      this.#end(going, { state: 'succeeded', problem: isLate ? notPushedWords : pushProblem(told, options) });
      throw told;
    }
  }

  /** It is pushed next, unless the signal comes first. */
  #awaitPush(going: GoingBuild, imageId: string, signal: AbortSignal): void {
    const { tag } = going.build;
    const giveUp = () => {
      if (this.#built.get(tag) !== going) return;
      this.#built.delete(tag);
      this.#end(going, { state: 'succeeded', problem: notPushedWords });
    };
    this.#change(going, { state: 'pushing', imageId });
    this.#built.set(tag, going);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  }

  #begin({ image, tag, spec }: ImageBuildRequest): GoingBuild {
    const build = buildSchema.safeParse({
      buildId: newBuildId(),
      image,
      tag,
      context: spec.context,
      state: 'queued',
      queuedAt: new Date().toISOString(),
    }).data;
    if (build === undefined) {
      const state = `its context "${spec.context}" is not one that a server keeps`;
      throw new AppError('invalid-input', `Cannot build image "${image}": ${state}`);
    }
    const going = { build, log: new BuildLog(), isNews: true, cancelled: new AbortController() };
    this.#going.set(build.buildId, going);
    this.#reports.add(going);
    return going;
  }

  async #buildWithin(going: GoingBuild, request: ImageBuildRequest, signal: AbortSignal): Promise<string> {
    const { image, timeoutSeconds, onBegun = () => {} } = request;
    const limited = withDeadline(timeoutSeconds * 1_000, signal);
    this.#change(going, { state: 'running', startedAt: new Date().toISOString() });
    onBegun();
    try {
      return await this.#buildFromContext(going, request, limited);
    } catch (cause) {
      if (signal.aborted || !limited.aborted) throw cause;
      throw new AppError('limit-exceeded', `Cannot build image "${image}": not done after ${timeoutSeconds} s`, {
        cause,
        next: 'Give it longer: agora host set <host> buildTimeoutSeconds=<seconds>',
      });
    }
  }

  async #buildFromContext(going: GoingBuild, request: ImageBuildRequest, signal: AbortSignal): Promise<string> {
    const { engine, openSecrets, logins } = this.#options;
    const { tag, labels, spec } = request;
    going.log.say(`Fetching context ${spec.context}`);
    const context = await this.#contexts.fetch(spec.context, signal);
    try {
      const found = await logins?.all(signal);
      const secretArgs = await openSecrets(spec.secrets);
      going.log.hide(secretArgs);
      const { dockerfile, target, useCache, pullBase, args } = spec;
      const request = { tag, labels, dockerfile, target, useCache, pullBase, args, secretArgs, signal };
      const onOutput = (text: string) => this.#print(going, text);
      const content = createReadStream(context.file);
      try {
        return await engine.build(content, { ...request, logins: found?.logins ?? {}, onOutput });
      } catch (error) {
        throw withoutSecrets(withProblems(error, found?.problems ?? []), secretArgs);
      } finally {
        content.destroy();
      }
    } finally {
      await context.close();
    }
  }

  #print(going: GoingBuild, text: string): void {
    going.log.write(text);
    const { step } = going.log;
    if (step !== undefined && step.number !== going.build.step?.number) this.#change(going, { step });
    else this.#reports.wake();
  }

  /** What the caller is told. */
  #failed(going: GoingBuild, error: unknown, signal: AbortSignal): unknown {
    const { image } = going.build;
    if (signal.aborted) {
      this.#end(going, { state: 'cancelled', problem: unwantedWords });
      return error;
    }
    if (going.cancelled.signal.aborted) {
      const cancelled = new AppError('interrupted', `Cannot build image "${image}": ${cancelledWords}`);
      this.#end(going, { state: 'cancelled', problem: cancelled.message });
      return cancelled;
    }
    const told = withStep(error, going);
    this.#end(going, { state: 'failed', problem: problemText(told) });
    return told;
  }

  #end(going: GoingBuild, outcome: Pick<Build, 'state' | 'imageId' | 'pushedDigest' | 'problem'>): void {
    this.#going.delete(going.build.buildId);
    going.log.end();
    if (outcome.problem !== undefined) going.log.say(outcome.problem);
    this.#change(going, { ...outcome, endedAt: new Date().toISOString() });
  }

  #change(going: GoingBuild, changes: Partial<Build>): void {
    going.build = { ...going.build, ...changes };
    going.isNews = true;
    this.#reports.wake();
  }
}

function pushProblem(error: unknown, { loginProblem }: PushOptions): string {
  return problemText(withProblems(error, loginProblem === undefined ? [] : [loginProblem]));
}

function newBuildId(): BuildId {
  return buildIdSchema.parse(`b-${[...randomBytes(26)].map((byte) => base32[byte & 31]).join('')}`);
}
