import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { busyboxContext } from '../../test/support/busybox-image.ts';
import { waitUntil } from '../base/deadline.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { networkSpecSchema, volumeSpecSchema, workspaceSpecSchema } from '../contracts/host-spec.ts';
import type { HostEngine } from './host-engine.ts';

export interface HostEngineUnderTest {
  readonly engine: HostEngine;
  close(): Promise<void>;
}

interface BuildWish {
  readonly args?: Record<string, string>;
  readonly secretArgs?: Record<string, string>;
  readonly target?: string;
}

/** An engine with an image to run, and what the suite makes on it: all of it has this suite's own names. */
export class SuiteHost {
  readonly #mark = randomUUID().slice(0, 8);
  readonly labels = { [hostLabels.host]: `host-${this.#mark}`, [hostLabels.kind]: 'workspace' };
  readonly tag = `agora-suite-${this.#mark}:latest`;
  /** Its first three numbers: others may use the same engine at the same time. */
  readonly subnet = `10.213.${randomInt(256)}`;
  #place: HostEngineUnderTest | undefined;
  #imageId = '';

  get engine(): HostEngine {
    assert.ok(this.#place, 'the engine is not open');
    return this.#place.engine;
  }

  get imageId(): string {
    return this.#imageId;
  }

  named(what: string): string {
    return `agora-suite-${this.#mark}-${what}`;
  }

  async open(open: () => Promise<HostEngineUnderTest>): Promise<void> {
    this.#place = await open();
    this.#imageId = (await this.build(this.tag)).id;
  }

  async close(): Promise<void> {
    if (this.#imageId !== '') await this.engine.removeImage(this.tag);
    await this.#place?.close();
  }

  async build(tag: string, dockerfile = '', wish: BuildWish = {}): Promise<{ id: string; lines: readonly string[] }> {
    const lines: string[] = [];
    const id = await this.engine.build(await busyboxContext(dockerfile), {
      tag,
      dockerfile: 'Dockerfile',
      args: wish.args ?? {},
      secretArgs: wish.secretArgs ?? {},
      labels: { 'suite.label': 'kept' },
      target: wish.target,
      useCache: true,
      pullBase: false,
      onProgress: (line) => lines.push(line),
    });
    return { id, lines };
  }

  create(what: string, wish: object = {}, secrets: Readonly<Record<string, string>> = {}): Promise<string> {
    const spec = workspaceSpecSchema.parse({ image: this.tag, command: ['sleep', '1000'], stopGrace: 0, ...wish });
    const { imageId, labels } = this;
    return this.engine.createWorkspace({ name: this.named(what), spec, imageId, secrets, labels });
  }

  async start(what: string, wish: object = {}, secrets: Readonly<Record<string, string>> = {}): Promise<string> {
    const id = await this.create(what, wish, secrets);
    await this.engine.startContainer(id);
    return id;
  }

  async see(what: string): Promise<ObservedContainer> {
    const found = (await this.engine.observeContainers()).find(({ name }) => name === this.named(what));
    assert.ok(found, `no container "${this.named(what)}"`);
    return found;
  }

  network(what: string, wish: object = {}): Promise<string> {
    return this.engine.createNetwork(this.named(what), networkSpecSchema.parse(wish), { labels: this.labels });
  }

  /** What a shell in a container of this spec prints to a file, which a helper then reads. */
  async report(script: string, wish: object = {}, secrets: Readonly<Record<string, string>> = {}): Promise<string> {
    const { engine, imageId, labels } = this;
    const volume = this.named('report-volume');
    await engine.createVolume(volume, volumeSpecSchema.parse({}), { labels });
    const mounts = [{ type: 'volume', volume, target: '/report' }];
    const command = ['sh', '-c', `{ ${script}; } >/report/text 2>&1`];
    await this.start('report', { command, restart: 'no', mounts, ...wish }, secrets);
    await waitUntil('the report', async () => (await this.see('report')).status === 'exited');
    await engine.removeContainer(this.named('report'));
    const helper = { image: imageId, command: ['cat', '/volume/text'], labels, hostNamespaces: false };
    return Buffer.from(await engine.runHelper({ ...helper, binds: [`${volume}:/volume:ro`] })).toString();
  }

  /** Takes away all but the image. */
  async sweep(): Promise<void> {
    const { engine } = this;
    const isOurs = ({ name }: { readonly name: string }) => name.startsWith(`agora-suite-${this.#mark}`);
    for (const { id } of (await engine.observeContainers()).filter(isOurs)) await engine.removeContainer(id);
    for (const { id } of (await engine.observeNetworks()).filter(isOurs)) await engine.removeNetwork(id);
    for (const { name } of (await engine.observeVolumes()).filter(isOurs)) await engine.removeVolume(name);
    const tags = (await engine.observeImages()).flatMap((image) => image.tags);
    for (const tag of tags.filter((name) => isOurs({ name }) && name !== this.tag)) await engine.removeImage(tag);
  }
}
