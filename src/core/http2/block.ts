// A field block that is spread over HEADERS and CONTINUATION frames (RFC 9113 §4.3, §6.10): puts the fragments together
// and bounds them, in octets and in frames. A block that one HEADERS frame holds never gets here.

import { limits } from '../limits.js';
import { type Verdict, verdicts } from './errors.js';
import { Flag, FrameType } from './frame.js';
import type { FrameInput } from './input.js';

export class FieldBlock {
  /** The stream whose CONTINUATION has to come next; 0: no block is open. */
  streamId = 0;
  /** END_STREAM of the HEADERS frame that began the block. */
  endStream = false;
  /** The fragments so far: the first `length` octets. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  length = 0;
  #frames = 0;

  /** The HEADERS frame in `input` lacks END_HEADERS. */
  begin(input: FrameInput): Verdict | undefined {
    this.streamId = input.streamId;
    this.endStream = (input.flags & Flag.END_STREAM) !== 0;
    this.bytes = new Uint8Array(0);
    this.length = 0;
    this.#frames = 0;
    return this.#append(input);
  }

  /** The frame behind it; when it has END_HEADERS, `streamId` is 0 again and the block is whole. */
  proceed(input: FrameInput): Verdict | undefined {
    // RFC 9113 §4.3, §5.5: nothing else, known or unknown, may stand between the frames of one block.
    if (input.typeCode !== FrameType.CONTINUATION || input.streamId !== this.streamId) return verdicts.blockInterrupted;
    if (++this.#frames > limits.http2.continuationFrames) return verdicts.tooManyContinuations;
    if ((input.flags & Flag.END_HEADERS) !== 0) this.streamId = 0;
    return this.#append(input);
  }

  #append(input: FrameInput): Verdict | undefined {
    const needed = this.length + input.end - input.start;
    if (needed > limits.http2.headerBlockBytes) return verdicts.blockTooLarge;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(needed * 2);
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(input.bytes.subarray(input.start, input.end), this.length);
    this.length = needed;
    return undefined;
  }
}
