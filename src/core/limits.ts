// Every bound of the core in one table: no queue, table or loop grows past its number here. Sizes in bytes, times in
// microseconds, the rest are counts. Beside each stands the RFC or CVE that asks for it. A test reaches each one.

export const limits = {
  ip: {},
  tcp: {},
  tls: {},
  http: {},
  http1: {},
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
