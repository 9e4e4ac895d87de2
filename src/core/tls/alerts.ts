// What can be wrong, and what goes on the wire for it: one table from a verdict to an alert (RFC 5246 §7.2.2 and the
// extensions' own RFCs). Every rule says whose fault it is, and `reason` is what the trace shows.

import { alertRules13 } from './alerts13.js';
import { TLS_1_3 } from './config.js';

export const AlertLevel = { warning: 1, fatal: 2 } as const;

export const AlertDescription = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  record_overflow: 22,
  handshake_failure: 40,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  decode_error: 50,
  decrypt_error: 51,
  protocol_version: 70,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  no_renegotiation: 100,
  missing_extension: 109,
  unsupported_extension: 110,
  unrecognized_name: 112,
  certificate_required: 116,
  no_application_protocol: 120,
} as const;

export interface AlertRule {
  readonly level: keyof typeof AlertLevel;
  readonly description: keyof typeof AlertDescription;
  /**
   * malformed: bytes that are no TLS. misbehaved: well-formed, but not allowed here. incompatible: allowed, but we share
   * no parameters. ours: our own side, or the caller.
   */
  readonly blame: 'malformed' | 'misbehaved' | 'incompatible' | 'ours';
  readonly rule: string;
  readonly reason: string;
  /** What TLS 1.3 says otherwise. */
  readonly tls13?: Partial<Pick<AlertRule, 'description' | 'rule' | 'reason'>>;
}

function fatal(
  description: AlertRule['description'],
  blame: AlertRule['blame'],
  rule: string,
  reason: string,
  tls13?: AlertRule['tls13'],
): AlertRule {
  return { level: 'fatal', description, blame, rule, reason, ...(tls13 && { tls13 }) };
}

export const alertRules = {
  // The record layer.
  sslv2Hello: fatal(
    'protocol_version',
    'incompatible',
    'RFC 5246 §E.2',
    'an SSL 2.0 CLIENT-HELLO, which is not served',
  ),
  unknownContentType: fatal('unexpected_message', 'malformed', 'RFC 5246 §6', 'unknown record content type', {
    rule: 'RFC 8446 §5',
  }),
  plainHttp: fatal('unexpected_message', 'malformed', 'RFC 5246 §6', 'looks like plain HTTP on a TLS port'),
  // TLS 1.3 takes any version (RFC 8446 §5.1).
  recordVersion: fatal('protocol_version', 'malformed', 'RFC 5246 §6.2.1, §E.1', 'wrong version in the record header'),
  plaintextOverflow: fatal(
    'record_overflow',
    'malformed',
    'RFC 5246 §6.2.1',
    'plaintext record of more than 2^14 bytes',
    { rule: 'RFC 8446 §5.1' },
  ),
  ciphertextOverflow: fatal('record_overflow', 'malformed', 'RFC 5246 §6.2.3', 'record of more than 2^14+2048 bytes', {
    rule: 'RFC 8446 §5.2',
    reason: 'record of more than 2^14+256 bytes',
  }),
  decryptedOverflow: fatal(
    'record_overflow',
    'misbehaved',
    'RFC 5246 §6.2.1',
    'record decrypted to more than 2^14 bytes',
    { rule: 'RFC 8446 §5.4', reason: 'record decrypted to more than 2^14+1 bytes' },
  ),
  recordSizeLimit: fatal(
    'record_overflow',
    'misbehaved',
    'RFC 8449 §4, RFC 6066 §4',
    'record is larger than the limit that was agreed on',
  ),
  // RFC 5288 §3: this one for every failure of GCM, be it length or tag, so that nothing is learnt from the difference.
  badRecord: fatal('bad_record_mac', 'malformed', 'RFC 5246 §7.2.2, RFC 5288 §3', 'record does not authenticate', {
    rule: 'RFC 8446 §5.2',
  }),
  sequenceEnd: fatal('unexpected_message', 'misbehaved', 'RFC 5246 §6.1', 'record after sequence number 2^64-1', {
    rule: 'RFC 8446 §5.3',
  }),
  emptyFragment: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 5246 §6.2.1',
    'empty fragment of a type other than application data',
    { rule: 'RFC 8446 §5.1, §5.4' },
  ),
  onlyPadding: fatal('unexpected_message', 'misbehaved', 'RFC 8446 §5.4', 'nothing but padding in a record'),
  tooManyEmptyRecords: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 5246 §6.2.1, limit emptyRecords',
    'too many empty records in a row',
    { rule: 'RFC 8446 §5.1, limit emptyRecords' },
  ),
  unprotectedRecord: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 8446 §5.1',
    'record in clear after keys were agreed on',
  ),
  interleavedRecord: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 8446 §5.1',
    'another record between the parts of a handshake message',
  ),
  messageAcrossKeys: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 8446 §5.1',
    'a handshake message goes on behind a change of keys',
  ),
  tooMuchEarlyData: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 8446 §4.2.10, §4.6.1, limit earlyDataBytes',
    'more refused early data than is passed over',
  ),
  inputOverrun: fatal('internal_error', 'ours', 'limit inputBytes', 'bytes were passed in while there was no room'),

  // Alerts and ChangeCipherSpec.
  alertLength: fatal('decode_error', 'malformed', 'RFC 8446 §5.1, §6', 'alert record is not exactly one alert'),
  alertAcrossKeys: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 5246 §6.2.1, §7.1',
    'alert has its two bytes under different keys',
  ),
  alertLevel: fatal('illegal_parameter', 'malformed', 'RFC 5246 §7.2', 'alert level is neither warning nor fatal'),
  tooManyWarnings: fatal('unexpected_message', 'misbehaved', 'CVE-2016-8610, limit warningAlerts', 'too many warnings'),
  changeCipherSpecLength: fatal('decode_error', 'malformed', 'RFC 5246 §7.1', 'ChangeCipherSpec is not one byte long', {
    description: 'unexpected_message',
    rule: 'RFC 8446 §5',
  }),
  changeCipherSpecValue: fatal('illegal_parameter', 'malformed', 'RFC 5246 §7.1', 'ChangeCipherSpec is not 1', {
    description: 'unexpected_message',
    rule: 'RFC 8446 §5',
  }),
  unexpectedChangeCipherSpec: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 5246 §7.1',
    'ChangeCipherSpec outside its place between ClientKeyExchange and Finished',
    { rule: 'RFC 8446 §5', reason: 'ChangeCipherSpec before the ClientHello, behind the Finished or protected' },
  ),
  tooManyChangeCipherSpecs: fatal(
    'unexpected_message',
    'misbehaved',
    'CVE-2020-25648, limit changeCipherSpecs',
    'too many ChangeCipherSpec records',
  ),
  changeCipherSpecInMessage: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 5246 §7.1',
    'ChangeCipherSpec within a handshake message',
  ),
  earlyApplicationData: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 5246 §7.4.9',
    'application data before the handshake is done',
    { rule: 'RFC 8446 §2, §6.2' },
  ),

  // Handshake messages.
  unexpectedHandshake: fatal('unexpected_message', 'misbehaved', 'RFC 5246 §7.4', 'handshake message out of order', {
    rule: 'RFC 8446 §4',
  }),
  missingChangeCipherSpec: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 5246 §7.4.9',
    'handshake message where ChangeCipherSpec is due',
  ),
  handshakeTooLong: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 5246 §7.4, limit handshakeMessageBytes',
    'handshake message is too long',
  ),
  malformedMessage: fatal('decode_error', 'malformed', 'RFC 5246 §7.2.2', 'handshake message is malformed', {
    rule: 'RFC 8446 §6',
  }),
  renegotiation: {
    level: 'warning',
    description: 'no_renegotiation',
    blame: 'incompatible',
    rule: 'RFC 5246 §7.2.2, RFC 5746 §5',
    reason: 'renegotiation is refused',
  },
  tooManyRenegotiations: fatal(
    'handshake_failure',
    'misbehaved',
    'CVE-2011-1473, limit renegotiations',
    'renegotiation was refused and is asked for again',
  ),

  // What the ClientHello offers.
  oldVersion: fatal(
    'protocol_version',
    'incompatible',
    'RFC 5246 §E.1, RFC 8446 §D.5',
    'client_version is below TLS 1.2',
  ),
  versionNotOffered: fatal(
    'protocol_version',
    'incompatible',
    'RFC 8446 §4.2.1',
    'supported_versions lists no version that is served',
  ),
  versionNotServed: fatal(
    'protocol_version',
    'incompatible',
    'RFC 8446 §4.2.1',
    'no supported_versions, and TLS 1.2 is not served',
  ),
  inappropriateFallback: fatal(
    'inappropriate_fallback',
    'misbehaved',
    'RFC 7507 §3',
    'TLS_FALLBACK_SCSV, and the client offers less than is served',
  ),
  noNullCompression: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 5246 §7.4.1.2',
    'compression_methods does not list null',
  ),
  duplicateExtension: fatal('illegal_parameter', 'misbehaved', 'RFC 5246 §7.4.1.4', 'an extension type appears twice', {
    rule: 'RFC 8446 §4.2',
  }),
  serverName: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 6066 §3',
    'server_name repeats a name type or holds no DNS hostname',
  ),
  renegotiationInfo: fatal(
    'handshake_failure',
    'misbehaved',
    'RFC 5746 §3.6',
    'renegotiation_info is not empty in a first handshake',
  ),
  noCommonSuite: fatal('handshake_failure', 'incompatible', 'RFC 5246 §7.4.1.3', 'no cipher suite in common', {
    rule: 'RFC 8446 §4.1.1',
  }),
  noCommonGroup: fatal('handshake_failure', 'incompatible', 'RFC 8422 §5.1', 'no group in common', {
    rule: 'RFC 8446 §4.1.1',
  }),
  noUncompressedPoints: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8422 §5.1.2',
    'ec_point_formats does not list uncompressed',
  ),
  noCommonPointFormat: fatal('handshake_failure', 'incompatible', 'RFC 8422 §5.1', 'no point format in common'),
  noCommonSignature: fatal(
    'handshake_failure',
    'incompatible',
    'RFC 5246 §7.4.1.4.1, §7.4.3',
    'no signature algorithm in common',
    { rule: 'RFC 8446 §4.1.1, §4.4.2.2' },
  ),
  sha1Only: fatal(
    'handshake_failure',
    'incompatible',
    'RFC 5246 §7.4.1.4.1',
    'no signature_algorithms, which means SHA-1 only',
  ),
  unrecognizedName: fatal(
    'unrecognized_name',
    'incompatible',
    'RFC 6066 §3',
    'there is no server of the name in server_name',
  ),
  noCommonProtocol: fatal(
    'no_application_protocol',
    'incompatible',
    'RFC 7301 §3.2',
    'no application protocol in common',
  ),
  maxFragmentLengthValue: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 6066 §4',
    'max_fragment_length is none of the four values',
  ),
  recordSizeLimitValue: fatal('illegal_parameter', 'misbehaved', 'RFC 8449 §4', 'record_size_limit is below 64'),
  sessionWithoutSuite: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 5246 §7.4.1.2',
    'the cipher suites do not list that of the session to be resumed',
  ),
  sessionWithoutExtendedMasterSecret: fatal(
    'handshake_failure',
    'misbehaved',
    'RFC 7627 §5.3',
    'no extended_master_secret, although the session to be resumed has one',
  ),

  // Client authentication in TLS 1.2.
  clientCertificateMissing: fatal(
    'handshake_failure',
    'incompatible',
    'RFC 5246 §7.4.6',
    'the client has no certificate, and one is required',
  ),
  signatureNotOffered: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 5246 §7.4.8',
    'CertificateVerify with an algorithm that the CertificateRequest does not list',
  ),
  certificateVerify: fatal(
    'decrypt_error',
    'misbehaved',
    'RFC 5246 §7.4.8, §7.2.2',
    'the signature of the CertificateVerify is wrong',
  ),

  // The rest of the handshake.
  noPrivateKey: fatal('internal_error', 'ours', 'limit keyDraws', 'no valid ephemeral private key was drawn'),
  publicKey: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8422 §5.11, RFC 7748 §6.1',
    'public key of the client is not valid in the group',
    { rule: 'RFC 8446 §4.2.8.2, §7.4.2' },
  ),
  finished: fatal('decrypt_error', 'misbehaved', 'RFC 5246 §7.4.9', 'verify_data of the Finished message is wrong', {
    rule: 'RFC 8446 §4.4.4',
  }),

  // The client's certificate.
  badCertificate: fatal(
    'bad_certificate',
    'misbehaved',
    'RFC 5246 §7.2.2',
    "the client's certificate is corrupt, or a signature in its chain is wrong",
    { rule: 'RFC 8446 §6.2' },
  ),
  unsupportedCertificate: fatal(
    'unsupported_certificate',
    'incompatible',
    'RFC 5246 §7.2.2',
    "the client's certificate is of a type that is not supported",
    { rule: 'RFC 8446 §6.2' },
  ),
  certificateRevoked: fatal(
    'certificate_revoked',
    'misbehaved',
    'RFC 5246 §7.2.2',
    "the client's certificate is revoked",
    { rule: 'RFC 8446 §6.2' },
  ),
  certificateExpired: fatal(
    'certificate_expired',
    'misbehaved',
    'RFC 5246 §7.2.2',
    "the client's certificate is not valid at this time",
    { rule: 'RFC 8446 §6.2' },
  ),
  certificateUnknown: fatal(
    'certificate_unknown',
    'misbehaved',
    'RFC 5246 §7.2.2',
    "the client's certificate is not acceptable",
    { rule: 'RFC 8446 §6.2' },
  ),
  unknownCa: fatal(
    'unknown_ca',
    'misbehaved',
    'RFC 5246 §7.2.2',
    "the client's certificate is of no authority that is trusted",
    { rule: 'RFC 8446 §6.2' },
  ),

  ...alertRules13,
} as const satisfies Record<string, AlertRule>;

export type Verdict = keyof typeof alertRules;

/** The rule as the version that was agreed on has it; without one, as 1.2 does. */
export function alertRule(verdict: Verdict, version: number | undefined): AlertRule {
  const rule: AlertRule = alertRules[verdict];
  return version === TLS_1_3 && rule.tls13 !== undefined ? { ...rule, ...rule.tls13 } : rule;
}
