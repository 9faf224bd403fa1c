import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostSpecSchema } from '../contracts/host-spec.ts';
import { checkSpec } from './check-spec.ts';

function problemsOf(spec: Record<string, unknown>): string[] {
  return checkSpec(hostSpecSchema.parse({ schemaVersion: 1, ...spec })).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );
}

const web = { image: 'busybox' };

test('a spec whose parts fit together has no problems', () => {
  const problems = problemsOf({
    networks: { front: {} },
    volumes: { data: {} },
    images: { app: { build: { context: '.' } } },
    workspaces: {
      web: {
        image: 'app',
        networks: ['front'],
        mounts: [{ type: 'volume', volume: 'data', target: '/data' }],
        ports: [
          { container: 80, host: 80, address: '127.0.0.1' },
          { container: 80, host: 80, address: '10.0.0.1' },
          { container: 53, host: 80, address: '127.0.0.1', protocol: 'udp' },
        ],
      },
    },
  });

  assert.deepEqual(problems, []);
});

test('a port of the host belongs to one workspace that runs', () => {
  const on80 = { ...web, ports: [{ container: 80, host: 80 }] };
  const local = { ...web, ports: [{ container: 81, host: 80, address: '127.0.0.1' }] };

  assert.deepEqual(problemsOf({ workspaces: { one: on80, two: local, three: { ...on80, running: false } } }), [
    'workspaces.two.ports.0: host port 80/tcp is taken by workspace "one"',
  ]);
});

test('a port may be published for IPv4 and for IPv6', () => {
  const dual = { ...web, ports: ['0.0.0.0', '::'].map((address) => ({ container: 80, host: 80, address })) };
  const local = { ...web, ports: [{ container: 80, host: 80, address: '::1' }] };

  assert.deepEqual(problemsOf({ workspaces: { dual } }), []);
  assert.deepEqual(problemsOf({ workspaces: { dual, local } }), [
    'workspaces.local.ports.0: host port 80/tcp is taken by workspace "dual"',
  ]);
});

test('what is named has to be declared, and what is near is suggested', () => {
  const workspace = {
    ...web,
    networks: ['frnt', 'front', 'front'],
    mounts: [
      { type: 'volume', volume: 'dta', target: '/data' },
      { type: 'tmpfs', target: '/data' },
    ],
  };

  assert.deepEqual(problemsOf({ networks: { front: {} }, volumes: { data: {} }, workspaces: { web: workspace } }), [
    'workspaces.web.networks.0: no network "frnt" is declared (did you mean "front"?)',
    'workspaces.web.networks.2: names "front" again',
    'workspaces.web.mounts.0.volume: no volume "dta" is declared (did you mean "data"?)',
    'workspaces.web.mounts.1.target: is the target of mounts[0] as well',
  ]);
});

test('names of engines, of the agent and of exchanges are not for specs', () => {
  const spec = { networks: { bridge: {} }, volumes: { 'agora-agent': {} }, workspaces: { 'web.agora-next': web } };

  assert.deepEqual(problemsOf(spec), [
    'networks.bridge: "bridge" is a network of the engine itself',
    "volumes.agora-agent: is the agent's own volume",
    'workspaces.web.agora-next: must not end in .agora-next or .agora-previous: these names are for exchanges',
  ]);
});

test('start-first is refused with a port that both containers would need', () => {
  const workspace = { ...web, ports: [{ container: 80, host: 80 }], updateStrategy: { order: 'start-first' } };

  assert.match(problemsOf({ workspaces: { web: workspace } })[0] ?? '', /cannot be with the old and the new container/);
});

test('text that has no one spelling is refused before it is kept', () => {
  const problems = problemsOf({ workspaces: { web: { ...web, user: '\ud800' } } });

  assert.match(problems[0] ?? '', /lone surrogate/);
});

test('images: two of one name, a Dockerfile outside its context, a push without a registry, a secret that is an argument', () => {
  const images = {
    one: { pull: 'busybox' },
    two: { pull: 'docker.io/library/busybox:latest' },
    three: { build: { context: '.', dockerfile: '../Dockerfile', push: true } },
    four: { build: { context: '.', args: { TOKEN: 'x' }, secrets: { TOKEN: 'env:TOKEN' } } },
  };

  assert.deepEqual(problemsOf({ images }), [
    'images.two: is known as "busybox:latest", and so is image "one"',
    'images.three.build.dockerfile: must be a path within the context',
    'images.three.build.push: needs a tag that names the registry',
    'images.four.build.secrets.TOKEN: is set in args as well',
  ]);
});
