import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseStrictYaml } from '../base/strict-yaml.ts';
import { emptyHostSpec, type HostSpec, hostSpecSchema } from '../contracts/host-spec.ts';
import { specText } from './spec-text.ts';

function read(text: string): HostSpec {
  return hostSpecSchema.parse(parseStrictYaml(Buffer.from(text), { maxBytes: 1_000_000 }).value);
}

test('what is the default anyway is left out', () => {
  const spec = hostSpecSchema.parse({
    schemaVersion: 1,
    volumes: { data: {} },
    workspaces: {
      web: {
        image: 'nginx:1',
        memory: '512m',
        updateStrategy: { order: 'start-first', rollback: true },
        ports: [{ container: 80, host: 8080 }],
      },
    },
  });

  assert.equal(
    specText(spec),
    `schemaVersion: 1
volumes:
  data: {}
workspaces:
  web:
    image: nginx:1
    ports:
      - container: 80
        host: 8080
    memory: 512m
    updateStrategy:
      order: start-first
`,
  );
  assert.equal(specText(emptyHostSpec), 'schemaVersion: 1\n');
});

test('a spec that is exported is the same spec, whatever its texts are', () => {
  const text = fc
    .string({ unit: 'grapheme', maxLength: 20 })
    .filter((value) => !value.includes('\0') && value.isWellFormed());
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,10}$/);
  const workspace = fc.record(
    {
      image: fc.constantFrom('nginx:1', 'app'),
      command: fc.array(text, { maxLength: 3 }),
      env: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), text, { maxKeys: 3 }),
      running: fc.boolean(),
      ports: fc.array(
        fc.record(
          { container: fc.constantFrom(80, 81), protocol: fc.constantFrom('tcp', 'udp') },
          { requiredKeys: ['container'] },
        ),
        { maxLength: 2 },
      ),
      mounts: fc.array(
        fc.record({
          type: fc.constant('bind'),
          source: fc.constant('/a'),
          target: fc.constant('/b'),
          readOnly: fc.boolean(),
        }),
        { maxLength: 2 },
      ),
      stopGrace: fc.constantFrom(10, '10s', 0),
      gpus: fc.constantFrom('all' as const, 1, ['0']),
      onDisconnect: fc.record(
        { action: fc.constantFrom('keep', 'stop'), after: fc.constantFrom(300, 1) },
        { requiredKeys: [] },
      ),
      health: fc.record(
        { command: fc.array(text, { minLength: 1, maxLength: 2 }), retries: fc.constantFrom(3, 4) },
        { requiredKeys: ['command'] },
      ),
    },
    { requiredKeys: ['image'] },
  );
  const specs = fc.record({
    schemaVersion: fc.constant(1),
    workspaces: fc.dictionary(name, workspace, { maxKeys: 3 }),
  });

  fc.assert(
    fc.property(specs, (given) => {
      const spec = hostSpecSchema.parse(given);
      assert.deepEqual(read(specText(spec)), spec);
    }),
    { numRuns: 200 },
  );
});
