// The bounds of replaying captures that others took.

export const foreignLimits = {
  /** Held at once: the whole capture, since it is run several times. */
  captureBytes: 256 * 1024 * 1024,
  /** Runs that bring the times nearer to those that the server had. */
  passes: 6,
  /** Runs that look for what the server read at once, in tcp mode; of captures that are not large. */
  readPasses: 60,
  readPackets: 20_000,
  /** A packet may have been read by the server so much later than it was captured, or stamped so much before. */
  toleranceUs: 2_000_000,
  /** Outbound bytes of one connection that are compared. */
  streamBytes: 128 * 1024 * 1024,
  /** Differences that are named. */
  named: 5,
  /** A manifest beside the capture. */
  manifestBytes: 4 * 1024 * 1024,
} as const;
