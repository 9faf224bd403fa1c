import { unpackFiles } from '../base/file-pack.ts';
import { openSealedLines, sealedLineCount } from '../base/sealed-lines.ts';
import { streamTar } from '../base/tar-writer.ts';
import { isAppError } from '../contracts/errors.ts';
import { reportBytes } from '../contracts/hand-over.ts';
import type { ByteStream, Engine } from '../engine/engine.ts';

/** The supervisor's complaints may stand before its report. */
const otherLines = 8;

/**
 * What an ended supervisor told in its log, as the tar that `/agora/out` would be. Undefined when it told nothing, or what the
 * log ends with is not sealed with this key: then the container has to be asked.
 */
export async function toldReport(engine: Engine, reference: string, key: Uint8Array): Promise<ByteStream | undefined> {
  const chunks: Uint8Array[] = [];
  try {
    const tail = sealedLineCount(reportBytes) + otherLines;
    for await (const { bytes } of engine.logs(reference, { follow: false, tail, streams: ['stderr'] }))
      chunks.push(bytes);
  } catch (error) {
    // It keeps no log that can be read; one that does not answer at all has to be waited for.
    if (isAppError(error) && error.code !== 'unreachable') return undefined;
    throw error;
  }
  const pack = openSealedLines(Buffer.concat(chunks).toString('utf8'), key);
  if (pack === undefined) return undefined;
  const files = unpackFiles(pack);
  return streamTar(async (tar) => {
    for (const { path, bytes } of files) tar.entry({ name: path, mode: 0o600 }, Buffer.from(bytes));
  });
}
