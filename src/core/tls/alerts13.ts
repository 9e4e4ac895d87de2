// The rules of TLS 1.3 and the alerts for breaking them: RFC 8446 §6.2. A part of the table in alerts.ts, which has the
// meaning of its columns.

import type { AlertRule } from './alerts.js';

function fatal(
  description: AlertRule['description'],
  blame: AlertRule['blame'],
  rule: string,
  reason: string,
): AlertRule {
  return { level: 'fatal', description, blame, rule, reason };
}

export const alertRules13 = {
  // What the ClientHello offers.
  compression13: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.1.2',
    'legacy_compression_methods is not exactly the null method',
  ),
  misplacedExtension: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.2',
    'an extension that is not specified for the message it is in',
  ),
  missingExtension: fatal(
    'missing_extension',
    'misbehaved',
    'RFC 8446 §9.2',
    'an extension that has to be there is missing',
  ),
  missingKeyExchangeModes: fatal(
    'missing_extension',
    'misbehaved',
    'RFC 8446 §4.2.9, §9.2',
    'pre_shared_key without psk_key_exchange_modes',
  ),
  missingSignatureAlgorithms: fatal(
    'missing_extension',
    'misbehaved',
    'RFC 8446 §4.2.3',
    'no signature_algorithms, and the server has to use its certificate',
  ),
  earlyDataWithoutPsk: fatal(
    'missing_extension',
    'misbehaved',
    'RFC 8446 §4.2.10',
    'early_data without pre_shared_key',
  ),
  duplicateKeyShare: fatal('illegal_parameter', 'misbehaved', 'RFC 8446 §4.2.8', 'two key shares of one group'),
  keyShareNotInGroups: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.2.8',
    'a key share of a group that supported_groups does not list',
  ),
  unexpectedCookie: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.2.2',
    'a cookie in a first ClientHello, where no server gave one',
  ),
  pskNotLast: fatal('illegal_parameter', 'misbehaved', 'RFC 8446 §4.2.11', 'pre_shared_key is not the last extension'),
  pskBinderCount: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.2.11',
    'pre_shared_key has not one binder for each identity',
  ),
  pskBinder: fatal('decrypt_error', 'misbehaved', 'RFC 8446 §4.2.11, §6.2', 'the binder of the PSK is wrong'),

  // The second ClientHello.
  helloChanged: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.1.2',
    'the second ClientHello differs from the first where it must not',
  ),
  retriedKeyShare: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.1.2, §4.2.8',
    'the second ClientHello has not one key share, of the group that was asked for',
  ),
  retriedEarlyData: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.1.2, §4.2.10',
    'early_data in a second ClientHello',
  ),
  cookie: fatal('illegal_parameter', 'misbehaved', 'RFC 8446 §4.2.2', 'the cookie is not the one that was given'),

  // The rest of the handshake, and what comes after it.
  renegotiation13: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 8446 §4.1.2',
    'a ClientHello after the handshake: there is no renegotiation',
  ),
  unexpectedEndOfEarlyData: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 8446 §4.5',
    'EndOfEarlyData, although early data was refused',
  ),
  certificateContext: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.4.2',
    'certificate_request_context is not that of the CertificateRequest',
  ),
  unsolicitedExtension: fatal(
    'unsupported_extension',
    'misbehaved',
    'RFC 8446 §4.2, §4.4.2',
    'an extension in a Certificate that the CertificateRequest did not ask for',
  ),
  certificateRequired: fatal(
    'certificate_required',
    'incompatible',
    'RFC 8446 §4.4.2.4',
    'the client has no certificate, and one is required',
  ),
  signatureNotRequested: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.4.3',
    'CertificateVerify with an algorithm that the CertificateRequest does not list',
  ),
  certificateVerify13: fatal(
    'decrypt_error',
    'misbehaved',
    'RFC 8446 §4.4.3',
    'the signature of the CertificateVerify is wrong',
  ),
  keyUpdateRequest: fatal(
    'illegal_parameter',
    'misbehaved',
    'RFC 8446 §4.6.3',
    'request_update is neither update_not_requested nor update_requested',
  ),
  tooManyKeyUpdates: fatal(
    'unexpected_message',
    'misbehaved',
    'RFC 8446 §4.6.3, limit keyUpdates',
    'too many key updates without application data between them',
  ),
} as const satisfies Record<string, AlertRule>;
