// Bytes for people: offset, sixteen bytes in hex, and what of them is printable ASCII.

const PER_LINE = 16;

/** `from`: the offset of the first byte. */
export function* hexDump(bytes: Uint8Array, from = 0): Generator<string> {
  for (let at = 0; at < bytes.length; at += PER_LINE) {
    const part = bytes.subarray(at, at + PER_LINE);
    const digits = Array.from(part, (byte) => byte.toString(16).padStart(2, '0'));
    const text = Array.from(part, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    const left = digits.slice(0, 8).join(' ').padEnd(23);
    const right = digits.slice(8).join(' ').padEnd(23);
    yield `${(from + at).toString(16).padStart(4, '0')}  ${left}  ${right}  ${text}`;
  }
}
