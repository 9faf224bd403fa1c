/** What an argument of a system call may be: a number, or bytes whose address is passed. */
export type CallArgument = number | string | Uint8Array;

export interface SystemCall {
  readonly name: string;
  /** Its number on x86-64. */
  readonly number: number;
  readonly given: readonly CallArgument[];
}

const loadAddress = 0x40_0000n;
const headerBytes = 64 + 56;
/** `mov <register>, imm64` of each argument, in order: rdi, rsi, rdx, r10, r8, r9. */
const registers = ['48bf', '48be', '48ba', '49ba', '49b8', '49b9'];
/** Ends the program with the error's number, or 0: `rdi = rax < 0 ? -rax : 0; exit(rdi)`. */
const exitWithError = '4889c748f7df4885c0780231ffb83c0000000f05';

/**
 * A whole x86-64 program for Linux that makes one system call and exits with its error number. No tool of a worker can make
 * most of these calls, a hostile one brings its own.
 */
export function callProgram({ number, given }: SystemCall): Buffer {
  const codeBytes = 10 * (1 + registers.length) + 2 + exitWithError.length / 2;
  const data: Buffer[] = [];
  let dataAt = loadAddress + BigInt(headerBytes + codeBytes);
  const addressOf = (bytes: Buffer): bigint => {
    data.push(bytes);
    const address = dataAt;
    dataAt += BigInt(bytes.length);
    return address;
  };
  const values = registers.map((_, index) => {
    const argument = given[index] ?? 0;
    if (typeof argument === 'number') return BigInt.asUintN(64, BigInt(argument));
    return addressOf(typeof argument === 'string' ? Buffer.from(`${argument}\0`) : Buffer.from(argument));
  });
  const moves = values.map((value, index) => Buffer.concat([hex(registers[index] ?? ''), word(value)]));
  const code = Buffer.concat([hex('48b8'), word(BigInt(number)), ...moves, hex('0f05'), hex(exitWithError)]);
  const body = Buffer.concat([code, ...data]);
  return Buffer.concat([elfHeader(), programHeader(headerBytes + body.length), body]);
}

function elfHeader(): Buffer {
  const header = Buffer.alloc(64);
  hex('7f454c46020101').copy(header);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(0x3e, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(loadAddress + BigInt(headerBytes), 24);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  return header;
}

/** One part of the file, to read, write and execute. */
function programHeader(sizeBytes: number): Buffer {
  const header = Buffer.alloc(56);
  header.writeUInt32LE(1, 0);
  header.writeUInt32LE(7, 4);
  header.writeBigUInt64LE(loadAddress, 16);
  header.writeBigUInt64LE(loadAddress, 24);
  header.writeBigUInt64LE(BigInt(sizeBytes), 32);
  header.writeBigUInt64LE(BigInt(sizeBytes), 40);
  header.writeBigUInt64LE(0x1000n, 48);
  return header;
}

function word(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
