import * as z from 'zod';
import { suggestion } from '../base/suggest.ts';
import { hostSpecSchema } from '../contracts/host-spec.ts';

/** What compose files call what a spec calls otherwise. */
const composeWords: Readonly<Record<string, string>> = {
  cap_add: 'capabilities',
  container_name: 'the name of the workspace',
  deploy: 'cpus, memory and gpus',
  driver_opts: 'driverOptions',
  environment: 'env',
  healthcheck: 'health',
  mem_limit: 'memory',
  pids_limit: 'pids',
  read_only: 'readOnlyRoot',
  services: 'workspaces',
  shm_size: 'shm',
  stdin_open: 'stdin',
  stop_grace_period: 'stopGrace',
  version: 'schemaVersion',
  volumes: 'mounts',
  working_dir: 'workingDirectory',
};

/** Why there is no such key at that place of a spec, and what may be meant. */
export function unknownKey(key: string, above: readonly PropertyKey[]): string {
  const meant = Object.hasOwn(composeWords, key) ? composeWords[key] : undefined;
  const known = keysOf(schemaAt(hostSpecSchema, above));
  if (meant !== undefined && (known.includes(meant) || meant.includes(' ')))
    return `there is no such key; it is ${meant}`;
  return `there is no such key${suggestion(key, known)}`;
}

function schemaAt(schema: z.core.$ZodType | undefined, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  return path.reduce<z.core.$ZodType | undefined>((at, key) => {
    const inner = unwrapped(at);
    if (inner instanceof z.ZodObject) return Object.hasOwn(inner.shape, key) ? inner.shape[String(key)] : undefined;
    if (inner instanceof z.ZodRecord) return inner.valueType;
    return inner instanceof z.ZodArray ? inner.element : undefined;
  }, schema);
}

function keysOf(schema: z.core.$ZodType | undefined): string[] {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodObject) return Object.keys(inner.shape);
  if (!(inner instanceof z.ZodUnion)) return [];
  return [...new Set(inner.options.flatMap((option: z.core.$ZodType) => keysOf(option)))];
}

function unwrapped(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  const isWrapped =
    schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
  return isWrapped ? unwrapped(schema.unwrap()) : schema;
}
