// Every bound of the core in one table: no queue, table or loop grows past its number here. Sizes in bytes, times in
// microseconds, the rest are counts. Beside each stands the RFC or CVE that asks for it. A test reaches each one.

export const limits = {
  ip: {
    /** Frame slots kept between calls for reuse (about 1.5 MB at MTU 1500); a larger burst uses slots that are then freed. */
    retainedFrames: 1024,
    /** RFC 791 §3.1: what the smallest host must accept; a smaller MTU in the config is refused. */
    minMtu: 576,
  },
  tcp: {
    /** Connections that are neither closed nor in TIME-WAIT; a SYN beyond them is dropped. */
    connections: 10_000,
    /** Connections in SYN-RECEIVED, as a backlog (RFC 4987 §2: SYN flood); a SYN beyond them is dropped. */
    synReceived: 256,
    /** Connections in TIME-WAIT; beyond them the oldest is forgotten early (Linux: tcp_max_tw_buckets). */
    timeWait: 16_384,
    /** Pages of 65,536 counters, one for each remote address and local port: the k in the names of flows. */
    flowNamePages: 64,
    /** The largest receive window: 65,535 << 3, fewer than 500 frames of 1,500 bytes (RFC 7323 §2.3: at most 1 GiB). */
    receiveWindowBytes: 524_280,
    /** Bytes that may wait for the session at most: the window, and what rounding its scaled edge may add. */
    receiveQueueBytes: 524_280 + 65_536,
    /** Out-of-order pieces held (CVE-2018-5390, "SegmentSmack"): a full window of 536-byte segments is 978. */
    reassemblyPieces: 1024,
    /** Bytes taken from the session and not yet acknowledged. */
    sendBufferBytes: 1_048_576,
    /** What the session is asked for in one call. */
    takeBytes: 65_536,
    /** A peer's MSS below this is taken as this (CVE-2019-11479); Linux has the same floor. */
    minSendMss: 48,
    /** Consecutive timeouts of one segment before the connection is given up (RFC 9293 §3.8.3: R2 of 100 s or more). */
    retransmissions: 15,
    /** Retransmissions of a SYN-ACK: 63 s in all, as in Linux (RFC 4987 §3: shorten what a SYN flood holds). */
    synAckRetransmissions: 5,
    /** Consecutive zero-window probes that nobody answers; answered ones are unlimited (RFC 9293 §3.8.6.1). */
    unansweredProbes: 15,
    /** Challenge ACKs of one connection in one second (RFC 5961 §7; counted by connection: CVE-2016-5696). */
    challengeAcksPerSecond: 10,
    /** Bytes that are acknowledged and thrown away after our side was closed in full; more is answered by a reset (RFC 9293 §3.6.1). */
    discardAfterCloseBytes: 65_536,
  },
  tls: {},
  http: {},
  http1: {},
  http2: {},
} as const;
