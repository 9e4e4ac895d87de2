// Seeded damage to recorded input: bits, lengths and bytes of frames (with the checksums made right again, or not), and
// frames lost, doubled and put in another order.

import type { TimedInput } from './recorded.js';

export interface Dice {
  u32(): number;
  below(limit: number): number;
  bytes(length: number): Uint8Array;
}

/** The inputs with some of them damaged; times stay in order. About one in `oneIn` is touched. */
export function mutateInputs(inputs: readonly TimedInput[], dice: Dice, oneIn: number): TimedInput[] {
  const out: TimedInput[] = [];
  for (const input of inputs) {
    if (dice.below(oneIn) > 0) {
      out.push(input);
      continue;
    }
    switch (dice.below(6)) {
      case 0:
        break;
      case 1:
        out.push(input, input);
        break;
      case 2: {
        // Takes the place of an earlier one, at that one's time.
        const at = Math.max(0, out.length - 1 - dice.below(4));
        out.splice(at, 0, { ...input, atUs: out[at]?.atUs ?? input.atUs });
        break;
      }
      case 3:
        if (dice.below(20) === 0) out.push({ kind: 'close', atUs: input.atUs });
        out.push(input);
        break;
      default:
        out.push(damaged(input, dice));
    }
  }
  return out;
}

function damaged(input: TimedInput, dice: Dice): TimedInput {
  if (input.kind === 'frame') {
    const frame = mutateBytes(input.frame, dice, dice.below(4) > 0 ? 20 : 0);
    return { ...input, frame: dice.below(3) > 0 ? withChecksums(frame) : frame };
  }
  if (input.kind !== 'stream') return input;
  const { input: event } = input;
  if (event.kind === 'data') return { ...input, input: { ...event, bytes: mutateBytes(event.bytes, dice, 0) } };
  if (event.kind === 'acknowledged') return { ...input, input: { ...event, count: dice.below(1 << 21) } };
  return { ...input, input: { ...event, stream: dice.below(3) } };
}

/** A damaged copy; the bytes before `from` keep their values. */
export function mutateBytes(bytes: Uint8Array, dice: Dice, from: number): Uint8Array {
  if (bytes.length <= from) return bytes.slice();
  const place = (): number => {
    // Headers are at the front, and there is more to break in them.
    const range = bytes.length - from;
    return from + (dice.below(2) === 0 ? dice.below(Math.min(range, 48)) : dice.below(range));
  };
  const copy = bytes.slice();
  switch (dice.below(6)) {
    case 0:
      return copy.subarray(0, place());
    case 1: {
      const at = place();
      const grown = new Uint8Array(copy.length + 1 + dice.below(40));
      grown.set(copy.subarray(0, at));
      grown.set(dice.bytes(grown.length - copy.length), at);
      grown.set(copy.subarray(at), at + grown.length - copy.length);
      return grown;
    }
    case 2:
      copy[place()] = [0, 1, 0x7f, 0x80, 0xff][dice.below(5)]!;
      return copy;
    default:
      for (let count = 1 + dice.below(4); count > 0; count--) copy[place()]! ^= 1 << dice.below(8);
      return copy;
  }
}

/** The frame with the total length and the checksums that belong to its bytes, as far as they can be told. */
export function withChecksums(frame: Uint8Array): Uint8Array {
  if (frame.length < 20 || frame[0]! >>> 4 !== 4) return frame;
  const fixed = frame.slice();
  const headerLength = Math.min(fixed.length, (fixed[0]! & 0x0f) * 4);
  put16(fixed, 2, fixed.length);
  put16(fixed, 10, 0);
  put16(fixed, 10, checksum(fixed.subarray(0, headerLength)));
  const payload = fixed.subarray(headerLength);
  const checksumAt = fixed[9] === 6 ? 16 : fixed[9] === 1 ? 2 : -1;
  if (checksumAt < 0 || payload.length < checksumAt + 2) return fixed;
  put16(payload, checksumAt, 0);
  const pseudo = new Uint8Array(fixed[9] === 6 ? 12 : 0);
  if (pseudo.length > 0) {
    pseudo.set(fixed.subarray(12, 20));
    pseudo[9] = 6;
    put16(pseudo, 10, payload.length);
  }
  put16(payload, checksumAt, checksum(pseudo, payload));
  return fixed;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** RFC 1071. */
function checksum(...parts: Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 2) sum += (part[at]! << 8) + (part[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = Math.floor(sum / 0x10000) + (sum & 0xffff);
  return ~sum & 0xffff;
}
