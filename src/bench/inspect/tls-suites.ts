// What a cipher suite means to somebody who has the secrets: cipher, MAC and the hash of the PRF. Read out of the
// registered name, since it says all three (RFC 5246 §A.5, RFC 5289 §3, RFC 6655 §3, RFC 7905 §2): how the keys were agreed on
// does not matter here, so static RSA, DHE and PSK suites open as well.

import type { HashName } from '../../core/crypto.js';
import { cipherSuiteName } from '../../core/tls/names.js';

export interface InspectorSuite {
  readonly code: number;
  readonly name: string;
  readonly version: '1.2' | '1.3';
  /** gcm, ccm: part of the nonce is in the record (1.2). */
  readonly mode: 'gcm' | 'ccm' | 'chacha20-poly1305' | 'cbc' | 'null';
  /** As node:crypto calls it. */
  readonly cipher: string;
  readonly keyBytes: number;
  /** AEAD. */
  readonly tagBytes: number;
  /** Of the key block: bytes of implicit nonce. */
  readonly fixedIvBytes: number;
  /** CBC: of a block and of the explicit IV. */
  readonly blockBytes: number;
  readonly mac?: HashName;
  /** Of the PRF, or of HKDF. */
  readonly hash: 'sha256' | 'sha384';
}

const known = new Map<number, InspectorSuite | undefined>();

/** Undefined: there is nothing here to open its records with. */
export function inspectorSuite(code: number): InspectorSuite | undefined {
  if (!known.has(code)) known.set(code, byName(code, cipherSuiteName(code)));
  return known.get(code);
}

const CIPHERS: ReadonlyMap<string, readonly [name: string, keyBytes: number]> = new Map([
  ['AES_128', ['aes-128', 16]],
  ['AES_256', ['aes-256', 32]],
  ['CAMELLIA_128', ['camellia-128', 16]],
  ['CAMELLIA_256', ['camellia-256', 32]],
  ['ARIA_128', ['aria-128', 16]],
  ['ARIA_256', ['aria-256', 32]],
] as const);

function byName(code: number, name: string): InspectorSuite | undefined {
  const isLater = code >>> 8 === 0x13;
  const parts = /^TLS_(?:[A-Za-z0-9_]+_WITH_)?(.+)$/.exec(name);
  if (parts === null || (!isLater && !name.includes('_WITH_'))) return undefined;
  const what = parts[1]!;
  const hash = what.endsWith('_SHA384') ? 'sha384' : 'sha256';
  const common = { code, name, version: isLater ? '1.3' : '1.2', hash } as const;
  if (what === 'CHACHA20_POLY1305_SHA256') {
    const mode = 'chacha20-poly1305';
    return { ...common, mode, cipher: mode, keyBytes: 32, tagBytes: 16, fixedIvBytes: 12, blockBytes: 0 };
  }
  const mac = macOf(what);
  if (/^NULL_SHA(?:256)?$/.test(what) && mac !== undefined) {
    return { ...common, mode: 'null', cipher: '', keyBytes: 0, tagBytes: 0, fixedIvBytes: 0, blockBytes: 0, mac };
  }
  if (what === '3DES_EDE_CBC_SHA') {
    const cipher = 'des-ede3-cbc';
    return { ...common, mode: 'cbc', cipher, keyBytes: 24, tagBytes: 0, fixedIvBytes: 0, blockBytes: 8, mac: 'sha1' };
  }
  const aead = /^((?:AES|ARIA)_(?:128|256))_(GCM|CCM|CCM_8)(?:_SHA(?:256|384))?$/.exec(what);
  if (aead !== null) {
    const [cipher, keyBytes] = CIPHERS.get(aead[1]!)!;
    const mode = aead[2] === 'GCM' ? 'gcm' : 'ccm';
    const tagBytes = aead[2] === 'CCM_8' ? 8 : 16;
    return { ...common, mode, cipher: `${cipher}-${mode}`, keyBytes, tagBytes, fixedIvBytes: 4, blockBytes: 0 };
  }
  const cbc = /^([A-Z]+_(?:128|256))_CBC_SHA(?:256|384)?$/.exec(what);
  const cipher = cbc === null ? undefined : CIPHERS.get(cbc[1]!);
  if (cipher === undefined || mac === undefined) return undefined;
  const [cipherName, keyBytes] = cipher;
  return {
    ...common,
    mode: 'cbc',
    cipher: `${cipherName}-cbc`,
    keyBytes,
    tagBytes: 0,
    fixedIvBytes: 0,
    blockBytes: 16,
    mac,
  };
}

function macOf(what: string): HashName | undefined {
  if (what.endsWith('_SHA')) return 'sha1';
  if (what.endsWith('_SHA256')) return 'sha256';
  return what.endsWith('_SHA384') ? 'sha384' : undefined;
}
