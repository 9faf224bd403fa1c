import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { busyboxContext } from '../../test/support/busybox-image.ts';
import { engineForTests } from '../../test/support/engine.ts';
import { digestOf } from '../base/hash.ts';
import type { Build, BuildId, BuildPush, BuildsReport } from '../contracts/builds.ts';
import { buildSpecSchema } from '../contracts/host-spec.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { parseEngineHost } from '../engine/endpoint.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import type { ImageBuildRequest } from './apply-moves.ts';
import { ImageBuilder, type ImageBuilderOptions } from './builds.ts';
import type { Link } from './link.ts';

export const { engine: plainEngine, skip } = await engineForTests();
export const hostId = `h-${'a'.repeat(26)}`;
export const never = new AbortController().signal;

/** A server's side: contexts it gives, and what it was told. */
class Listener {
  readonly contexts = new Map<string, Uint8Array>();
  readonly builds = new Map<BuildId, Build>();
  readonly states: string[] = [];
  readonly lines: string[] = [];
  readonly toCancel: BuildId[] = [];
  failures: Error[] = [];
  /** As every server does; a proxy before it may not. */
  tellsSizes = true;
  live: readonly string[] = [];
  readonly pushes: BuildPush[] = [];

  readonly link = {
    ready: async () => undefined,
    send: async (_name: string, { params }: { params: { digest: string } }) => {
      const failure = this.failures.shift();
      if (failure !== undefined) throw failure;
      const content = Buffer.from(this.contexts.get(params.digest) ?? '');
      return new Response(content, { headers: this.tellsSizes ? { 'content-length': String(content.length) } : {} });
    },
    call: async (_name: string, { body }: { body: BuildsReport }) => {
      const failure = this.failures.shift();
      if (failure !== undefined) throw failure;
      this.#take(body);
      return { cancel: this.toCancel.splice(0) };
    },
  } as unknown as Pick<Link, 'send' | 'call' | 'ready'>; // The three calls of it that a builder makes.

  get last(): Build | undefined {
    return [...this.builds.values()].at(-1);
  }

  #take({ builds, logs, live, pushes }: BuildsReport): void {
    this.live = live;
    this.pushes.push(...pushes);
    for (const build of builds) {
      this.builds.set(build.buildId, build);
      if (this.states.at(-1) !== build.state) this.states.push(build.state);
    }
    for (const { lines } of logs) this.lines.push(...lines);
  }
}

export interface Place {
  readonly builder: ImageBuilder;
  readonly server: Listener;
  readonly folder: string;
  readonly engine: HostEngine;
  request(dockerfile: string, changes?: object): Promise<ImageBuildRequest>;
}

/** A builder on a real engine, which tells a listener; gone after the test. */
export async function aPlace(
  t: TestContext,
  openSecrets: ImageBuilderOptions['openSecrets'] = async () => ({}),
  deletesContext = true,
): Promise<Place> {
  assert.ok(plainEngine);
  const folder = await mkdtemp(join(tmpdir(), 'agora-builds-'));
  const engine = dockerHostEngine({ endpoint: parseEngineHost(plainEngine.address, 'test') });
  const server = new Listener();
  const log = (line: string) => t.diagnostic(line);
  const builder = new ImageBuilder({
    ...{ engine, link: server.link, folder, deletesContext, hostId: () => hostId, openSecrets, log },
  });
  const stop = new AbortController();
  const telling = builder.run(stop.signal);
  const tags: string[] = [];
  t.after(async () => {
    stop.abort();
    await telling;
    for (const tag of tags) await engine.removeImage(tag);
    await rm(folder, { recursive: true, force: true });
  });
  const request = async (dockerfile: string, changes: object = {}) => {
    const content = await buffer(await busyboxContext(dockerfile));
    const context = digestOf(content);
    server.contexts.set(context, content);
    const tag = `agora-builds-test:${randomUUID()}`;
    tags.push(tag);
    const spec = buildSpecSchema.parse({ context, useCache: false, ...changes });
    return { image: 'web', tag, labels: { 'agora.test': 'builds' }, spec, timeoutSeconds: 60 };
  };
  return { builder, server, folder, engine, request };
}
