// gzip around stored blocks (RFC 1952 §2, RFC 1951 §3.2.4): the same content always gives the same bytes, and nothing has to
// be held. Leaves out making anything smaller: what is tested is that a client asks for a coding and takes it off.

import { crc32 } from './checksum.js';
import type { BodySource } from './message.js';

/** ID1 ID2, deflate, no flags, no time, no extra flags, unknown system (RFC 1952 §2.3). */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
/** BFINAL and BTYPE, LEN, NLEN (RFC 1951 §3.2.4). */
const BLOCK_HEADER_BYTES = 5;
const LAST_BLOCK = Uint8Array.of(1, 0, 0, 0xff, 0xff);
const TRAILER_BYTES = 8;
/** What the smallest read holds: a block's header and one byte. */
const LARGEST_BLOCK = 16_384;

/** The content of `source` in the content coding `gzip`. */
export function gzipBody(source: BodySource): BodySource {
  let crc = 0;
  /** ISIZE: modulo 2^32. */
  let size = 0;
  let pending: Uint8Array = HEADER;
  let ended = false;
  const next = (nowUs: number | undefined): Uint8Array | undefined => {
    if (ended) return undefined;
    const piece = source.read(LARGEST_BLOCK, nowUs);
    if (piece === undefined) {
      ended = true;
      const end = new Uint8Array(LAST_BLOCK.length + TRAILER_BYTES);
      end.set(LAST_BLOCK);
      putU32(end, LAST_BLOCK.length, crc);
      putU32(end, LAST_BLOCK.length + 4, size);
      return end;
    }
    if (piece.length === 0) return piece;
    crc = crc32(piece, crc);
    size = (size + piece.length) >>> 0;
    const block = new Uint8Array(BLOCK_HEADER_BYTES + piece.length);
    block[1] = piece.length & 0xff;
    block[2] = piece.length >> 8;
    block[3] = block[1]! ^ 0xff;
    block[4] = block[2]! ^ 0xff;
    block.set(piece, BLOCK_HEADER_BYTES);
    return block;
  };
  return {
    // The blocks depend on how the source gives its bytes.
    length: undefined,
    get dueUs() {
      return source.dueUs;
    },
    read(maxBytes, nowUs) {
      if (pending.length === 0) {
        const block = next(nowUs);
        if (block === undefined) return undefined;
        pending = block;
      }
      const view = pending.subarray(0, maxBytes);
      pending = pending.subarray(view.length);
      return view;
    },
    cancel() {
      ended = true;
      pending = LAST_BLOCK.subarray(0, 0);
      source.cancel?.();
    },
  };
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = (value >>> (8 * i)) & 0xff;
}
