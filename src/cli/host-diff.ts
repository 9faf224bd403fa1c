import { exitCodes, isAppError } from '../contracts/errors.ts';
import { emptyHostSpec, type HostSpec } from '../contracts/host-spec.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { fileOption, readSpec } from './given-spec.ts';
import { packContexts } from './host-spec-contexts.ts';
import { jsonText } from './json-text.ts';
import { oneLine } from './one-line.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { type SpecDifference, specDifferences } from './spec-differences.ts';
import { sectionSchemas, withoutDefaults } from './spec-text.ts';
import { countOf } from './time-word.ts';
import { sayWrapped } from './wrap-line.ts';

const lineLength = 2_000;

export const hostDiff = defineCommand(
  {
    operands: ['<host>'],
    options: {
      file: { ...fileOption, summary: 'The spec to compare with; - is standard input (default: what is declared)' },
      revision: {
        type: 'string',
        value: '<n>',
        summary: 'Compare with this one (default: what is declared; without -f the one before)',
      },
      json: { type: 'boolean', summary: 'Print JSON' },
      ...serverOptions,
    },
    details: [
      'Prints what a spec says otherwise than what is declared: + is new, - is gone, ~ is changed. Exits 1 when they differ.',
      'What the host would have to do for it: agora host plan.',
    ],
    examples: ['agora host diff gpu-box-1 -f spec.yaml', 'agora host diff gpu-box-1 --revision 3'],
  },
  async ({ operands: [word = ''], options }, context) => {
    const given = options.file === undefined ? undefined : await packContexts(await readSpec(options.file, context));
    const revision = options.revision === undefined ? undefined : countOf('revision', options.revision);
    const client = await openServer(options, context);
    const { hostId } = await findHost(client, word);
    const declared = given?.spec ?? (await declaredSpec(client, hostId, undefined));
    const earlier = revision ?? (given === undefined ? await previousRevision(client, hostId) : undefined);
    const found = specDifferences(await declaredSpec(client, hostId, earlier), declared);
    if (options.json === true) await say(context.stdout, jsonText(found, 2));
    else for (const difference of found) await sayWrapped(context.stdout, differenceLine(difference));
    return found.length === 0 ? exitCodes.ok : exitCodes.no;
  },
);

async function previousRevision(client: ServerClient, host: string): Promise<number> {
  const { revisions } = await client.call('listRevisions', { params: { host } });
  return revisions[1]?.revision ?? 0;
}

/** Before the first revision there is nothing. */
async function declaredSpec(client: ServerClient, host: string, revision: number | undefined): Promise<HostSpec> {
  if (revision === 0) return emptyHostSpec;
  const query = revision === undefined ? {} : { revision };
  try {
    return (await client.call('getSpec', { params: { host }, query })).spec;
  } catch (error) {
    if (revision === undefined && isAppError(error, 'not-found')) return emptyHostSpec;
    throw error;
  }
}

function differenceLine({ path, before, after }: SpecDifference): string {
  const name = path.map((key) => (/[.\s]/.test(String(key)) ? JSON.stringify(key) : key)).join('.');
  const [was, is] = [before, after].map((value) => JSON.stringify(asWritten(path, value)));
  if (was === undefined) return oneLine(`+ ${name}: ${is}`, lineLength);
  if (is === undefined) return oneLine(`- ${name}: ${was}`, lineLength);
  return oneLine(`~ ${name}: ${was} → ${is}`, lineLength);
}

/** A whole resource without what is the default anyway. */
function asWritten([section, ...names]: SpecDifference['path'], value: unknown): unknown {
  const isResource = names.length === 1 && typeof value === 'object' && value !== null;
  return isResource && isSection(section) ? withoutDefaults(value, sectionSchemas[section]) : value;
}

function isSection(name: unknown): name is keyof typeof sectionSchemas {
  return typeof name === 'string' && Object.hasOwn(sectionSchemas, name);
}
