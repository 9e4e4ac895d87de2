// Record protection of the test client: AEAD in TLS 1.2 (RFC 5246 §6.2.3.3, RFC 5288 §3, RFC 7905 §2), CBC with the MAC
// inside or outside (RFC 5246 §6.2.3.2, RFC 7366 §3), and TLS 1.3 with its inner content type (RFC 8446 §5.2).

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concat } from '../bytes.js';
import { fault, require, type Suite, Type } from './codes.js';
import { type Draw, type HashName, hkdfExpandLabel, hmac, plain } from './primitives.js';

const NOTHING = new Uint8Array(0);
const TAG_BYTES = 16;

/** A record before protection, or after it is taken off. */
export interface PlainRecord {
  readonly contentType: number;
  readonly fragment: Uint8Array;
  /** TLS 1.3, opened: bytes of TLSInnerPlaintext, padding included. */
  readonly innerBytes?: number;
}

/** What a test may want of one record. */
export interface SealOptions {
  /** TLS 1.3: zeros behind the content type (RFC 8446 §5.4). */
  readonly padding?: number;
  /** Of the record's header; 0x0303 if not said. */
  readonly version?: number;
}

/** Keys of one direction, with its sequence number. */
export interface Protection {
  /** Number of the next record; a test may set it. */
  sequence: bigint;
  /** The whole record, with its header. */
  seal(record: PlainRecord, options?: SealOptions): Uint8Array;
  /** Takes the whole record; raises ServerFault when it does not verify. */
  open(record: Uint8Array): PlainRecord;
}

/** A record without protection. */
export function clearRecord(record: PlainRecord, version = 0x0303): Uint8Array {
  return concat(header(record.contentType, version, record.fragment.length), record.fragment);
}

function header(contentType: number, version: number, length: number): Uint8Array {
  return Uint8Array.of(contentType, version >>> 8, version, length >>> 8, length);
}

function sequenceBytes(sequence: bigint): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, sequence);
  return out;
}

/** RFC 8446 §5.3 and RFC 7905 §2: the number, padded on its left, over the fixed IV. */
function maskedNonce(iv: Uint8Array, sequence: bigint): Uint8Array {
  const nonce = iv.slice();
  sequenceBytes(sequence).forEach((byte, i) => {
    nonce[4 + i] = nonce[4 + i]! ^ byte;
  });
  return nonce;
}

/** node:crypto's types have an overload for each AEAD; all three are used alike here. */
type AeadCipher = 'aes-128-gcm';

function aeadSeal(suite: Suite, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): Uint8Array {
  const cipher = createCipheriv(suite.cipher as AeadCipher, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad, { plaintextLength: text.length });
  return concat(cipher.update(text), cipher.final(), cipher.getAuthTag());
}

function aeadOpen(suite: Suite, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array {
  const textLength = sealed.length - TAG_BYTES;
  require(textLength >= 0, 'a protected record without room for its tag', 'RFC 5246 §6.2.3.3');
  const cipher = createDecipheriv(suite.cipher as AeadCipher, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad, { plaintextLength: textLength });
  cipher.setAuthTag(sealed.subarray(textLength));
  const text = cipher.update(sealed.subarray(0, textLength));
  try {
    cipher.final();
  } catch {
    fault('a record of the server does not authenticate', 'RFC 5246 §6.2.3.3, RFC 8446 §5.2');
  }
  return plain(text);
}

/** Lengths of a TLS 1.2 key block: MAC key, key and fixed IV of one side (RFC 5246 §6.3). */
export function keyBlockLengths(suite: Suite): { mac: number; key: number; iv: number } {
  const cbc = suite.cipher.endsWith('cbc');
  const chacha = suite.cipher === 'chacha20-poly1305';
  return { mac: cbc ? 20 : 0, key: suite.keyBytes, iv: cbc ? 0 : chacha ? 12 : 4 };
}

export function aead12(suite: Suite, key: Uint8Array, iv: Uint8Array): Protection {
  const explicitBytes = iv.length === 12 ? 0 : 8;
  const nonce = (sequence: bigint, explicit: Uint8Array): Uint8Array =>
    explicitBytes === 0 ? maskedNonce(iv, sequence) : concat(iv, explicit);
  const aad = (sequence: bigint, contentType: number, length: number, version = 0x0303): Uint8Array =>
    concat(sequenceBytes(sequence), header(contentType, version, length));
  return {
    sequence: 0n,
    seal({ contentType, fragment }, { version = 0x0303 } = {}) {
      const number = this.sequence++;
      const explicit = sequenceBytes(number).subarray(0, explicitBytes);
      const data = aad(number, contentType, fragment.length, version);
      const sealed = aeadSeal(suite, key, nonce(number, explicit), data, fragment);
      return concat(header(contentType, version, explicitBytes + sealed.length), explicit, sealed);
    },
    open(record) {
      const number = this.sequence++;
      const body = record.subarray(5);
      require(body.length >= explicitBytes + TAG_BYTES, 'a protected record is too short', 'RFC 5288 §3');
      const length = body.length - explicitBytes - TAG_BYTES;
      const explicit = body.subarray(0, explicitBytes);
      const data = aad(number, record[0]!, length);
      const sealed = body.subarray(explicitBytes);
      return { contentType: record[0]!, fragment: aeadOpen(suite, key, nonce(number, explicit), data, sealed) };
    },
  };
}

export interface CbcKeys {
  readonly mac: Uint8Array;
  readonly key: Uint8Array;
  /** RFC 7366. */
  readonly encryptThenMac: boolean;
}

/** `draw` gives the IVs, which have to be unpredictable (RFC 5246 §6.2.3.2). */
export function cbc12(suite: Suite, keys: CbcKeys, draw: Draw): Protection {
  const macOf = (sequence: bigint, contentType: number, content: Uint8Array): Uint8Array =>
    hmac('sha1', keys.mac, sequenceBytes(sequence), header(contentType, 0x0303, content.length), content);
  const encrypt = (iv: Uint8Array, text: Uint8Array): Uint8Array => {
    const cipher = createCipheriv(suite.cipher, keys.key, iv).setAutoPadding(false);
    return concat(cipher.update(text), cipher.final());
  };
  const decrypt = (iv: Uint8Array, text: Uint8Array): Uint8Array => {
    require(text.length > 0 && text.length % 16 === 0, 'a CBC record is not made of blocks', 'RFC 5246 §6.2.3.2');
    const cipher = createDecipheriv(suite.cipher, keys.key, iv).setAutoPadding(false);
    return concat(cipher.update(text), cipher.final());
  };
  return {
    sequence: 0n,
    seal({ contentType, fragment }, { version = 0x0303 } = {}) {
      const number = this.sequence++;
      const iv = draw(`iv ${number}`, 16);
      const mac = keys.encryptThenMac ? NOTHING : macOf(number, contentType, fragment);
      const body = concat(iv, encrypt(iv, padded(concat(fragment, mac))));
      const outer = keys.encryptThenMac ? macOf(number, contentType, body) : NOTHING;
      return concat(header(contentType, version, body.length + outer.length), body, outer);
    },
    open(record) {
      const number = this.sequence++;
      const contentType = record[0]!;
      let body = record.subarray(5);
      require(body.length >=
        16 + 16 + (keys.encryptThenMac ? 20 : 0), 'a CBC record is too short', 'RFC 5246 §6.2.3.2');
      if (keys.encryptThenMac) {
        const mac = body.subarray(body.length - 20);
        body = body.subarray(0, body.length - 20);
        require(sameBytes(mac, macOf(number, contentType, body)), 'a record has a wrong MAC', 'RFC 7366 §3');
      }
      const text = unpadded(decrypt(body.subarray(0, 16), body.subarray(16)));
      if (keys.encryptThenMac) return { contentType, fragment: text };
      require(text.length >= 20, 'a CBC record has no room for its MAC', 'RFC 5246 §6.2.3.2');
      const fragment = text.subarray(0, text.length - 20);
      const right = sameBytes(text.subarray(text.length - 20), macOf(number, contentType, fragment));
      require(right, 'a record has a wrong MAC', 'RFC 5246 §6.2.3.1');
      return { contentType, fragment };
    },
  };
}

/** At least one byte of padding, each of them the number of those before the last. */
function padded(text: Uint8Array): Uint8Array {
  const count = 16 - (text.length % 16);
  return concat(text, new Uint8Array(count).fill(count - 1));
}

function unpadded(text: Uint8Array): Uint8Array {
  const last = text[text.length - 1]!;
  require(last < text.length, 'CBC padding is longer than the record', 'RFC 5246 §6.2.3.2');
  const end = text.length - last - 1;
  for (let i = end; i < text.length; i++) require(text[i] === last, 'CBC padding is wrong', 'RFC 5246 §6.2.3.2');
  return text.subarray(0, end);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** RFC 8446 §7.3: key and IV of a traffic secret. */
export function protection13(suite: Suite, secret: Uint8Array): Protection {
  const hash: HashName = suite.hash;
  const key = hkdfExpandLabel(hash, secret, 'key', NOTHING, suite.keyBytes);
  const iv = hkdfExpandLabel(hash, secret, 'iv', NOTHING, 12);
  return {
    sequence: 0n,
    seal({ contentType, fragment }, { padding = 0, version = 0x0303 } = {}) {
      return this.sealInner(concat(fragment, Uint8Array.of(contentType), new Uint8Array(padding)), version);
    },
    sealInner(inner: Uint8Array, version = 0x0303) {
      const head = header(Type.applicationData, version, inner.length + TAG_BYTES);
      return concat(head, aeadSeal(suite, key, maskedNonce(iv, this.sequence++), head, inner));
    },
    open(record) {
      const head = record.subarray(0, 5);
      require(head[0] === Type.applicationData, 'a protected record shows its content type', 'RFC 8446 §5.2');
      require(head[1] === 3 && head[2] === 3, 'legacy_record_version of a protected record', 'RFC 8446 §5.2');
      const inner = aeadOpen(suite, key, maskedNonce(iv, this.sequence++), head, record.subarray(5));
      let end = inner.length - 1;
      while (end >= 0 && inner[end] === 0) end--;
      if (end < 0) fault('a protected record holds no content type', 'RFC 8446 §5.4');
      return { contentType: inner[end]!, fragment: inner.subarray(0, end), innerBytes: inner.length };
    },
  } as Protection13;
}

/** Lets a test seal what is no TLSInnerPlaintext: without a content type, or with one that does not exist. */
export interface Protection13 extends Protection {
  sealInner(inner: Uint8Array, version?: number): Uint8Array;
}
