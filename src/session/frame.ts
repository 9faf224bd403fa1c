import { parseStrictJson, StrictJsonError } from '../base/strict-json.ts';
import { type Channel, channels, type FrameType, frameTypes, sessionLimits } from '../contracts/session-wire.ts';

interface JsonFrame<Type extends 'open' | 'accept' | 'control' | 'close'> {
  readonly type: Type;
  readonly json: unknown;
}
export interface DataFrame {
  readonly type: 'data';
  /** Of its first byte, in its direction of the session. */
  readonly offset: number;
  readonly channel: Channel;
  readonly bytes: Uint8Array;
  /** Whether its head may be written in front of its bytes, where they lie: nobody else reads there. */
  readonly hasHeadroom?: true;
}
interface OffsetFrame {
  readonly type: 'credit' | 'end';
  readonly offset: number;
}
/** What is sent in a stream that is open. */
export type StreamFrame = DataFrame | OffsetFrame | JsonFrame<'accept'> | JsonFrame<'control'>;
export type Frame = StreamFrame | JsonFrame<'open'> | JsonFrame<'close'>;

/** What is no frame of docs/reference/session-protocol.md. `stream` is 0 where that cannot be told. */
export class FrameError extends Error {
  readonly stream: number;
  /** Whether it was to open the stream. */
  readonly isOpen: boolean;

  constructor(stream: number, message: string, isOpen = false) {
    super(message);
    this.name = 'FrameError';
    this.stream = stream;
    this.isOpen = isOpen;
  }
}

const headBytes = 5;
const offsetBytes = 6;
/** Where the bytes of a data frame begin. */
const dataStart = headBytes + offsetBytes + 1;
const jsonLimits = {
  maxBytes: sessionLimits.jsonBytes,
  maxDepth: 8,
  maxStringBytes: 8_192,
  numbers: 'integer',
} as const;

const typeNames = namesByNumber<FrameType>(frameTypes);
const channelNames = namesByNumber<Channel>(channels);

/** One allocation for four pieces: with one for each, collecting them took half of an agent's time. */
const slabBytes = 4 * (dataStart + sessionLimits.pieceBytes);
let slab = Buffer.alloc(0);

/** Room for the bytes of a frame of data, in front of which its head fits. */
export function withHeadroom(sizeBytes: number): Buffer {
  const neededBytes = dataStart + sizeBytes;
  // Small data may wait for long, and would keep a whole slab in memory.
  if (sizeBytes < sessionLimits.pieceBytes / 2 || neededBytes > slabBytes)
    return Buffer.allocUnsafe(neededBytes).subarray(dataStart);
  if (neededBytes > slab.length) slab = Buffer.allocUnsafeSlow(slabBytes);
  const room = slab.subarray(dataStart, neededBytes);
  slab = slab.subarray(neededBytes);
  return room;
}

/** The bytes of data that has headroom are not copied. */
export function encodeFrame(stream: number, frame: Frame): Uint8Array {
  const message = unheaded(frame);
  message.writeUInt8(frameTypes[frame.type], 0);
  message.writeUInt32BE(stream, 1);
  return message;
}

/** The bytes of data are those of the message, not a copy: it must be left to the frame. Throws a FrameError. */
export function decodeFrame(message: Uint8Array): { readonly stream: number; readonly frame: Frame } {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  if (bytes.length < headBytes) throw new FrameError(0, `a frame of ${bytes.length} bytes has no stream`);
  const stream = bytes.readUInt32BE(1);
  if (stream === 0) throw new FrameError(0, 'there is no stream 0');
  const type = typeNames.get(bytes.readUInt8(0));
  if (type === undefined) throw new FrameError(0, `there is no frame of type ${bytes.readUInt8(0)}`);
  return { stream, frame: readFrame(stream, type, bytes) };
}

function readFrame(stream: number, type: FrameType, bytes: Buffer): Frame {
  if (type === 'data') return readData(stream, bytes);
  if (type === 'credit' || type === 'end') {
    if (bytes.length !== headBytes + offsetBytes) throw new FrameError(stream, `${type} must hold one offset`);
    return { type, offset: bytes.readUIntBE(headBytes, offsetBytes) };
  }
  try {
    return { type, json: parseStrictJson(bytes.subarray(headBytes), jsonLimits) };
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw new FrameError(
      stream,
      `${type} ${error.path === '' ? '' : `${error.path} `}${error.message}`,
      type === 'open',
    );
  }
}

function readData(stream: number, bytes: Buffer): DataFrame {
  const sizeBytes = bytes.length - dataStart;
  if (sizeBytes < 1 || sizeBytes > sessionLimits.dataBytes) {
    throw new FrameError(stream, `data must hold 1 to ${sessionLimits.dataBytes} bytes`);
  }
  const offset = bytes.readUIntBE(headBytes, offsetBytes);
  if (offset > sessionLimits.offset - sizeBytes) throw new FrameError(stream, 'data is past the largest offset');
  const channel = channelNames.get(bytes.readUInt8(dataStart - 1));
  if (channel === undefined) throw new FrameError(stream, `there is no channel ${bytes.readUInt8(dataStart - 1)}`);
  return { type: 'data', offset, channel, bytes: bytes.subarray(dataStart), hasHeadroom: true };
}

/** A message without type and stream. */
function unheaded(frame: Frame): Buffer {
  switch (frame.type) {
    case 'data': {
      const message = framed(frame);
      message.writeUIntBE(frame.offset, headBytes, offsetBytes);
      message.writeUInt8(channels[frame.channel], dataStart - 1);
      return message;
    }
    case 'credit':
    case 'end': {
      const message = Buffer.allocUnsafe(headBytes + offsetBytes);
      message.writeUIntBE(frame.offset, headBytes, offsetBytes);
      return message;
    }
    default: {
      const text = JSON.stringify(frame.json);
      const message = Buffer.allocUnsafe(headBytes + Buffer.byteLength(text));
      message.write(text, headBytes);
      return message;
    }
  }
}

function framed({ bytes, hasHeadroom }: DataFrame): Buffer {
  if (hasHeadroom) return Buffer.from(bytes.buffer, bytes.byteOffset - dataStart, dataStart + bytes.length);
  const message = Buffer.allocUnsafe(dataStart + bytes.length);
  message.set(bytes, dataStart);
  return message;
}

function namesByNumber<Name extends string>(numbers: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> {
  return new Map(Object.entries<number>(numbers).map(([name, number]) => [number, name as Name]));
}
