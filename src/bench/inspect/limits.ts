// The bounds of the inspector up to TCP: whatever a capture holds or claims, this much is kept of it. What is dropped at a bound is
// told by a verdict. Those of what is above TCP are in stream-limits.ts.

export const inspectLimits = {
  /** TCP connections that are followed at once; the one that was silent for longest makes room. */
  conversations: 20_000,
  /** Pairs of ends of which it is known how often they were met, for the numbers in the names of connections. */
  countedPairs: 80_000,
  /** Bytes of one direction that wait for those before them. */
  outOfOrderBytes: 4 * 1024 * 1024,
  /** Pieces of the same: each costs an object. */
  outOfOrderPieces: 4_096,
  /** The same over all connections, with what the pieces take. */
  outOfOrderBytesInAll: 64 * 1024 * 1024,
  /** IP datagrams of which fragments wait for the rest; the oldest makes room. */
  fragmentedDatagrams: 256,
  /** Fragments of one datagram: 65,535 bytes in pieces of 8 would be 8,192. */
  fragments: 1_024,
  /** IPv6 extension headers before the transport header (RFC 8504 §5.3 asks for a limit). */
  extensionHeaders: 8,
} as const;
