/** What an architecture calls the calls that are filtered. */
interface Architecture {
  /** `AUDIT_ARCH_…` */
  readonly id: number;
  readonly refused: readonly number[];
  /** `clone` and `unshare`: refused with a new user namespace. */
  readonly namespaces: readonly number[];
  /** Refused towards the hypervisor, which no network namespace holds back. */
  readonly socket: number;
}

/** `clone3` everywhere: its flags lie in memory that a filter cannot see. */
const clone3 = 435;
/** `io_uring_setup` everywhere: what goes through such a ring passes no filter. */
const ringSetup = 425;
const newUserNamespace = 0x1000_0000;
/** `AF_VSOCK` */
const hypervisorSockets = 40;
/** Marks the calls of the x32 ABI, which are others with the same architecture. */
const x32 = 0x4000_0000;

// Keys (add_key, request_key, keyctl), what only attacks on the kernel need (bpf, perf_event_open, userfaultfd), and of
// i386 the call that hides which socket is meant (socketcall).
const architectures: readonly Architecture[] = [
  { id: 0xc000_003e, refused: [248, 249, 250, 321, 298, 323], namespaces: [56, 272], socket: 41 }, // x86-64
  { id: 0x4000_0003, refused: [286, 287, 288, 357, 336, 374, 102], namespaces: [120, 310], socket: 359 }, // i386
  { id: 0xc000_00b7, refused: [217, 218, 219, 280, 241, 282], namespaces: [220, 97], socket: 198 }, // arm64
  { id: 0x4000_0028, refused: [309, 310, 311, 386, 364, 388], namespaces: [120, 337], socket: 281 }, // arm
];

const load = 0x20;
const ifEqual = 0x15;
const ifHasBit = 0x45;
const answer = 0x06;

/** Where the kernel puts what a filter looks at; of an argument its lower half. */
const callAt = 0;
const architectureAt = 4;
const firstArgumentAt = 16;

const allowed = 0x7fff_0000;
const notPermitted = 0x0005_0001;
const notThere = 0x0005_0026;
const noSuchFamily = 0x0005_0061;

type Instruction = readonly [code: number, value: number, skipIfSo?: number, skipIfNot?: number];

/**
 * The filter a sandboxed command runs under, as the kernel takes it: what namespaces do not separate. Without it a command reaches
 * the keys of whoever started it and the hypervisor, and becomes root of a user namespace of its own. On other architectures all is allowed.
 */
export function callFilter(): Buffer {
  const instructions: Instruction[] = [
    [load, architectureAt],
    ...architectures.flatMap((one) => {
      const block = filterOf(one);
      return [[ifEqual, one.id, 0, block.length] as const, ...block];
    }),
    [answer, allowed],
  ];
  return Buffer.concat(instructions.map(encoded));
}

function filterOf({ refused, namespaces, socket }: Architecture): Instruction[] {
  return [
    [load, callAt],
    ...onCall(clone3, [[answer, notThere]]),
    [ifHasBit, x32, 0, 1],
    [answer, notThere],
    ...[...refused, ringSetup].flatMap((call) => onCall(call, [[answer, notPermitted]])),
    ...namespaces.flatMap((call) =>
      onCall(call, [
        [load, firstArgumentAt],
        [ifHasBit, newUserNamespace, 0, 1],
        [answer, notPermitted],
        [answer, allowed],
      ]),
    ),
    ...onCall(socket, [
      [load, firstArgumentAt],
      [ifEqual, hypervisorSockets, 0, 1],
      [answer, noSuchFamily],
    ]),
    [answer, allowed],
  ];
}

function onCall(call: number, then: readonly Instruction[]): Instruction[] {
  return [[ifEqual, call, 0, then.length], ...then];
}

function encoded([code, value, skipIfSo = 0, skipIfNot = 0]: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  // All architectures above are little-endian.
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(skipIfSo, 2);
  bytes.writeUInt8(skipIfNot, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}
