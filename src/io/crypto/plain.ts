// Where Node's own types meet core's: core knows no Buffer.

/** The same memory as a Uint8Array. */
export function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
