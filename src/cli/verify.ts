import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { exitCodeOf } from '../audit/verify/report.ts';
import { reportText } from '../audit/verify/report-text.ts';
import { verifyBundle } from '../audit/verify/verify.ts';
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
      json: { type: 'boolean', summary: 'Print the report as JSON' },
    },
    details: [
      'Needs no daemon and no network. Exits 0 if the bundle is intact, 1 if not, 3 if that cannot be decided.',
    ],
    examples: ['agora verify bundle.json', 'agora verify bundle.json --trust trust.json --json'],
  },
  async ({ operands, options }, context) => {
    const [typed = ''] = operands;
    const bytes = await readBundleFile(resolve(context.cwd, typed));
    const report = await verifyBundle(bytes, { trust: await chosenTrust(options.trust, context) });
    if (options.json === true) await say(context.stdout, JSON.stringify(report, undefined, 2));
    else await context.stdout.write(reportText(report));
    if (report.failure === 'no-trust') {
      const signer = report.signerKeyId ?? 'unknown';
      await say(context.stderr, `agora: name the trust file with --trust; the bundle says its signer is ${signer}`);
    }
    return exitCodeOf(report);
  },
);

async function readBundleFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const state = systemErrorCode(cause) === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
    throw new AppError('usage', `Cannot verify "${path}": ${state}`, { cause });
  }
}
