// Every bound of the core in one table: no queue, table or loop grows past its number here. Sizes in bytes, times in
// microseconds, the rest are counts. Beside each stands the RFC or CVE that asks for it. A test reaches each one.

export const limits = {
  ip: {},
  tcp: {},
  tls: {},
  http: {},
  http1: {},
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
    /** CONTINUATION frames of one field block, empty ones too. CVE-2024-27316. */
    continuationFrames: 32,
    /** RFC 7541 §5.1: octets of an integer behind its prefix. */
    integerOctets: 4,
    /** RFC 7541 §4.2: our decoder's dynamic table (SETTINGS_HEADER_TABLE_SIZE), and the most our encoder uses of the peer's. */
    decoderTableBytes: 4096,
    encoderTableBytes: 4096,
    /** RFC 9113 §10.5: settings in one SETTINGS frame. CVE-2019-9515. */
    settingsPerFrame: 64,
    /** SETTINGS frames, at once and a second. CVE-2019-9515 (settings flood). */
    settingsBurst: 100,
    settingsPerSecond: 10,
    /** Streams that end in RST_STREAM, the peer's or ours for its mistake. CVE-2023-44487 (rapid reset), CVE-2025-8671. */
    resetBurst: 1_000,
    resetPerSecond: 100,
    /** Frames that move nothing: PING, PRIORITY, empty DATA, unknown types. CVE-2019-9512, CVE-2019-9513, CVE-2019-9518. */
    idleFrameBurst: 10_000,
    idleFramesPerSecond: 1_000,
    /** Control frames that wait to be taken. CVE-2019-9512, CVE-2019-9514, CVE-2019-9515 (the peer does not read our replies). */
    controlFrames: 1_000,
    /** How long a request that was answered early may stall before it is called off (RFC 9113 §8.1). */
    lingerUs: 5_000_000,
    /** The same when it has used up its window, and can only stall. */
    lingerBlockedUs: 250_000,
    /** Streams we reset, remembered so that frames still under way are ignored (RFC 9113 §5.1). */
    rememberedResets: 1_024,
    /** The most that one `take` makes, and one DATA payload. */
    outputBytes: 65_536,
    dataBytes: 16_384,
    /** Header list of a response, reckoned as above. */
    responseHeaderListBytes: 262_144,
    /** Empty reads of a response body, one after the other, when its request has ended and nothing can be waited for. */
    emptyReads: 16,
    /** What `receive` is willing to get at once. */
    roomBytes: 262_144,
  },
} as const;
