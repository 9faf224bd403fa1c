#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parseAnchorEvidence } from './anchor-evidence.ts';
import { exitCodeOf } from './report.ts';
import { reportText } from './report-text.ts';
import { parseTrust } from './trust.ts';
import { verifyBundle } from './verify.ts';

const usage = `Usage: agora-verify <bundle> [--trust FILE] [--anchor-evidence FILE] [--json]

Verifies an audit bundle offline, against the public keys in the trust file. What the bundle says of its own anchors is
not believed; what they showed to somebody you trust, in an evidence file, is.
Exit code: 0 intact, 1 not intact, 2 wrong usage, 3 cannot decide (no trust, an anchor that lacks the
run or was not reached, or a file that cannot be read).

Example: agora-verify bundle.json --trust trust.json
`;

/** Ends the program with a line on stderr. */
class Stop extends Error {
  readonly exitCode: 2 | 3;

  constructor(exitCode: 2 | 3, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

async function main(words: readonly string[]): Promise<number> {
  const { bundle, trust, evidence, isJson, isHelp } = readArguments(words);
  if (isHelp) {
    process.stdout.write(usage);
    return 0;
  }
  if (bundle === undefined) throw new Stop(2, usage);
  const report = await verifyBundle(await read(bundle), {
    trust: await parsed('trust file', trust, parseTrust),
    ...(await readEvidence(evidence)),
  });
  process.stdout.write(isJson ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
  if (report.failure === 'no-trust') process.stderr.write('Name the trust file with --trust FILE\n');
  return exitCodeOf(report);
}

function readArguments(words: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        trust: { type: 'string' },
        'anchor-evidence': { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (positionals.length > 1) throw new Error(`Cannot verify ${positionals.length} bundles: name one`);
    const { trust, 'anchor-evidence': evidence, json: isJson = false, help: isHelp = false } = values;
    return { bundle: positionals[0], trust, evidence, isJson, isHelp };
  } catch (error) {
    throw new Stop(2, `${messageOf(error)}\n\n${usage}`);
  }
}

async function readEvidence(path: string | undefined) {
  const file = await parsed('anchor evidence', path, parseAnchorEvidence);
  return file === undefined ? {} : { evidence: { file, now: new Date().toISOString() } };
}

async function parsed<T>(what: string, path: string | undefined, parse: (bytes: Uint8Array) => T) {
  if (path === undefined) return undefined;
  const bytes = await read(path);
  try {
    return parse(bytes);
  } catch (error) {
    throw new Stop(3, `Cannot use ${what} "${path}": ${messageOf(error)}\n`);
  }
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Stop(3, `Cannot read "${path}": ${messageOf(error)}\n`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Exit code 1 is a verdict; what went wrong here is none.
  process.stderr.write(error instanceof Stop ? error.message : `Cannot verify: ${messageOf(error)}\n`);
  process.exitCode = error instanceof Stop ? error.exitCode : 3;
}
