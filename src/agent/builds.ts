import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { withDeadline } from '../base/deadline.ts';
import { Redactor } from '../base/redact.ts';
import { type Build, type BuildId, buildIdSchema, buildSchema } from '../contracts/builds.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { HostEngine, PullOptions } from '../engine/host-engine.ts';
import type { ImageBuildRequest } from './apply-moves.ts';
import { BuildContexts } from './build-context.ts';
import { BuildLog } from './build-log.ts';
import { BuildQueue } from './build-queue.ts';
import { BuildReports, type ToldBuild } from './build-reports.ts';
import type { Link } from './link.ts';
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

/** Builds images on this host from contexts that the server keeps, and tells the server how they get on. */
export class ImageBuilder {
  readonly #options: ImageBuilderOptions;
  readonly #contexts: BuildContexts;
  readonly #queue: BuildQueue;
  readonly #reports: BuildReports;
  readonly #going = new Map<string, GoingBuild>();

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
      this.#end(going, { state: 'succeeded', imageId });
      return imageId;
    } catch (error) {
      throw this.#failed(going, error, signal);
    } finally {
      this.#going.delete(going.build.buildId);
    }
  }

  /** Gives the digest that the registry knows it by. */
  async push(reference: string, options: PullOptions): Promise<string> {
    try {
      const digest = await this.#options.engine.push(reference, options);
      this.#reports.addPush({ tag: reference, digest: buildSchema.shape.context.parse(digest) });
      return digest;
    } catch (error) {
      this.#reports.addPush({ tag: reference, problem: wordsOf(error) });
      throw error;
    }
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
    const { image, timeoutSeconds } = request;
    const limited = withDeadline(timeoutSeconds * 1_000, signal);
    this.#change(going, { state: 'running', startedAt: new Date().toISOString() });
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
      this.#end(going, { state: 'cancelled', problem: 'Something newer is declared, or the agent stops' });
      return error;
    }
    if (going.cancelled.signal.aborted) {
      const cancelled = new AppError('interrupted', `Cannot build image "${image}": ${cancelledWords}`);
      this.#end(going, { state: 'cancelled', problem: cancelled.message });
      return cancelled;
    }
    const told = withStep(error, going);
    this.#end(going, { state: 'failed', problem: wordsOf(told) });
    return told;
  }

  #end(going: GoingBuild, outcome: Pick<Build, 'state' | 'imageId' | 'problem'>): void {
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

function newBuildId(): BuildId {
  return buildIdSchema.parse(`b-${[...randomBytes(26)].map((byte) => base32[byte & 31]).join('')}`);
}

function wordsOf(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  const next = isAppError(error) && error.next !== undefined ? `. ${error.next}` : '';
  return `${words}${next}`.slice(0, 4_096);
}

/** Which step failed, and what its command printed last, say more than how it ended. */
function withStep(error: unknown, { log, build: { step } }: GoingBuild): unknown {
  log.end();
  const { current } = log;
  if (!isAppError(error) || step === undefined || current === undefined) return error;
  // Of a command engines say it themselves.
  const isSaid = error.message.includes(current.instruction.replace(/^\S+\s+/, ''));
  const where = `in step ${step.number} of ${step.of}${isSaid ? '' : `, ${current.instruction.slice(0, 100)}`}`;
  const lines = current.lastLines.map((line) => `"${line.trim().slice(0, 200)}"`).join(', ');
  const printed = lines === '' ? '' : `; the last that it printed: ${lines}`;
  const { code, message, next } = error;
  const whole = `${message} ${where}${printed}`;
  return new AppError(code, whole, { cause: error, ...(next !== undefined && { next }) });
}

/** Engines repeat the command that failed, and what it was given. */
function withoutSecrets(error: unknown, secrets: Readonly<Record<string, string>>): unknown {
  const redactor = new Redactor(secrets);
  if (!isAppError(error) || !redactor.holds(error.message)) return error;
  return new AppError(error.code, redactor.text(error.message), error.next === undefined ? {} : { next: error.next });
}
