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
}
interface OffsetFrame {
  readonly type: 'credit' | 'end';
  readonly offset: number;
}
/** Within a stream. */
export type StreamFrame = DataFrame | OffsetFrame | JsonFrame<'accept'> | JsonFrame<'control'>;
export type Frame = StreamFrame | JsonFrame<'open'> | JsonFrame<'close'>;

/** What is no frame of docs/reference/session-protocol.md. `stream` is 0 where that cannot be told. */
export class FrameError extends Error {
  readonly stream: number;

  constructor(stream: number, message: string) {
    super(message);
    this.name = 'FrameError';
    this.stream = stream;
  }
}

const headBytes = 5;
const offsetBytes = 6;
const dataStart = headBytes + offsetBytes + 1;
const jsonLimits = {
  maxBytes: sessionLimits.jsonBytes,
  maxDepth: 8,
  maxStringBytes: 8_192,
  numbers: 'integer',
} as const;

const typeNames = namesByNumber<FrameType>(frameTypes);
const channelNames = namesByNumber<Channel>(channels);

export function encodeFrame(stream: number, frame: Frame): Uint8Array {
  const body = bodyOf(frame);
  const message = Buffer.allocUnsafe(headBytes + body.length);
  message.writeUInt8(frameTypes[frame.type], 0);
  message.writeUInt32BE(stream, 1);
  message.set(body, headBytes);
  return message;
}

/** The bytes of data are those of the message, not a copy. Throws a FrameError. */
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
    throw new FrameError(stream, `${type} ${error.path === '' ? '' : `${error.path} `}${error.message}`);
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
  return { type: 'data', offset, channel, bytes: bytes.subarray(dataStart) };
}

function bodyOf(frame: Frame): Uint8Array {
  switch (frame.type) {
    case 'data': {
      const body = Buffer.allocUnsafe(offsetBytes + 1 + frame.bytes.length);
      body.writeUIntBE(frame.offset, 0, offsetBytes);
      body.writeUInt8(channels[frame.channel], offsetBytes);
      body.set(frame.bytes, offsetBytes + 1);
      return body;
    }
    case 'credit':
    case 'end': {
      const body = Buffer.allocUnsafe(offsetBytes);
      body.writeUIntBE(frame.offset, 0, offsetBytes);
      return body;
    }
    default:
      return Buffer.from(JSON.stringify(frame.json));
  }
}

function namesByNumber<Name extends string>(numbers: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> {
  return new Map(Object.entries<number>(numbers).map(([name, number]) => [number, name as Name]));
}
