import { resolve } from 'node:path';
import type { YamlDocument } from '../base/strict-yaml.ts';
import type { GivenSecret } from '../contracts/env-bundle.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { Problem } from '../contracts/mailbox.ts';
import { resolveCapability } from './capabilities.ts';
import type { CapabilityFile } from './capability-files.ts';
import { readCapabilityFolder } from './capability-folder.ts';
import { type DeployManifest, type PlacedProblem, placed, readManifest } from './deploy-manifest.ts';
import type { EnvPorts } from './envs.ts';
import { resolvePipeline } from './pipelines.ts';
import { type PlannedChange, planRegistrations, type Registration } from './registrations.ts';
import { readSecretWord } from './secret-word.ts';

export interface ManifestFile {
  readonly document: YamlDocument;
  readonly text: string;
  /** Where its relative paths start. */
  readonly folder: string;
}

export type DeployPlan =
  | {
      readonly kind: 'plan';
      readonly registrations: readonly Registration[];
      readonly changes: readonly PlannedChange[];
    }
  | { readonly kind: 'invalid'; readonly problems: readonly PlacedProblem[] };

interface PathedRegistration {
  readonly path: string;
  readonly registration: Registration;
}

/** Checks a whole manifest, the folders it names and what it refers to. Nothing is stored. */
export async function planDeploy(ports: EnvPorts, file: ManifestFile): Promise<DeployPlan> {
  const reading = readManifest(file.document, file.text);
  if (reading.kind === 'invalid') return reading;
  const problems: Problem[] = [
    ...namespaceProblems(reading.manifest, ports),
    ...(await unknownNames(reading.manifest, ports)),
  ];
  const found = await registrationsOf(reading.manifest, file.folder, problems);
  const planned = await planRegistrations(
    ports,
    found.map(({ registration }) => registration),
  );
  const changes: PlannedChange[] = [];
  for (const [index, each] of planned.entries()) {
    if (each.kind === 'change') changes.push(each.change);
    else problems.push({ path: found[index]?.path ?? '', message: each.error.message });
  }
  if (problems.length > 0) return { kind: 'invalid', problems: problems.map((each) => placed(file.document, each)) };
  return { kind: 'plan', registrations: found.map(({ registration }) => registration), changes };
}

function namespaceProblems({ namespace }: DeployManifest, ports: EnvPorts): Problem[] {
  if (namespace === undefined || namespace === ports.namespace) return [];
  return [{ path: 'namespace', message: `is "${namespace}", the config's is "${ports.namespace}"` }];
}

/** What is referred to comes before what refers to it. */
async function registrationsOf(
  { capabilities, pipelines, envs, subagents }: DeployManifest,
  folder: string,
  problems: Problem[],
): Promise<PathedRegistration[]> {
  const found: PathedRegistration[] = [];
  for (const [index, { name, from }] of capabilities.entries()) {
    const path = `capabilities[${index}]`;
    const files = await filesOf(resolve(folder, from), `${path}.from`, problems);
    if (files !== undefined) found.push({ path, registration: { type: 'capability', given: { name, files } } });
  }
  for (const [index, given] of pipelines.entries()) {
    found.push({ path: `pipelines[${index}]`, registration: { type: 'pipeline', given } });
  }
  for (const [index, { name, values, secrets }] of envs.entries()) {
    const path = `envs[${index}]`;
    const given = { name, values, secrets: secretsOf(secrets, `${path}.secrets`, folder, problems) };
    found.push({ path, registration: { type: 'env', given } });
  }
  for (const [index, given] of subagents.entries()) {
    found.push({ path: `subagents[${index}]`, registration: { type: 'subagent', given } });
  }
  return found;
}

async function filesOf(
  folder: string,
  path: string,
  problems: Problem[],
): Promise<Readonly<Record<string, CapabilityFile>> | undefined> {
  try {
    return await readCapabilityFolder(folder);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    problems.push({ path, message: error.message });
    return undefined;
  }
}

function secretsOf(
  secrets: DeployManifest['envs'][number]['secrets'],
  path: string,
  folder: string,
  problems: Problem[],
): Record<string, GivenSecret> {
  const given: [string, GivenSecret][] = [];
  for (const [name, secret] of Object.entries(secrets)) {
    const expires = typeof secret === 'object' && 'inline' in secret && secret.ttlSeconds !== undefined;
    const read = readSecretWord(wordOf(secret), folder);
    if (read.kind === 'secret') {
      given.push([name, expires ? { ...secret } : read.secret]);
      continue;
    }
    const instead = read.instead === undefined ? '' : `: give it as ${read.instead}`;
    problems.push({ path: `${path}.${name}`, message: `${read.message}${instead}` });
  }
  return Object.fromEntries(given);
}

function wordOf(secret: DeployManifest['envs'][number]['secrets'][string]): string {
  if (typeof secret === 'string') return secret;
  return 'ref' in secret ? secret.ref : `inline:${secret.inline}`;
}

/** Names a subagent refers to that are neither in the manifest nor registered. */
async function unknownNames(manifest: DeployManifest, { storage, namespace }: EnvPorts): Promise<Problem[]> {
  const capabilities = new Set(manifest.capabilities.map(({ name }) => name));
  const pipelines = new Set(manifest.pipelines.map((pipeline) => String(Reflect.get(Object(pipeline), 'id'))));
  const problems: Problem[] = [];
  for (const [index, subagent] of manifest.subagents.entries()) {
    for (const [at, pin] of (subagent.capabilities ?? []).entries()) {
      if (capabilities.has(pin)) continue;
      const message = await unknownMessage(resolveCapability(storage, namespace, pin));
      if (message !== undefined) problems.push({ path: `subagents[${index}].capabilities[${at}]`, message });
    }
    const { pipeline } = subagent;
    if (pipeline === undefined || pipelines.has(pipeline)) continue;
    const message = await unknownMessage(resolvePipeline(storage, namespace, pipeline));
    if (message !== undefined) problems.push({ path: `subagents[${index}].pipeline`, message });
  }
  return problems;
}

async function unknownMessage(resolving: Promise<unknown>): Promise<string | undefined> {
  try {
    await resolving;
    return undefined;
  } catch (error) {
    if (isAppError(error, 'unknown-name') || isAppError(error, 'not-found')) return error.message;
    throw error;
  }
}
