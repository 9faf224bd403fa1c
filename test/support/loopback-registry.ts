import { randomInt, randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { waitUntil } from '../../src/base/deadline.ts';
import { environmentNames } from '../../src/contracts/names.ts';
import { describeEndpoint, type EngineEndpoint } from '../../src/engine/endpoint.ts';
import type { HostEngine } from '../../src/engine/host-engine.ts';
import { plainBuild, programContext } from './busybox-image.ts';
import { rawEngine } from './engine.ts';

const program = '/usr/bin/docker-registry';

/** A registry on the loopback address of an engine's own network, which wants a login. */
export interface LoopbackRegistry {
  /** `127.0.0.1:<port>`, before the first slash of a reference. */
  readonly host: string;
  readonly login: { readonly username: string; readonly password: string };
  close(): Promise<void>;
}

/** Why there can be none here, said on stderr as well; false when there can. */
export async function registryObstacle(): Promise<string | false> {
  const isThere = await access(program).then(
    () => true,
    () => false,
  );
  if (isThere) return false;
  const obstacle = `tests of a registry need "${program}" (Debian: docker-registry)`;
  if (process.env[environmentNames.requireEngine] === '1') throw new Error(`A registry is required: ${obstacle}`);
  process.stderr.write(`NO REGISTRY: ${obstacle}: they are skipped\n`);
  return obstacle;
}

const login = { username: 'someone', password: 'something' };
/** With the bcrypt of the password. */
const passwords = 'someone:$2b$05$3k/5MjgRlNkiYsGBFexYuOZ7gKjSiK860h4Q6Mj0bAURETAYPbn7C\n';

const configuration = (port: number) => `version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: /data}}
http: {addr: 127.0.0.1:${port}}
auth: {htpasswd: {realm: test, path: /root/passwords}}
`;

/** Runs in a container with the engine's own network: the engine may live in another network namespace than the tests. */
export async function startLoopbackRegistry(engine: HostEngine, endpoint: EngineEndpoint): Promise<LoopbackRegistry> {
  const name = `agora-registry-${randomUUID()}`;
  const port = randomInt(20_000, 60_000);
  const dockerfile = `FROM scratch\nCOPY root /\nCOPY configuration passwords /root/\nENTRYPOINT ["${program}", "serve", "/root/configuration"]\n`;
  const context = await programContext(program, dockerfile, { configuration: configuration(port), passwords });
  const imageId = await engine.build(context, {
    ...plainBuild,
    tag: `${name}:latest`,
    useCache: false,
  });
  const docker = await rawEngine(describeEndpoint(endpoint));
  const container = await docker.createContainer({
    name,
    Image: imageId,
    HostConfig: { NetworkMode: 'host', AutoRemove: false },
  });
  const close = async () => {
    await engine.removeContainer(name);
    await engine.removeImage(`${name}:latest`);
  };
  try {
    await container.start();
    const reference = `127.0.0.1:${port}/nothing:latest`;
    const isUp = () =>
      engine.pull(reference, { login }).then(
        () => true,
        (error: { code?: string }) => error.code === 'image-missing',
      );
    await waitUntil('the registry', isUp, { timeoutMs: 30_000, intervalMs: 100 });
  } catch (error) {
    await close();
    throw error;
  }
  return { host: `127.0.0.1:${port}`, login, close };
}
