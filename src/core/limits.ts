// Every bound of the core in one table: no queue, table or loop grows past its number here. Sizes in bytes, times in
// microseconds, the rest are counts. Beside each stands the RFC or CVE that asks for it. A test reaches each one.

export const limits = {
  ip: {},
  tcp: {},
  tls: {
    /**
     * Received and not yet read: `room` is 0 from here on, and one call may overshoot. A record has 18,437 at most
     * (RFC 5246 §6.2.3), the rest is for records that wait while HTTP takes nothing.
     */
    inputBytes: 262_144,
    /** Application records sealed and not yet taken; `write` accepts nothing more from here on. */
    outputBytes: 65_536,
    /** Body of one handshake message (RFC 5246 §7.4 allows 2^24 - 1). A ClientHello of a browser has about 2 kB. */
    handshakeMessageBytes: 65_536,
    /** Warning alerts without application data between them (CVE-2016-8610: alerts cost the sender nothing). */
    warningAlerts: 4,
    /** Empty application data records in a row (RFC 5246 §6.2.1 allows them, and they too cost the sender nothing). */
    emptyRecords: 32,
    /** Renegotiations refused with a warning on one connection; the next one ends it (CVE-2011-1473). */
    renegotiations: 3,
    /** Draws for one ephemeral private key; a draw is invalid in secp256r1 once in 2^32. */
    keyDraws: 4,
    /** HostName of RFC 6066 §3: a domain name has at most 255 (RFC 1035 §2.3.4). */
    serverNameBytes: 255,
  },
  http: {
    /** Longest `/delay/MS` of the built-in site. */
    siteDelayMs: 60_000,
  },
  http1: {
    /** 414 beyond it. RFC 9112 §3 asks for 8000 octets at least. */
    requestLineBytes: 16_384,
    /** 501 beyond it (RFC 9112 §3): longer than any registered method. */
    methodBytes: 64,
    /** CRLFs skipped before a request line (RFC 9112 §2.2: one at least). */
    emptyLines: 4,
    /** 431 beyond it, line ends included (RFC 9110 §5.4, RFC 6585 §5; CVE-2018-12121). */
    headerSectionBytes: 32_768,
    /** 431 beyond it (RFC 9110 §5.4; CVE-2011-4858 is what many fields can do). */
    fieldLines: 128,
    /** One chunk-size line with its extensions; 400 beyond it (RFC 9112 §7.1.1). */
    chunkLineBytes: 4_096,
    /** Extensions of one body beyond one byte for each byte of content (RFC 9112 §7.1.1; CVE-2023-39326, CVE-2024-22019). */
    chunkExtensionBytes: 16_384,
    /** 431 beyond either (RFC 9112 §7.1.2, RFC 9110 §5.4). */
    trailerSectionBytes: 16_384,
    trailerLines: 64,
    /** Request content that nobody read and that is read over to keep the connection (RFC 9112 §9.3). */
    drainBytes: 262_144,
    /** Input kept while a response is under way: pipelined requests (RFC 9112 §9.3.2) and unread content. `room()` counts down from it. */
    inputBytes: 65_536,
    /** An owner that goes on past `room()` 0 is cut off here. */
    inputOvershootBytes: 1_048_576,
    /** Bytes made ahead of `take`. */
    outputBytes: 65_536,
    /** Our own header sections; a handler that wants more gets a 500. Must leave room for content in the output. */
    responseHeadBytes: 16_384,
  },
  http2: {},
  /** tcp mode: streams that the operating system's TCP carries. */
  streams: {
    /** Open at once; one more is reset. */
    open: 4096,
    /** Given out and not yet taken over by the other TCP; beyond it a session is not asked for more. */
    outstandingBytes: 1_048_576,
    /** After our end, how long the peer may take to end as well (the counterpart of Linux's tcp_fin_timeout). */
    lingerUs: 60_000_000,
  },
} as const;
