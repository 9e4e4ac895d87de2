// CRC-32 as gzip and many file formats have it (RFC 1952 §8), over bytes that come in pieces. Leaves out every other CRC.

const POLYNOMIAL = 0xedb8_8320;
const table = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? POLYNOMIAL ^ (value >>> 1) : value >>> 1;
  table[byte] = value;
}

/** Of nothing it is 0; with `crc` of what came before, that of both together. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  let value = ~crc;
  for (let i = 0; i < bytes.length; i++) value = table[(value ^ bytes[i]!) & 0xff]! ^ (value >>> 8);
  return ~value >>> 0;
}

export function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}
