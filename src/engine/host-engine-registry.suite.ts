import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { busyboxContext, plainBuild } from '../../test/support/busybox-image.ts';
import { type LoopbackRegistry, startLoopbackRegistry } from '../../test/support/loopback-registry.ts';
import { isAppError } from '../contracts/errors.ts';
import type { EngineEndpoint } from './endpoint.ts';
import type { HostEngine } from './host-engine.ts';

export interface RegistryEngineUnderTest {
  readonly engine: HostEngine;
  readonly endpoint: EngineEndpoint;
  close(): Promise<void>;
}

/** What every `HostEngine` does with a registry, tried with a real one that wants a login. */
export function hostEngineRegistrySuite(
  name: string,
  open: () => Promise<RegistryEngineUnderTest>,
  { skip }: { readonly skip: string | false },
): void {
  describe(`host engine and registry: ${name}`, { skip, concurrency: false }, () => {
    let place: RegistryEngineUnderTest;
    let engine: HostEngine;
    let registry: LoopbackRegistry;
    let reference: string;
    let imageId: string;

    before(async () => {
      place = await open();
      engine = place.engine;
      registry = await startLoopbackRegistry(engine, place.endpoint);
      reference = `${registry.host}/team/${randomUUID()}:1`;
      imageId = await engine.build(await busyboxContext(`LABEL one=${randomUUID()}\n`), {
        ...plainBuild,
        tag: reference,
      });
    });
    after(async () => {
      await engine?.removeImage(reference);
      await registry?.close();
      await place?.close();
    });

    test('what is pushed has a digest, by which and by its tag it is pulled again', async () => {
      const { login } = registry;
      const lines: string[] = [];

      const digest = await engine.push(reference, { login, onProgress: (line) => lines.push(line) });
      await engine.removeImage(reference);
      const byTag = await engine.pull(reference, { login, onProgress: (line) => lines.push(line) });
      const seen = (await engine.observeImages()).find(({ id }) => id === byTag);
      await engine.removeImage(reference);
      const byDigest = await engine.pull(reference.replace(/:1$/, `@${digest}`), { login });

      assert.match(digest, /^sha256:[0-9a-f]{64}$/);
      assert.deepEqual([byTag, byDigest], [imageId, imageId]);
      assert.ok(seen?.repositoryDigests.includes(reference.replace(/:1$/, `@${digest}`)));
      assert.ok(lines.length > 0);
      await engine.pull(reference, { login });
      await engine.removeImage(reference.replace(/:1$/, `@${digest}`));
    });

    test('without a login, or with a wrong one, a registry refuses', async () => {
      const wrong = { ...registry.login, password: 'other' };
      const isRefused = (error: unknown) => isAppError(error, 'refused') && error.next !== undefined;

      await assert.rejects(engine.pull(reference), isRefused);
      await assert.rejects(engine.pull(reference, { login: wrong }), isRefused);
      await assert.rejects(engine.push(reference, { login: wrong }), isRefused);
    });

    test('what a registry does not have is a missing image', async () => {
      const absent = reference.replace(/:1$/, ':2');

      await assert.rejects(engine.pull(absent, registry), (error) => isAppError(error, 'image-missing'));
      await assert.rejects(engine.push(absent, registry), (error) => isAppError(error, 'image-missing'));
    });

    test('a registry that cannot be reached is not ready', async () => {
      await assert.rejects(engine.pull('127.0.0.1:1/nothing:1'), (error) => isAppError(error, 'not-ready'));
    });

    test('a base image that is private is pulled for a build with its login', async () => {
      const tag = `agora-suite-${randomUUID()}:latest`;
      await engine.push(reference, registry);
      await engine.removeImage(reference);
      const settings = { dockerfile: 'Other', args: {}, labels: {}, target: undefined, useCache: false } as const;
      const context = () => busyboxContext('', { Other: `FROM ${reference}\nLABEL two=yes\n` });

      await assert.rejects(engine.build(await context(), { ...settings, tag, pullBase: true }), (error) =>
        isAppError(error, 'refused'),
      );
      const logins = { [registry.host]: registry.login };
      const id = await engine.build(await context(), { ...settings, tag, pullBase: true, logins });

      const seen = (await engine.observeImages()).find((image) => image.id === id);
      assert.deepEqual(seen?.tags, [tag]);
      await engine.removeImage(tag);
    });
  });
}
