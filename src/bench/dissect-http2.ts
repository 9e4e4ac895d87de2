// The server's half of an HTTP/2 connection as units: each frame, with a field block and its CONTINUATION frames as one
// (RFC 9113 §4, §6), and the header fields that HPACK makes of it (RFC 7541).

import { ParseError } from '../core/bytes/reader.js';
import {
  decodeFrame,
  errorCodeName,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  frameTypeName,
  readU32,
  settingName,
} from '../core/http2/frame.js';
import { createHeaderList, HpackDecoder } from '../core/http2/hpack/decode.js';
import { compareLimits, type Field, pathName, quoted, RANK, type Unit } from './difference.js';
import { type ApplicationDissector, Pending } from './pending.js';

/**
 * RFC 7541 §4.2: what the encoder may use is for the client to say. More than it uses does no harm: entries are counted
 * from the newest, and those that the encoder has evicted are not referred to.
 */
const TABLE_BYTES = 1 << 16;

export class Http2Dissector implements ApplicationDissector {
  readonly #emit: (unit: Unit) => void;
  readonly #pending = new Pending();
  readonly #hpack = new HpackDecoder(TABLE_BYTES);
  #hpackLost = false;
  #lost = false;

  constructor(emit: (unit: Unit) => void) {
    this.#emit = emit;
  }

  get openSince(): number | undefined {
    return this.#pending.openSince;
  }

  get lost(): boolean {
    return this.#lost;
  }

  push(bytes: Uint8Array, startsAt: number): void {
    if (this.#lost) return;
    this.#pending.push(bytes, startsAt);
    for (;;) {
      const length = this.#wholeUnit();
      if (length === 0) return;
      const startedAt = this.#pending.openSince ?? startsAt;
      this.#frame(this.#pending.shift(length), startedAt);
    }
  }

  /** A frame that was cut off by the end of the stream is not taken apart. */
  finish(): void {}

  /** Bytes of the frame at the front, or of the field block that begins there; 0 when it is not all there. */
  #wholeUnit(): number {
    const bytes = this.#pending.bytes;
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const isContinued = isBlock(bytes[at + 3]!, at > 0) && (bytes[at + 4]! & Flag.END_HEADERS) === 0;
      at += FRAME_HEADER_BYTES + lengthOf(bytes, at);
      if (at > compareLimits.unitBytes) {
        this.#lost = true;
        return 0;
      }
      if (at > bytes.length) return 0;
      if (!isContinued) return at;
    }
    return 0;
  }

  #frame(bytes: Uint8Array, startsAt: number): void {
    const typeCode = bytes[3]!;
    const fields = typeCode === FrameType.HEADERS ? this.#headerFields(bytes) : [];
    this.#emit(new FrameUnit(bytes, startsAt, fields));
  }

  /** Decoded at once, because the table changes with every block. */
  #headerFields(bytes: Uint8Array): Field[] {
    if (this.#hpackLost) return [];
    const block = fieldBlock(bytes);
    const list = createHeaderList();
    try {
      if (block !== undefined) this.#hpack.decode(block, 0, block.length, list);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#hpackLost = true;
    }
    return list.entries.map(({ name, value }) => ({
      path: `HEADERS.fields.${pathName(name)}`,
      value: quoted(value),
      rank: RANK.value,
    }));
  }
}

function isBlock(typeCode: number, begun: boolean): boolean {
  return begun
    ? typeCode === FrameType.CONTINUATION
    : typeCode === FrameType.HEADERS || typeCode === FrameType.PUSH_PROMISE;
}

function lengthOf(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** The fragments of a HEADERS frame and the CONTINUATION frames behind it; undefined when the frame is malformed. */
function fieldBlock(bytes: Uint8Array): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  try {
    for (let at = 0; at < bytes.length; at += FRAME_HEADER_BYTES + lengthOf(bytes, at)) {
      const frame = decodeFrame(bytes, at);
      if (frame.type !== 'HEADERS' && frame.type !== 'CONTINUATION') return undefined;
      parts.push(frame.fieldBlockFragment);
    }
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return undefined;
  }
  return parts.length === 1 ? parts[0] : new Uint8Array(Buffer.concat(parts));
}

class FrameUnit implements Unit {
  readonly layer = 'H2';
  readonly kind = 'frame';
  readonly bytes: Uint8Array;
  readonly startsAt: number;
  readonly #headerFields: readonly Field[];

  constructor(bytes: Uint8Array, startsAt: number, headerFields: readonly Field[]) {
    this.bytes = bytes;
    this.startsAt = startsAt;
    this.#headerFields = headerFields;
  }

  title(): string {
    const streamId = readU32(this.bytes, 5) & 0x7fff_ffff;
    const name = typeText(this.bytes[3]!);
    return streamId === 0 ? name : `${name} of stream ${streamId}`;
  }

  fields(): Field[] {
    const typeCode = this.bytes[3]!;
    const name = typeText(typeCode);
    const fields: Field[] = [
      { path: 'frame.type', value: name, rank: RANK.value },
      { path: `${name}.streamIdentifier`, value: String(readU32(this.bytes, 5)), rank: RANK.value },
      ...this.#headerFields,
    ];
    for (let at = 0; at < this.bytes.length; at += FRAME_HEADER_BYTES + lengthOf(this.bytes, at)) {
      this.#frameFields(fields, at);
    }
    return fields;
  }

  #frameFields(fields: Field[], start: number): void {
    const name = typeText(this.bytes[start + 3]!);
    let setting = '';
    let length = '';
    const put = (path: string, value: string | Uint8Array, rank: Field['rank'] = RANK.value): void => {
      const isContent = typeof value !== 'string' && (path === 'DATA.data' || path.endsWith('.payload'));
      fields.push({ path, value, rank, ...(isContent && { position: 0 }) });
    };
    try {
      decodeFrame(this.bytes, start, (path, _offset, _length, value) => {
        if (path === 'type' || path === 'streamIdentifier') return;
        // Told last: it follows from the content.
        if (path === 'length') length = String(value);
        else if (path === 'flags') put(`${name}.flags`, flagsText(this.bytes[start + 3]!, Number(value)));
        else if (path === 'SETTINGS.identifier') setting = settingName(Number(value));
        else if (path === 'SETTINGS.value') put(`SETTINGS.${setting}`, String(value));
        else if (path.endsWith('.errorCode')) put(path, errorCodeName(Number(value)));
        // What is in it comes as header fields.
        else if (path.endsWith('.fieldBlockFragment')) put(path, value as Uint8Array, RANK.derived);
        else put(path, typeof value === 'number' ? String(value) : value);
      });
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      const payload = this.bytes.subarray(start + FRAME_HEADER_BYTES);
      put(`${name}.payload`, payload, RANK.derived);
    }
    put(`${name}.length`, length, RANK.derived);
  }
}

function typeText(typeCode: number): string {
  const name = frameTypeName(typeCode);
  return name === 'UNKNOWN' ? `type 0x${typeCode.toString(16)}` : name;
}

/** RFC 9113 §6: what a bit means depends on the type. */
function flagsText(typeCode: number, flags: number): string {
  const names: string[] = [];
  let rest = flags;
  for (const [bit, name, types] of FLAGS) {
    if ((flags & bit) === 0 || !types.includes(typeCode)) continue;
    names.push(name);
    rest &= ~bit;
  }
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names.join(' ') || 'none';
}

const { DATA, HEADERS, SETTINGS, PUSH_PROMISE, PING, CONTINUATION } = FrameType;
const FLAGS: readonly (readonly [bit: number, name: string, types: readonly number[]])[] = [
  [Flag.END_STREAM, 'END_STREAM', [DATA, HEADERS]],
  [Flag.ACK, 'ACK', [SETTINGS, PING]],
  [Flag.END_HEADERS, 'END_HEADERS', [HEADERS, PUSH_PROMISE, CONTINUATION]],
  [Flag.PADDED, 'PADDED', [DATA, HEADERS, PUSH_PROMISE]],
  [Flag.PRIORITY, 'PRIORITY', [HEADERS]],
];
