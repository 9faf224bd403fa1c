import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type AnchorEvidenceFile, parseAnchorEvidence } from '../audit/verify/anchor-evidence.ts';
import { Refusal } from '../audit/verify/refusal.ts';
import { exitCodeOf } from '../audit/verify/report.ts';
import { reportText } from '../audit/verify/report-text.ts';
import { verifyBundle } from '../audit/verify/verify.ts';
import { StrictJsonError } from '../base/strict-json.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { chosenTrust } from './load-trust.ts';
import { say } from './output.ts';

export const verify = defineCommand(
  {
    operands: ['<bundle>'],
    options: {
      trust: {
        type: 'string',
        value: '<file>',
        summary: "Whose seals to believe (default: the config's trust, else the nearest .agora/trust.json)",
      },
      'anchor-evidence': {
        type: 'string',
        value: '<file>',
        summary: 'What the anchors showed to somebody you trust (agora orch audit --evidence)',
      },
      json: { type: 'boolean', summary: 'Print the report as JSON' },
    },
    details: [
      'Needs no daemon and no network. Exits 0 if the bundle is intact, 1 if not, 3 if that cannot be decided.',
      'What a bundle says of its own anchors is not believed: without evidence the guarantee is "detect".',
    ],
    examples: ['agora verify bundle.json', 'agora verify bundle.json --trust trust.json --json'],
  },
  async ({ operands, options }, context) => {
    const [typed = ''] = operands;
    const bytes = await readBytes(resolve(context.cwd, typed));
    const trust = await chosenTrust(options.trust, context);
    const named = options['anchor-evidence'];
    const evidence = named === undefined ? {} : { evidence: await readEvidence(resolve(context.cwd, named)) };
    const report = await verifyBundle(bytes, { trust, ...evidence });
    if (options.json === true) await say(context.stdout, JSON.stringify(report, undefined, 2));
    else await context.stdout.write(reportText(report));
    if (report.failure === 'no-trust') {
      const signer = report.signerKeyId ?? 'unknown';
      await say(context.stderr, `agora: name the trust file with --trust; the bundle says its signer is ${signer}`);
    }
    return exitCodeOf(report);
  },
);

async function readEvidence(path: string): Promise<{ file: AnchorEvidenceFile; now: string }> {
  const bytes = await readBytes(path, 'use anchor evidence');
  try {
    return { file: parseAnchorEvidence(bytes), now: new Date().toISOString() };
  } catch (cause) {
    if (!(cause instanceof Refusal) && !(cause instanceof StrictJsonError)) throw cause;
    const state = `${cause.path} ${cause.message}`.trim();
    throw new AppError('invalid-input', `Cannot use anchor evidence "${path}": ${state}`, {
      cause,
      next: 'agora orch audit RUN --evidence FILE',
    });
  }
}

async function readBytes(path: string, action = 'verify'): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const state = systemErrorCode(cause) === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
    throw new AppError('usage', `Cannot ${action} "${path}": ${state}`, { cause });
  }
}
