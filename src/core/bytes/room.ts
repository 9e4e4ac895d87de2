// Room at the end of a queue of bytes that must lie in one piece (TLS records are sealed and opened where they are).

/**
 * Makes room for `count` bytes behind `bytes[start, end)`: what is queued moves to the front of the same buffer, or of a
 * larger one of at least `smallestBytes`. Gives the buffer to use from now on; the queue then begins at 0.
 */
export function makeRoom(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  smallestBytes: number,
): Uint8Array {
  const needed = end - start + count;
  if (needed <= bytes.length) {
    bytes.copyWithin(0, start, end);
    return bytes;
  }
  let size = smallestBytes;
  while (size < needed) size *= 2;
  const larger = new Uint8Array(size);
  larger.set(bytes.subarray(start, end));
  return larger;
}
