// Every bound of what reads above TCP: no buffer, table or loop of the inspector grows past its number here. Sizes in bytes,
// the rest are counts. The core's own bounds (HPACK list and integers) hold besides.

export const streamLimits = {
  /** Key log entries (one label of one client random) and bytes of the longest line; what is beyond is counted, not kept. */
  keyLogEntries: 1_000_000,
  keyLogLineBytes: 1_024,
  /** Held of one direction until it is known what it speaks; then it is data. The longest pattern is the HTTP/2 preface. */
  detectBytes: 64,
  /** Searched for the next record, frame or message behind a gap; after that the direction is given up. */
  searchBytes: 4_194_304,
  /** Of those, what is kept at once: a record, and the header of the one behind it. */
  searchWindowBytes: 65_536,
  /** RFC 5246 §6.2.3 and RFC 8446 §5.2 allow 18,432 of ciphertext; a longer record is no record. */
  recordBytes: 18_432,
  /** One handshake message (certificate chains are the longest). */
  handshakeBytes: 262_144,
  /** Sequence numbers tried for one direction, behind gaps and damaged records together, and those of one record. */
  sequenceTrials: 65_536,
  sequenceTrialsPerRecord: 4_096,
  /** Keys of others that are tried where the handshake is not in the capture. */
  strangerTrials: 4_096,
  /** HTTP/1.1: one line, and all lines of a header or trailer section. */
  lineBytes: 65_536,
  sectionBytes: 1_048_576,
  /** HTTP/1.1: requests that wait for their response. */
  pipelined: 1_024,
  /** HTTP/2: frames beyond it are told by their header, and their payload is passed over. */
  frameBytes: 1_048_576,
  /** HTTP/2: a field block over all its frames; beyond it HPACK is given up. */
  fieldBlockBytes: 1_048_576,
  /** HTTP/2: streams that are open at once; beyond it the oldest is forgotten. */
  streams: 16_384,
  /** HTTP/2: streams that were reset and are remembered, since frames of the other side may still be under way. */
  resets: 4_096,
  /** HTTP/2: a dynamic table, whatever SETTINGS_HEADER_TABLE_SIZE allows. */
  hpackTableBytes: 4_194_304,
  /** HTTP/2: SETTINGS that wait for their acknowledgment. */
  pendingSettings: 64,
  /** Content kept of one message, and of all messages of a conversation that wait to be delivered. */
  contentBytes: 8_388_608,
  waitingContentBytes: 67_108_864,
  /** Octets of content in a field of Wireshark's (`http.file_data`). */
  fieldContentBytes: 1_048_576,
  /** Verdicts of one kind in one conversation; the last says that more are not told. */
  verdictsOfAKind: 64,
} as const;
