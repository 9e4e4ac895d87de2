// Bytes to frames (RFC 9113 §3.4, §4): the client preface, then one whole frame at a time, however the bytes were cut.
// A frame that lies in one chunk is read in place; only what is cut is copied. What a frame means is not decided here.

import { frameVerdict, type Verdict, verdicts } from './errors.js';
import { CLIENT_PREFACE, DEFAULT_MAX_FRAME_SIZE, Flag, FRAME_HEADER_BYTES, FrameType, readU32 } from './frame.js';

export class FrameInput {
  // The frame that `next` found; valid until the following call.
  typeCode = 0;
  flags = 0;
  streamId = 0;
  /** Payload octets, padding and all. */
  length = 0;
  /** Where the payload lies, without Pad Length, priority fields and padding. */
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;

  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** A frame that was cut: header and payload as far as they came. */
  #partial: Uint8Array = NOTHING;
  #partialLength = 0;
  #prefaceLeft = CLIENT_PREFACE.length;

  /** Whole frames so far: tells one partial frame from another. */
  frames = 0;

  /** Octets of a frame that is not whole yet, header included. */
  get partialLength(): number {
    return this.#partialLength;
  }

  /** Content octets of a DATA frame on `streamId` that is not whole yet. */
  partialData(streamId: number): number {
    if (this.#partialLength <= FRAME_HEADER_BYTES || this.#partial[3] !== FrameType.DATA) return 0;
    return (readU32(this.#partial, 5) & 0x7f_ff_ff_ff) === streamId ? this.#partialLength - FRAME_HEADER_BYTES : 0;
  }

  /** A frame is not whole yet, and it is no DATA frame with some content: those have a rule of their own. */
  get stalls(): boolean {
    return this.#partialLength > 0 && (this.#partialLength < FRAME_HEADER_BYTES || this.#partial[3] !== FrameType.DATA);
  }

  get prefaceDone(): boolean {
    return this.#prefaceLeft === 0;
  }

  /** The next bytes of the stream. Call `next` until it gives false; the bytes are not kept beyond that. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** True: a frame was found. False: more bytes are needed. A verdict: the bytes are not HTTP/2 as it should be. */
  next(): boolean | Verdict {
    if (this.#prefaceLeft > 0) {
      if (!this.#matchPreface()) return verdicts.badPreface;
      if (this.#prefaceLeft > 0) return this.#wait();
    }
    if (this.#partialLength > 0) return this.#complete();
    const left = this.#chunk.length - this.#at;
    if (left === 0) return this.#wait();
    if (left >= FRAME_HEADER_BYTES) {
      this.#readHeader(this.#chunk, this.#at);
      if (this.length > DEFAULT_MAX_FRAME_SIZE) return verdicts.frameTooLarge;
      const frameBytes = FRAME_HEADER_BYTES + this.length;
      if (left >= frameBytes) {
        const start = this.#at + FRAME_HEADER_BYTES;
        this.#at += frameBytes;
        return this.#open(this.#chunk, start);
      }
    }
    if (this.#partial.length === 0) this.#partial = new Uint8Array(FRAME_HEADER_BYTES + DEFAULT_MAX_FRAME_SIZE);
    this.#fillPartial(left);
    return this.#wait();
  }

  #matchPreface(): boolean {
    while (this.#prefaceLeft > 0 && this.#at < this.#chunk.length) {
      if (this.#chunk[this.#at] !== CLIENT_PREFACE[CLIENT_PREFACE.length - this.#prefaceLeft]) return false;
      this.#at++;
      this.#prefaceLeft--;
    }
    return true;
  }

  #complete(): boolean | Verdict {
    if (this.#partialLength < FRAME_HEADER_BYTES) {
      this.#fillPartial(FRAME_HEADER_BYTES - this.#partialLength);
      if (this.#partialLength < FRAME_HEADER_BYTES) return this.#wait();
    }
    this.#readHeader(this.#partial, 0);
    // Said as soon as the header is there: the payload is never waited for.
    if (this.length > DEFAULT_MAX_FRAME_SIZE) return verdicts.frameTooLarge;
    const frameBytes = FRAME_HEADER_BYTES + this.length;
    this.#fillPartial(frameBytes - this.#partialLength);
    if (this.#partialLength < frameBytes) return this.#wait();
    this.#partialLength = 0;
    return this.#open(this.#partial, FRAME_HEADER_BYTES);
  }

  #fillPartial(wanted: number): void {
    const count = Math.min(wanted, this.#chunk.length - this.#at);
    this.#partial.set(this.#chunk.subarray(this.#at, this.#at + count), this.#partialLength);
    this.#partialLength += count;
    this.#at += count;
  }

  #wait(): false {
    this.#chunk = NOTHING;
    this.#at = 0;
    return false;
  }

  #readHeader(bytes: Uint8Array, at: number): void {
    this.length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    this.typeCode = bytes[at + 3]!;
    this.flags = bytes[at + 4]!;
    // RFC 9113 §4.1: the reserved bit is ignored.
    this.streamId = readU32(bytes, at + 5) & 0x7f_ff_ff_ff;
  }

  /** Checks the frame by its header, then takes padding and priority off DATA and HEADERS. */
  #open(bytes: Uint8Array, start: number): true | Verdict {
    this.frames++;
    this.bytes = bytes;
    this.start = start;
    this.end = start + this.length;
    const verdict = frameVerdict(this.typeCode, this.flags, this.streamId, this.length);
    if (verdict !== undefined) return verdict;
    if (this.typeCode > FrameType.HEADERS) return true;
    if (this.flags & Flag.PADDED) {
      this.end -= bytes[start]!;
      this.start++;
    }
    if (this.typeCode === FrameType.HEADERS && this.flags & Flag.PRIORITY) this.start += 5;
    return this.start > this.end ? verdicts.badPadding : true;
  }
}

const NOTHING = new Uint8Array(0);
