// The bounds of comparing two captures. What lies beyond them is not compared, and the result says how much that is.

export const diffLimits = {
  /** Units (messages, frames, packets) that are kept of one capture. */
  units: 400_000,
  /** What they are reckoned to hold, in bytes: what is the same in several of them is held once. */
  bytes: 256 * 1024 * 1024,
  /** Names, and values of one name besides content, that are looked for so as to keep what comes again once. */
  pooledNames: 10_000,
  pooledValues: 4_096,
  /** Of content, so much is kept to name the byte that differs; a digest stands for the rest. */
  contentBytes: 16 * 1024,
  /** Conversations of one capture that are kept apart. */
  conversations: 200_000,
  /** What one is reckoned to hold besides its units, in bytes. */
  conversationBytes: 800,
  /** HTTP/2 streams or HTTP/1.x requests of one conversation that are kept apart. */
  lanes: 50_000,
  /** Insertions and deletions up to which the shortest edit is looked for; beyond it the next place that agrees is taken. */
  edits: 1_000,
  /** How far that next place is looked for, on both sides together. */
  lookAhead: 64,
  /** Differences that are kept one by one; all of them are counted. */
  differences: 100_000,
  /** Distinct fields of the summary. */
  groups: 10_000,
} as const;
