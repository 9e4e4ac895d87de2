// Which TLS 1.2 cipher suites HTTP/2 does without (RFC 9113 §9.2.2, appendix A), told by their IANA names. TLS 1.3 has none.

/** Key exchanges whose secrets do not outlast the connection; anonymous ones are not among them. */
const EPHEMERAL = /^TLS_(?:(?:ECDHE|DHE)_(?!anon_)|PSK_DHE_)/;
const AEAD = /_(?:GCM|CCM|CCM_8|POLY1305)(?:_|$)/;

/**
 * Appendix A lists what has no forward secrecy or no AEAD. A name without `_WITH_` is a suite of TLS 1.3, and a name that
 * is not known is let through: the error must not be made of a suite that is not prohibited.
 */
export function isProhibitedSuite(cipherSuite: string): boolean {
  if (!cipherSuite.startsWith('TLS_') || !cipherSuite.includes('_WITH_')) return false;
  return !EPHEMERAL.test(cipherSuite) || !AEAD.test(cipherSuite);
}
