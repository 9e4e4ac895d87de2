// The Internet checksum (RFC 1071): the one's complement sum of 16-bit words. Sums stay unfolded numbers until
// `finish`, so that the parts of a packet (pseudo-header, header, data) can be added up in any order.

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Below this the byte loop wins over the look-up of a word view. */
const SHORT = 64;

// The word view of the buffer that was last summed: a device reads into one buffer again and again, and making a typed
// array costs more than the sum of a small packet. It holds no state that a result could depend on.
let lastBuffer: ArrayBufferLike | undefined;
let lastWords = new Uint16Array(0);

/**
 * The sum of the big-endian words of `bytes[start, end)`, an odd last byte padded by zero. Not folded: at most 2^31 for
 * 64 KiB, so a few of them add up exactly.
 */
export function sumWords(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < SHORT) return sumBytes(bytes, start, end);
  let from = bytes.byteOffset + start;
  const to = bytes.byteOffset + end;
  // RFC 1071 §2 (B): a sum of words that begin at an odd address is the sum of the even ones with its bytes swapped.
  const odd = (from & 1) === 1;
  let sum = 0;
  if (odd) {
    sum = LITTLE_ENDIAN ? bytes[start]! << 8 : bytes[start]!;
    from++;
  }
  sum += sumNative(wordsOf(bytes.buffer), from >> 1, to >> 1);
  if ((to & 1) === 1) sum += LITTLE_ENDIAN ? bytes[end - 1]! : bytes[end - 1]! << 8;
  return LITTLE_ENDIAN !== odd ? swap(fold(sum)) : fold(sum);
}

/** The checksum field for a sum: folded and inverted. Over data with its checksum in place, 0 means intact. */
export function finishChecksum(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/** The sum of an IPv4 pseudo-header (RFC 9293 §3.1, RFC 768): addresses as u32, protocol, length in bytes. */
export function pseudoHeaderSum(source: number, destination: number, protocol: number, length: number): number {
  return (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length;
}

/** The same for IPv6 (RFC 8200 §8.1): 16 bytes of address at either place, upper-layer protocol and length. */
export function pseudoHeaderSum6(
  source: Uint8Array,
  sourceAt: number,
  destination: Uint8Array,
  destinationAt: number,
  protocol: number,
  length: number,
): number {
  const addresses =
    sumBytes(source, sourceAt, sourceAt + 16) + sumBytes(destination, destinationAt, destinationAt + 16);
  return addresses + protocol + (length >>> 16) + (length & 0xffff);
}

function sumBytes(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  let at = start;
  for (; at + 1 < end; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < end) sum += bytes[at]! << 8;
  return sum;
}

function sumNative(words: Uint16Array, from: number, to: number): number {
  let sum = 0;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    sum +=
      words[at]! +
      words[at + 1]! +
      words[at + 2]! +
      words[at + 3]! +
      words[at + 4]! +
      words[at + 5]! +
      words[at + 6]! +
      words[at + 7]!;
  }
  for (; at < to; at++) sum += words[at]!;
  return sum;
}

function wordsOf(buffer: ArrayBufferLike): Uint16Array {
  if (buffer !== lastBuffer) {
    lastBuffer = buffer;
    lastWords = new Uint16Array(buffer, 0, buffer.byteLength >> 1) as Uint16Array<ArrayBuffer>;
  }
  return lastWords;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000);
  return folded;
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
