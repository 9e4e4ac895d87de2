// The code points that the test client knows, copied from the registries of the RFCs and not from the server's tables, so
// that a wrong number on one side shows: RFC 5246 §A, RFC 8446 §B, RFC 8422 §5.1.1, RFC 5289 §3, RFC 7905 §2.

export const TLS12 = 0x0303;
export const TLS13 = 0x0304;

/** RFC 8446 §5.1. */
export const Type = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

/** RFC 5246 §7.4, RFC 5077 §3.3, RFC 6066 §8, RFC 8446 §4. */
export const Message = {
  HelloRequest: 0,
  ClientHello: 1,
  ServerHello: 2,
  HelloVerifyRequest: 3,
  NewSessionTicket: 4,
  EndOfEarlyData: 5,
  HelloRetryRequest: 6,
  EncryptedExtensions: 8,
  Certificate: 11,
  ServerKeyExchange: 12,
  CertificateRequest: 13,
  ServerHelloDone: 14,
  CertificateVerify: 15,
  ClientKeyExchange: 16,
  Finished: 20,
  CertificateUrl: 21,
  CertificateStatus: 22,
  SupplementalData: 23,
  KeyUpdate: 24,
  MessageHash: 254,
} as const;

export type MessageName = keyof typeof Message;

/** By code point, for errors and for the names of steps. */
export function messageName(code: number): string {
  for (const [name, value] of Object.entries(Message)) if (value === code) return name;
  return `handshake message ${code}`;
}

/** ExtensionType of RFC 8446 §4.2 and of the RFCs that are named. */
export const Ext = {
  serverName: 0,
  maxFragmentLength: 1,
  statusRequest: 5,
  supportedGroups: 10,
  ecPointFormats: 11,
  signatureAlgorithms: 13,
  alpn: 16,
  padding: 21,
  /** RFC 7366 §2. */
  encryptThenMac: 22,
  /** RFC 7627 §5.1. */
  extendedMasterSecret: 23,
  /** RFC 8449 §4. */
  recordSizeLimit: 28,
  /** RFC 5077 §3.2. */
  sessionTicket: 35,
  preSharedKey: 41,
  earlyData: 42,
  supportedVersions: 43,
  cookie: 44,
  pskKeyExchangeModes: 45,
  certificateAuthorities: 47,
  postHandshakeAuth: 49,
  signatureAlgorithmsCert: 50,
  keyShare: 51,
  /** RFC 5746 §3.2. */
  renegotiationInfo: 0xff01,
} as const;

export function extensionName(code: number): string {
  for (const [name, value] of Object.entries(Ext)) if (value === code) return name;
  return `extension ${code}`;
}

export const Group = { secp256r1: 0x0017, secp384r1: 0x0018, x25519: 0x001d } as const;
export type GroupCode = (typeof Group)[keyof typeof Group];

/** RFC 8446 §4.2.3. */
export const Scheme = {
  rsa_pkcs1_sha256: 0x0401,
  rsa_pkcs1_sha384: 0x0501,
  rsa_pkcs1_sha512: 0x0601,
  ecdsa_secp256r1_sha256: 0x0403,
  rsa_pss_rsae_sha256: 0x0804,
  rsa_pss_rsae_sha384: 0x0805,
  rsa_pss_rsae_sha512: 0x0806,
  ed25519: 0x0807,
} as const;

/** RFC 5746 §3.3, RFC 7507 §2. */
export const EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff;
export const FALLBACK_SCSV = 0x5600;

export interface Suite {
  readonly code: number;
  /** As IANA names it. */
  readonly name: string;
  /** As `openssl ciphers` names it. */
  readonly openssl: string;
  readonly version: typeof TLS12 | typeof TLS13;
  /** The kind of key that signs. Ed25519 goes with ECDSA (RFC 8422 §5.10); any: TLS 1.3 leaves it to the scheme. */
  readonly signer: 'rsa' | 'ecdsa' | 'any';
  /** As node:crypto names it. */
  readonly cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305' | 'aes-128-cbc' | 'aes-256-cbc';
  readonly keyBytes: 16 | 32;
  readonly hash: 'sha256' | 'sha384';
}

const [s, any] = ['sha256', 'any'] as const;
const ROWS: readonly (readonly [number, string, string, Suite['signer'], Suite['cipher'], 16 | 32, Suite['hash']])[] = [
  [0x1301, 'TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256', any, 'aes-128-gcm', 16, s],
  [0x1302, 'TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384', any, 'aes-256-gcm', 32, 'sha384'],
  [0x1303, 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', any, 'chacha20-poly1305', 32, s],
  [0xc013, 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', 'ECDHE-RSA-AES128-SHA', 'rsa', 'aes-128-cbc', 16, s],
  [0xc014, 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', 'ECDHE-RSA-AES256-SHA', 'rsa', 'aes-256-cbc', 32, s],
  [0xc02b, 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'ecdsa', 'aes-128-gcm', 16, s],
  [
    0xc02c,
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ecdsa',
    'aes-256-gcm',
    32,
    'sha384',
  ],
  [0xc02f, 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'rsa', 'aes-128-gcm', 16, s],
  [0xc030, 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384', 'rsa', 'aes-256-gcm', 32, 'sha384'],
  [
    0xcca8,
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    'ECDHE-RSA-CHACHA20-POLY1305',
    'rsa',
    'chacha20-poly1305',
    32,
    s,
  ],
  [
    0xcca9,
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ecdsa',
    'chacha20-poly1305',
    32,
    s,
  ],
];

export const SUITES: ReadonlyMap<number, Suite> = new Map(
  ROWS.map(([code, name, openssl, signer, cipher, keyBytes, hash]) => [
    code,
    { code, name, openssl, version: signer === 'any' ? TLS13 : TLS12, signer, cipher, keyBytes, hash },
  ]),
);

/** RFC 5246 §7.2, RFC 8446 §6 and the extensions' RFCs. */
export const Alert: Readonly<Record<string, number>> = {
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
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  no_renegotiation: 100,
  missing_extension: 109,
  unsupported_extension: 110,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  unknown_psk_identity: 115,
  certificate_required: 116,
  no_application_protocol: 120,
};

export function alertName(code: number): string {
  for (const [name, value] of Object.entries(Alert)) if (value === code) return name;
  return `alert ${code}`;
}

/** RFC 8446 §4.1.3: what a server's random ends in when it could do 1.3 but takes 1.2, or could do better than 1.1. */
export const DOWNGRADE_TO_12 = 'DOWNGRD\x01';
export const DOWNGRADE_TO_11 = 'DOWNGRD\x00';

/** Something that the server said and that the RFCs do not allow it to say. */
export class ServerFault extends Error {
  override readonly name = 'ServerFault';
}

/** Raises ServerFault: `rule` is the RFC and its section. */
export function fault(what: string, rule: string): never {
  throw new ServerFault(`${what} (${rule})`);
}

export function require(condition: boolean, what: string, rule: string): void {
  if (!condition) fault(what, rule);
}
