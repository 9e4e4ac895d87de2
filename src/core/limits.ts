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
  http: {},
  http1: {},
  http2: {},
} as const;
