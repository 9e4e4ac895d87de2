// HTTP/2 frames of one direction out of its bytes (RFC 9113 §3.4, §4.1), read where they lie. Behind a gap the next header is
// looked for; a frame with a hole whose header was seen is passed over to its known end.

import { frameVerdict, type Verdict, verdicts } from '../../core/http2/errors.js';
import { CLIENT_PREFACE, Flag, FRAME_HEADER_BYTES, FrameType, readU32 } from '../../core/http2/frame.js';
import { Input } from './input.js';
import { streamLimits } from './stream-limits.js';

export type Found = 'preface' | 'no preface' | 'frame' | 'header' | undefined;

const NOTHING = new Uint8Array(0);

export class Http2Framer {
  // The frame at hand; its payload is valid until the next push.
  typeCode = 0;
  flags = 0;
  streamId = 0;
  /** Payload octets, padding and all. */
  length = 0;
  bytes: Uint8Array = NOTHING;
  /** The payload; whoever takes padding off moves them. */
  start = 0;
  end = 0;
  /** Where its header begins. */
  #headerAt = 0;

  readonly #input = new Input();
  #prefaceWanted: boolean;
  #skip = 0;
  #searching: boolean;
  #skipped = 0;
  /** Something was missed: where a header should be, none may be. */
  #cautious: boolean;

  constructor(prefaceWanted: boolean, partial: boolean) {
    this.#prefaceWanted = prefaceWanted && !partial;
    this.#searching = partial;
    this.#cautious = partial;
  }

  get pending(): number {
    return this.#input.length;
  }

  /** The frame at hand with its header, as far as it is there: a copy. */
  get frame(): Uint8Array {
    return this.bytes.slice(this.#headerAt, this.#headerAt + FRAME_HEADER_BYTES + this.length);
  }

  takeSkipped(): number {
    if (this.#searching) return 0;
    const skipped = this.#skipped;
    this.#skipped = 0;
    return skipped;
  }

  push(bytes: Uint8Array): void {
    const passed = Math.min(this.#skip, bytes.length);
    this.#skip -= passed;
    if (passed < bytes.length) this.#input.push(passed === 0 ? bytes : bytes.subarray(passed));
  }

  /** Memory. */
  get heldBytes(): number {
    return this.#input.heldBytes;
  }

  /** The frame at hand is read. */
  settle(): void {
    this.#input.settle();
    this.bytes = NOTHING;
  }

  /** header: of a frame that is too long to be held; its payload is passed over. */
  next(): Found {
    const input = this.#input;
    if (this.#prefaceWanted) return this.#preface();
    if (this.#searching && !this.#search()) return undefined;
    if (input.length < FRAME_HEADER_BYTES) return undefined;
    if (this.#cautious && !isPossible(input.bytes, input.start)) {
      this.#searching = true;
      if (!this.#search()) return undefined;
    }
    this.#readHeader();
    this.bytes = input.bytes;
    this.#headerAt = input.start;
    this.start = input.start + FRAME_HEADER_BYTES;
    if (this.length > streamLimits.frameBytes) {
      this.end = this.start;
      input.drop(FRAME_HEADER_BYTES);
      const there = Math.min(input.length, this.length);
      input.drop(there);
      this.#skip = this.length - there;
      return 'header';
    }
    if (input.length < FRAME_HEADER_BYTES + this.length) return undefined;
    this.end = this.start + this.length;
    input.drop(FRAME_HEADER_BYTES + this.length);
    return 'frame';
  }

  /** As of records: `whole` is one frame, whose header is at hand. */
  gap(length: number | undefined): 'nothing' | 'whole' | 'beyond' {
    const input = this.#input;
    const bytes = length ?? Number.POSITIVE_INFINITY;
    this.#cautious = true;
    if (this.#skip > 0) {
      if (bytes <= this.#skip) {
        this.#skip -= bytes;
        return 'nothing';
      }
      this.#skip = 0;
    } else if (!this.#searching && !this.#prefaceWanted && input.length >= FRAME_HEADER_BYTES) {
      this.#readHeader();
      const missing = FRAME_HEADER_BYTES + this.length - input.length;
      if (bytes <= missing) {
        input.clear();
        this.#skip = missing - bytes;
        return 'whole';
      }
    }
    input.clear();
    this.#prefaceWanted = false;
    this.#searching = true;
    return 'beyond';
  }

  #preface(): Found {
    const { bytes, start, length } = this.#input;
    const there = Math.min(length, CLIENT_PREFACE.length);
    for (let i = 0; i < there; i++) {
      if (bytes[start + i] === CLIENT_PREFACE[i]) continue;
      this.#prefaceWanted = false;
      this.#searching = true;
      return 'no preface';
    }
    if (there < CLIENT_PREFACE.length) return undefined;
    this.#prefaceWanted = false;
    this.#input.drop(CLIENT_PREFACE.length);
    return 'preface';
  }

  #readHeader(): void {
    const { bytes, start } = this.#input;
    this.length = (bytes[start]! << 16) | (bytes[start + 1]! << 8) | bytes[start + 2]!;
    this.typeCode = bytes[start + 3]!;
    this.flags = bytes[start + 4]!;
    this.streamId = readU32(bytes, start + 5) & 0x7f_ff_ff_ff;
  }

  /** To a header that is likely enough by itself, so that how much is there does not matter. */
  #search(): boolean {
    const input = this.#input;
    while (input.length >= FRAME_HEADER_BYTES) {
      if (isLikely(input.bytes, input.start)) {
        this.#searching = false;
        return true;
      }
      input.drop(1);
      this.#skipped++;
    }
    return false;
  }
}

/** A part of a field block (RFC 9113 §4.3). */
export function isBlockFrame(typeCode: number): boolean {
  return typeCode === FrameType.HEADERS || typeCode === FrameType.PUSH_PROMISE || typeCode === FrameType.CONTINUATION;
}

/** Bits that mean something, by type. */
const FLAGS: readonly number[] = [
  Flag.END_STREAM | Flag.PADDED,
  Flag.END_STREAM | Flag.END_HEADERS | Flag.PADDED | Flag.PRIORITY,
  0,
  0,
  Flag.ACK,
  Flag.END_HEADERS | Flag.PADDED,
  Flag.ACK,
  0,
  0,
  Flag.END_HEADERS,
];

/** In random bytes about one place in a hundred million passes. */
function isLikely(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== 0 || bytes[at + 5] !== 0 || bytes[at + 3]! > FrameType.CONTINUATION) return false;
  return ((bytes[at + 1]! << 8) | bytes[at + 2]!) <= 0x4000 && isPossible(bytes, at);
}

/** Of types that are known: one that its sender may send. */
function isPossible(bytes: Uint8Array, at: number): boolean {
  const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
  const typeCode = bytes[at + 3]!;
  const flags = bytes[at + 4]!;
  if (typeCode > FrameType.CONTINUATION) return typeCode === FrameType.PRIORITY_UPDATE && flags === 0;
  if ((flags & ~FLAGS[typeCode]!) !== 0) return false;
  return frameVerdict(typeCode, flags, readU32(bytes, at + 5) & 0x7f_ff_ff_ff, length) === undefined;
}

/** Takes padding and priority off DATA, HEADERS and PUSH_PROMISE that are there whole. The rule that they break, if they do. */
export function unpad(framer: Http2Framer): Verdict | undefined {
  const { typeCode, flags } = framer;
  if (framer.end - framer.start !== framer.length) return undefined;
  if (typeCode > FrameType.HEADERS && typeCode !== FrameType.PUSH_PROMISE) return undefined;
  if (flags & Flag.PADDED) {
    if (framer.length === 0) return verdicts.badFrameSize;
    framer.end -= framer.bytes[framer.start]!;
    framer.start++;
  }
  if (typeCode === FrameType.HEADERS && flags & Flag.PRIORITY) framer.start += 5;
  const least = typeCode === FrameType.PUSH_PROMISE ? 4 : 0;
  return framer.start + least > framer.end ? verdicts.badPadding : undefined;
}
