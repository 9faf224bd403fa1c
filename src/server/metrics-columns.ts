import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** Points of one series, one for each step of a window; NaN where nothing is known. */
export interface Column {
  readonly mean: Float32Array;
  readonly max: Float32Array;
}

export type Columns = Map<string, Column>;

/** Of the 23 bits of a fraction, 11 are kept: right to 0.03 %. The rest is noise, which does not compress. */
const mantissaMask = 0xff_ff_f0_00;
const planes = 3;
const headerBytes = 4;
/** A chunk of ours is far below it. */
const mostBytes = 64 * 1024 * 1024;

export function emptyColumn(length: number): Column {
  return { mean: new Float32Array(length).fill(Number.NaN), max: new Float32Array(length).fill(Number.NaN) };
}

/**
 * Each value as the bits that differ from the one before, the same byte of all of them side by side: what changes little becomes
 * zeros, and then takes next to nothing.
 */
export function packColumns(columns: Columns): Uint8Array {
  const names = [...columns.keys()].sort();
  const length = columns.get(names[0] ?? '')?.mean.length ?? 0;
  const header = Buffer.from(JSON.stringify({ names, length }));
  const bytes = Buffer.alloc(headerBytes + header.length + names.length * 2 * planes * length);
  bytes.writeUInt32LE(header.length, 0);
  header.copy(bytes, headerBytes);
  let at = headerBytes + header.length;
  for (const name of names) {
    const column = columns.get(name) ?? emptyColumn(length);
    for (const values of [column.mean, column.max]) at = packValues(values, bytes, at);
  }
  return deflateRawSync(bytes, { level: 1 });
}

export function unpackColumns(packed: Uint8Array): Columns {
  const bytes = inflateRawSync(packed, { maxOutputLength: mostBytes });
  const headerLength = bytes.readUInt32LE(0);
  const header: unknown = JSON.parse(bytes.toString('utf8', headerBytes, headerBytes + headerLength));
  const { names, length } = header as { names: string[]; length: number }; // Only `packColumns` writes it.
  let at = headerBytes + headerLength;
  const next = () => {
    const values = unpackValues(bytes, at, length);
    at += planes * length;
    return values;
  };
  return new Map(names.map((name) => [name, { mean: next(), max: next() }]));
}

function packValues(values: Float32Array, into: Buffer, at: number): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const { length } = bits;
  let before = 0;
  for (let index = 0; index < length; index += 1) {
    const rounded = roundedBits(bits[index] ?? 0);
    const changed = (rounded ^ before) >>> 0;
    before = rounded;
    into[at + index] = changed >>> 24;
    into[at + length + index] = changed >>> 16;
    into[at + 2 * length + index] = changed >>> 8;
  }
  return at + planes * length;
}

/** To the nearest of those that are kept; what is no number stays so. */
function roundedBits(bits: number): number {
  const isNotFinite = (bits & 0x7f_80_00_00) === 0x7f_80_00_00;
  return ((isNotFinite ? bits : bits + 0x8_00) & mantissaMask) >>> 0;
}

function unpackValues(bytes: Buffer, at: number, length: number): Float32Array {
  const bits = new Uint32Array(length);
  let before = 0;
  for (let index = 0; index < length; index += 1) {
    const high = (bytes[at + index] ?? 0) << 24;
    const changed = high | ((bytes[at + length + index] ?? 0) << 16) | ((bytes[at + 2 * length + index] ?? 0) << 8);
    before = (before ^ changed) >>> 0;
    bits[index] = before;
  }
  return new Float32Array(bits.buffer);
}
