// Every bound of what reads above TCP: no buffer, table or loop of the inspector grows past its number here. Sizes in bytes,
// the rest are counts. The core's own bounds (HPACK list and integers) hold besides.

export const streamLimits = {
  /** Key log entries (one label of one client random) and bytes of the longest line; what is beyond is counted, not kept. */
  keyLogEntries: 1_000_000,
  keyLogLineBytes: 1_024,
  /** Searched for the next record, frame or message behind a gap; after that the direction is given up. */
  searchBytes: 4_194_304,
  /** Held of one direction until it is known what it speaks; beyond that it is data. A whole record fits. */
  searchWindowBytes: 65_536,
  /** RFC 5246 §6.2.3 and RFC 8446 §5.2 allow 18,432 of ciphertext; a longer record is no record. */
  recordBytes: 18_432,
  /** One handshake message (certificate chains are the longest). */
  handshakeBytes: 262_144,
  /** Sequence numbers tried for one direction, behind gaps and damaged records together, and those of one record. */
  sequenceTrials: 16_384,
  sequenceTrialsPerRecord: 4_096,
  /** Trials where the capture lacks the ClientHello, of all conversations with one key log together: some seconds. */
  strangerTrials: 131_072,
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
  hpackTableBytes: 1_048_576,
  /** HTTP/2: the tables of all connections of a capture, as reckoned in memory, and what a direction has of it in any case. */
  hpackBytesInAll: 67_108_864,
  hpackFreeBytes: 1_024,
  /** What readers hold of all connections of a capture: lines, records, frames, streams; and a connection in any case. */
  readerBytesInAll: 67_108_864,
  readerFreeBytes: 8_192,
  /** HTTP/2: SETTINGS that wait for their acknowledgment. */
  pendingSettings: 64,
  /** Content kept of one message, and of all messages of all conversations that wait for one receiver. */
  contentBytes: 8_388_608,
  waitingContentBytes: 134_217_728,
  /** Octets of content in a field of Wireshark's (`http.file_data`). */
  fieldContentBytes: 1_048_576,
  /** Chunks of one message that a field tells the size of. */
  chunkFields: 4_096,
  /** Verdicts of one kind in one conversation; the last says that more are not told. */
  verdictsOfAKind: 64,
} as const;
