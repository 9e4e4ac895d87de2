// Every bound of the core in one table: no queue, table or loop grows past its number here. Sizes in bytes, times in
// microseconds, the rest are counts. Beside each stands the RFC or CVE that asks for it. A test reaches each one.

/** To be read only: a program that changes them is no longer the one that recordings were made with. */
export const limits = {
  ip: {
    /** Frame slots kept between calls for reuse (about 1.5 MB at MTU 1500); a larger burst uses slots that are then freed. */
    retainedFrames: 1024,
    /** RFC 791 §3.1: what the smallest host must accept; a smaller MTU in the config is refused. */
    minMtu: 576,
    /** Datagrams of both versions under reassembly; beyond it the oldest is given up (RFC 1858, CVE-2018-5391, "FragmentSmack"). */
    reassemblies: 1024,
    /** Their bytes, with an overhead for each piece; beyond it the oldest is given up (Linux: ipfrag_high_thresh). */
    reassemblyBytes: 4_194_304,
    /** Counted for each piece besides its bytes: about what an array and its object cost. */
    fragmentOverheadBytes: 256,
    /** Fragments of one datagram: 65,535 bytes over an MTU of 576 are 119 (CVE-2018-5391). */
    fragments: 128,
    /** RFC 791 §3.2 to RFC 1122 §3.3.2 range from 15 to 120 s; Linux (ipfrag_time) and gVisor hold fragments for 30 s. */
    reassemblyUs: 30_000_000,
    /** RFC 8200 §4.5. */
    reassembly6Us: 60_000_000,
    /** Extension headers of one packet and their bytes, options of one header (RFC 8504 §5.3, RFC 7112). */
    extensionHeaders: 8,
    extensionBytes: 512,
    extensionOptions: 8,
    /** ICMP errors that we send, at once and a second (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f; Linux: icmp_msgs_burst and _per_sec). */
    icmpErrorBurst: 50,
    icmpErrorsPerSecond: 1000,
    /** Destinations whose path is known to be narrower than the MTU; beyond it the oldest is forgotten (RFC 1191 §6.3). */
    paths: 1024,
    /** RFC 1191 §6.3: how long that is believed. */
    pathUs: 600_000_000,
    /** No IPv4 path is taken to be narrower, whatever a message says (RFC 5927 §7; Linux: min_pmtu). */
    minPathMtu: 552,
    /** Destinations that were sent fragments, whose identifications count on (RFC 6864 §4.2, RFC 7739). */
    fragmentCounters: 1024,
    /** IPv6 addresses kept in both of their forms, to save work; a full table is begun anew. */
    addressForms: 1024,
  },
  tcp: {
    /** Connections that are neither closed nor in TIME-WAIT; a SYN beyond them is dropped. */
    connections: 10_000,
    /** Connections in SYN-RECEIVED, as a backlog (RFC 4987 §2: SYN flood); a SYN beyond them is answered by a cookie, or dropped. */
    synReceived: 256,
    /** Minutes for which a SYN cookie is good, the one it was made in included (RFC 4987 §3.6; Linux: MAX_SYNCOOKIE_AGE). */
    synCookieMinutes: 2,
    /** Connections in TIME-WAIT; beyond them the oldest is forgotten early (Linux: tcp_max_tw_buckets). */
    timeWait: 16_384,
    /** Pages of 65,536 counters, one for each remote address and local port: the k in the names of flows. */
    flowNamePages: 64,
    /** The largest receive window unless the config says more: 65,535 << 3, fewer than 500 frames of 1,500 bytes (RFC 7323 §2.3: at most 1 GiB). */
    receiveWindowBytes: 524_280,
    /** Bytes that may wait for the session beyond the largest window: what rounding its scaled edge may add. */
    receiveQueueSlackBytes: 65_536,
    /** Out-of-order pieces held (CVE-2018-5390, "SegmentSmack"): a full window of 536-byte segments is 978. */
    reassemblyPieces: 1024,
    /** Bytes taken from the session and not yet acknowledged. */
    sendBufferBytes: 1_048_576,
    /**
     * Segments between SND.UNA and SND.NXT, and so what an ACK can make us look through (CVE-2019-11477, "SACK panic"):
     * a full send buffer of 256-byte segments. Old ones may be cut in two, up to twice as many.
     */
    segmentsInFlight: 4096,
    /** What the session is asked for in one call. */
    takeBytes: 65_536,
    /** A peer's MSS below this is taken as this (CVE-2019-11479); Linux has the same floor. */
    minSendMss: 48,
    /** Consecutive timeouts of one segment before the connection is given up (RFC 9293 §3.8.3: R2 of 100 s or more). */
    retransmissions: 15,
    /** Retransmissions of a SYN-ACK: 63 s in all, as in Linux (RFC 4987 §3: shorten what a SYN flood holds). */
    synAckRetransmissions: 5,
    /** Consecutive zero-window probes that nobody answers (RFC 9293 §3.8.6.1). */
    unansweredProbes: 15,
    /**
     * How long a window may stay closed on what waits for it ("slow read"), unless the config says more. RFC 9293 §3.8.6.1 leaves
     * that to resource management; it is the default of the user timeout in §3.9.1.1.
     */
    closedWindowUs: 300_000_000,
    /** Keep-alive probes that the config may ask for before a silent peer is given up (RFC 9293 §3.8.4; Linux: MAX_TCP_KEEPCNT). */
    keepAliveProbes: 127,
    /** Challenge ACKs of one connection in one second (RFC 5961 §7). No count is shared: one told strangers who sends (CVE-2016-5696). */
    challengeAcksPerSecond: 10,
  },
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
    /** Dummy ChangeCipherSpec records of a TLS 1.3 handshake (RFC 8446 §5 bounds them not; CVE-2020-25648 is their flood). */
    changeCipherSpecs: 16,
    /**
     * Records of refused early data, headers included, that are passed over (RFC 8446 §4.2.10). Our tickets allow none, so
     * this is for clients that took somebody else's ticket for ours: four records of full size.
     */
    earlyDataBytes: 65_536,
    /** Records sealed under one AES-GCM key of TLS 1.3 before KeyUpdate (RFC 8446 §5.5: 2^24.5 keep the safety margin). */
    recordsPerKey: 16_777_216,
    /** Renegotiations refused with a warning on one connection; the next one ends it (CVE-2011-1473). */
    renegotiations: 3,
    /** Draws for one ephemeral private key; a draw is invalid in secp256r1 once in 2^32. */
    keyDraws: 4,
    /** Sessions of TLS 1.2 kept for their session ids; beyond them the oldest is forgotten (RFC 5246 §F.1.4). */
    sessions: 1024,
    /** From the full handshake to the last time that it is resumed, by id or ticket (RFC 5246 §F.1.4: 24 hours at most). */
    sessionLifetimeUs: 7_200_000_000,
    /** Characters of a client certificate's subject that are kept and shown. */
    subjectCharacters: 1024,
    /** From the beginning of a connection to the end of its handshake (as "slowloris" holds connections; nginx: 60 s). */
    handshakeUs: 30_000_000,
    /** KeyUpdates of the client without application data between them (RFC 8446 §4.6.3: they cost the sender nothing). */
    keyUpdates: 32,
    /** PSK identities of one ClientHello that are tried (RFC 8446 §4.2.11 allows thousands, and opening each is our work). */
    pskIdentities: 4,
    /** How long a ticket of TLS 1.3 is good, seconds (RFC 8446 §4.6.1: at most 604,800). */
    ticketLifetimeS: 7_200,
    /** HostName of RFC 6066 §3: a domain name has at most 255 (RFC 1035 §2.3.4). */
    serverNameBytes: 255,
    /**
     * Names of authorities in a CertificateRequest, with their lengths (RFC 5246 §7.4.4: 65,535; in 1.3 they share as many with
     * the other extensions). Beyond that none is named, which lets a client choose by itself.
     */
    authoritiesBytes: 65_000,
    /** A stapled response, which shares the 65,535 bytes of a certificate's extensions with 8 of framing (RFC 8446 §4.4.2, §4.4.2.1). */
    ocspResponseBytes: 65_527,
    /** Certificates of a client's path, its own and the trusted one included (RFC 5280 §6.1 sets no bound). */
    clientChainCertificates: 8,
    /** Signatures checked to find that path (RUSTSEC-2023-0052: the number of paths can grow exponentially). */
    clientChainSignatures: 32,
  },
  http: {
    /** Longest `/delay/MS` of the built-in site. */
    siteDelayMs: 60_000,
    /** How long an answer from outside, or its next part, may take: 504, or the response is cut off (RFC 9110 §15.6.5). */
    answerUs: 60_000_000,
    /** Content of one answer: larger contents come in several (a recording's block holds each whole). */
    answerPieceBytes: 65_536,
    /** Content of one response from outside that waits to be sent; an outside that goes on beyond it has failed. */
    answerWaitingBytes: 1_048_576,
    /** Fields of one response from outside, name + value + 32 each, as in HTTP/2 (RFC 9113 §10.5.1). */
    answerFieldBytes: 262_144,
    /** Trailer section of a response, reckoned in the same way. */
    trailerFieldBytes: 8_192,
    /** Pieces of `/stream/N`, redirections of `/redirect/N`, and bytes of `/drip`. */
    sitePieces: 10_000,
    siteRedirects: 1_000,
    siteDripBytes: 100_000,
    /** Ranges of one request; a request for more is answered in whole (RFC 9110 §14.2; CVE-2011-3192, "Apache Killer"). */
    ranges: 32,
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
    /** A connection without a request under way is closed after it (RFC 9112 §9.5; nginx: keepalive_timeout). */
    idleUs: 75_000_000,
    /** 408 when a header section is not whole so long after its first byte (RFC 9110 §15.5.9; slow headers, CVE-2007-6750, "Slowloris"). */
    headUs: 20_000_000,
    /**
     * 408, or a response cut off, when we have waited so long for content, and longer by so much for each byte that came,
     * which is 500 a second (RFC 9110 §15.5.9; slow body, "R.U.D.Y."; Apache: RequestReadTimeout has the same numbers).
     */
    contentUs: 20_000_000,
    contentByteUs: 2_000,
    /** Input kept while a response is under way: pipelined requests (RFC 9112 §9.3.2) and unread content. `room()` counts down from it. */
    inputBytes: 65_536,
    /** An owner that goes on past `room()` 0 is cut off here. */
    inputOvershootBytes: 1_048_576,
    /** Bytes made ahead of `take`. */
    outputBytes: 65_536,
    /** Our own header sections; a handler that wants more gets a 500. Must leave room for content in the output. */
    responseHeadBytes: 16_384,
  },
  http2: {
    /** RFC 9113 §5.1.2: SETTINGS_MAX_CONCURRENT_STREAMS; one more is REFUSED_STREAM. */
    concurrentStreams: 256,
    /** RFC 9113 §6.9.2: SETTINGS_INITIAL_WINDOW_SIZE; what an upload that nobody reads can make us hold. */
    streamWindowBytes: 1_048_576,
    /** RFC 9113 §6.9.1: the same for all streams of a connection together. */
    connectionWindowBytes: 4_194_304,
    /** RFC 9113 §6.5.2: SETTINGS_MAX_HEADER_LIST_SIZE, name + value + 32 a field; beyond it 431. CVE-2016-6581 (HPACK bomb). */
    headerListBytes: 65_536,
    /** RFC 9113 §10.5.1: the encoded field block over all its frames. CVE-2024-27316, CVE-2024-28182 (CONTINUATION flood). */
    headerBlockBytes: 131_072,
    /** Decoded size, reckoned the same way, beyond which the connection ends. CVE-2016-6581 (HPACK bomb). */
    headerListHardBytes: 1_048_576,
    /** Field lines of one section; beyond it 431 (RFC 6585 §5; CVE-2011-4858 is what many fields can do). */
    fieldLines: 256,
    /** CONTINUATION frames of one field block, empty ones too. CVE-2024-27316. */
    continuationFrames: 32,
    /** RFC 7541 §5.1: octets of an integer behind its prefix. With it a string of 2^28 octets at most, and never one beyond its block. */
    integerOctets: 4,
    /** RFC 7541 §4.2: our decoder's dynamic table (SETTINGS_HEADER_TABLE_SIZE), and the most our encoder uses of the peer's. CVE-2016-1544. */
    decoderTableBytes: 4096,
    encoderTableBytes: 16_384,
    /** Names without an entry of which the encoder remembers whether their values come again. */
    encoderNames: 64,
    /** Values of one name that came only once, one after the other, until its values are not indexed any more. */
    encoderMisses: 4,
    /** RFC 9218 §4: a priority is a few octets; a longer one is passed over. */
    priorityOctets: 256,
    /** RFC 9113 §5.1.1: ranges of identifiers that the peer left out; of older ones it is forgotten that they never opened. */
    skippedRanges: 32,
    /** RFC 9113 §10.5: settings in one SETTINGS frame. CVE-2019-9515. */
    settingsPerFrame: 64,
    /** SETTINGS frames, at once and a second. CVE-2019-9515 (settings flood). */
    settingsBurst: 100,
    settingsPerSecond: 10,
    /** Streams that end in RST_STREAM, the peer's or ours for its mistake. CVE-2023-44487 (rapid reset), CVE-2025-8671 (MadeYouReset), CVE-2019-9514. */
    resetBurst: 1_000,
    resetPerSecond: 100,
    /**
     * Frames that move nothing: PING, PRIORITY, PRIORITY_UPDATE, empty DATA, unknown types. CVE-2019-9512 (ping flood),
     * CVE-2019-9513 (resource loop), CVE-2019-9518 (empty frames).
     */
    idleFrameBurst: 10_000,
    idleFramesPerSecond: 1_000,
    /** Control frames that wait to be taken. CVE-2019-9512, CVE-2019-9514, CVE-2019-9515 (the peer does not read our replies). */
    controlFrames: 1_000,
    /**
     * CVE-2019-9511 (data dribble), CVE-2019-9517: WINDOW_UPDATE frames are free for each DATA frame of ours that ends a
     * stream or has this many octets, two of them; the others count as frames that move nothing.
     */
    dribbleBytes: 256,
    windowUpdatesPerData: 2,
    /** RFC 9113 §6.5.3: how long our SETTINGS may stay unacknowledged (SETTINGS_TIMEOUT), the client's preface included. */
    settingsAckUs: 10_000_000,
    /** How long one frame, or one field block over several, may take to come in whole (CVE-2007-6750, "Slowloris"). DATA has its own. */
    inputUs: 10_000_000,
    /** Request content: in each such time that many octets at least, where our windows are open (CVE-2007-6750). */
    bodyUs: 20_000_000,
    bodyBytes: 2_000,
    /** How long the peer's window may keep a response from going on (CVE-2019-9517: what has begun is not held for ever). */
    blockedUs: 60_000_000,
    /** RFC 9113 §9.1: a connection without streams is closed after this long. */
    idleUs: 300_000_000,
    /** RFC 9113 §6.8: the second GOAWAY follows a round trip by PING, or this. */
    goawayUs: 1_000_000,
    /** How long the end of a response waits for more of its request, before which it was made. */
    holdUs: 1_000_000,
    /** Content of a request that was answered before its end and that is read over with new window (RFC 9113 §8.1). */
    drainBytes: 268_435_456,
    /** How long a request that was answered early may stall before it is called off (RFC 9113 §8.1). */
    lingerUs: 5_000_000,
    /** The same when it has used up its window, and can only stall. */
    lingerBlockedUs: 250_000,
    /** Streams we reset, remembered so that frames still under way are ignored (RFC 9113 §5.1). */
    rememberedResets: 1_024,
    /** The most that one `take` makes, and one DATA payload, where the peer's SETTINGS_MAX_FRAME_SIZE lets it (RFC 9113 §4.2). */
    outputBytes: 65_536,
    dataBytes: 65_527,
    /** Header list of a response, reckoned as above. */
    responseHeaderListBytes: 262_144,
    /** Empty reads of a response body, one after the other, when its request has ended and nothing can be waited for. */
    emptyReads: 16,
    /** What `receive` is willing to get at once. */
    roomBytes: 262_144,
  },
  faults: {
    /** Bytes that wait before a bottleneck when nothing else is said: a thousand full packets. */
    queueBytes: 1_500_000,
    /** Frames on their way in one direction: half a second of full packets at 800 Mbit/s. Beyond it they are lost. */
    heldFrames: 32_768,
  },
  /** tcp mode: streams that the operating system's TCP carries. */
  streams: {
    /** Open at once; one more has the oldest reset that is still in its TLS handshake, or is reset when there is none. */
    open: 4096,
    /** Given out and not yet taken over by the other TCP; beyond it a session is not asked for more. */
    outstandingBytes: 1_048_576,
    /** How long the other TCP may take over none of it ("slow read"); as for our own TCP, `tcp.closedWindowUs`. */
    stalledUs: 300_000_000,
    /** After our end and the last acknowledgment, how long the peer may take to end, too (Linux: tcp_fin_timeout). */
    lingerUs: 60_000_000,
  },
} as const;
