// The cipher suites served, by code point: RFC 5289 §3.2 (GCM), RFC 7905 §2 (ChaCha20), RFC 8422 §6 (CBC), RFC 8446 §B.4
// (TLS 1.3, which names the AEAD and the hash only). What a suite means is one row of a table.

import type { AeadName, CbcName, HashName } from '../crypto.js';

export const CipherSuite = {
  TLS_AES_128_GCM_SHA256: 0x1301,
  TLS_AES_256_GCM_SHA384: 0x1302,
  TLS_CHACHA20_POLY1305_SHA256: 0x1303,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 0xc013,
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 0xc014,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 0xc02b,
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 0xc02c,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 0xc02f,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 0xc030,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 0xcca8,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 0xcca9,
} as const;

/** Signalling values among the suites: RFC 5746 §3.3, RFC 7507 §2. */
export const TLS_EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff;
export const TLS_FALLBACK_SCSV = 0x5600;

export interface CipherSuiteInfo {
  readonly code: number;
  readonly version: '1.2' | '1.3';
  /** 1.2: who signs the key exchange. ecdsa takes Ed25519 keys as well (RFC 8422 §2.2). 1.3: any certificate. */
  readonly authentication: 'rsa' | 'ecdsa' | 'any';
  readonly cipher: AeadName | CbcName;
  /** Of the PRF and of the transcript (RFC 5289 §3), or of HKDF (RFC 8446 §7.1). The MAC of CBC suites is SHA-1 besides. */
  readonly hash: 'sha256' | 'sha384';
  /** 1.2, AEAD: bytes of the implicit part of the nonce; the rest is in the record. 12: none is (RFC 7905 §2). */
  readonly fixedIvBytes: 4 | 12 | 0;
  readonly mac?: HashName;
}

function suite(
  name: keyof typeof CipherSuite,
  authentication: CipherSuiteInfo['authentication'],
  cipher: CipherSuiteInfo['cipher'],
  hash: CipherSuiteInfo['hash'],
): [number, CipherSuiteInfo] {
  const code = CipherSuite[name];
  const version = authentication === 'any' ? '1.3' : '1.2';
  const isCbc = cipher === 'aes-128-cbc' || cipher === 'aes-256-cbc';
  const fixedIvBytes = isCbc ? 0 : version === '1.3' || cipher === 'chacha20-poly1305' ? 12 : 4;
  return [code, { code, version, authentication, cipher, hash, fixedIvBytes, ...(isCbc && { mac: 'sha1' as const }) }];
}

/** By code point. */
export const CIPHER_SUITES: ReadonlyMap<number, CipherSuiteInfo> = new Map([
  suite('TLS_AES_128_GCM_SHA256', 'any', 'aes-128-gcm', 'sha256'),
  suite('TLS_AES_256_GCM_SHA384', 'any', 'aes-256-gcm', 'sha384'),
  suite('TLS_CHACHA20_POLY1305_SHA256', 'any', 'chacha20-poly1305', 'sha256'),
  suite('TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', 'rsa', 'aes-128-cbc', 'sha256'),
  suite('TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', 'rsa', 'aes-256-cbc', 'sha256'),
  suite('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ecdsa', 'aes-128-gcm', 'sha256'),
  suite('TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ecdsa', 'aes-256-gcm', 'sha384'),
  suite('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'rsa', 'aes-128-gcm', 'sha256'),
  suite('TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'rsa', 'aes-256-gcm', 'sha384'),
  suite('TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'rsa', 'chacha20-poly1305', 'sha256'),
  suite('TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ecdsa', 'chacha20-poly1305', 'sha256'),
]);
