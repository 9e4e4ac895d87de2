// Opens the records of one direction under one key, at whatever sequence number: RFC 5246 §6.2.3 (AEAD, CBC, NULL), RFC 7366,
// RFC 8446 §5.2. Unlike the core's protections it leaves the ciphertext as it is, gives out what node:crypto made without
// another copy, and can be asked to try.

import {
  type CipherGCMTypes,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type DecipherGCM,
  getCiphers,
  type KeyObject,
} from 'node:crypto';
import { HASH_BYTES } from '../../core/crypto.js';
import { prf } from '../../core/tls/schedule.js';
import { hkdfExpandLabel } from '../../core/tls/schedule13.js';
import { writeSequence, writeXorNonce } from '../../core/tls/sequence.js';
import { nodeCrypto } from '../../io/node-crypto.js';
import type { InspectorSuite } from './tls-suites.js';

const NOTHING = new Uint8Array(0);
const EXPLICIT_NONCE_BYTES = 8;
/** A KeyObject costs 2 µs and saves half of one at each use. */
const USES_AS_BYTES = 4;

export abstract class RecordOpener {
  readonly suite: InspectorSuite;
  /** Of the next record. */
  sequence = 0;
  /** Of the record that was opened last. */
  contentType = 0;
  #key: Uint8Array | KeyObject;
  #uses = 0;

  constructor(suite: InspectorSuite, key: Uint8Array) {
    this.suite = suite;
    this.#key = key.slice();
  }

  /**
   * The content, or undefined when it is not what was sealed at that sequence number. The memory is fresh. Goes on behind
   * that number when it is.
   */
  open(contentType: number, version: number, fragment: Uint8Array, sequence = this.sequence): Uint8Array | undefined {
    const content = this.tryOpen(contentType, version, fragment, sequence);
    if (content !== undefined) this.sequence = sequence + 1;
    return content;
  }

  protected abstract tryOpen(
    contentType: number,
    version: number,
    fragment: Uint8Array,
    sequence: number,
  ): Uint8Array | undefined;

  protected decrypt(nonce: Uint8Array, additionalData: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const { cipher, tagBytes, mode } = this.suite;
    const length = sealed.length - tagBytes;
    if (length < 0) return undefined;
    try {
      // CCM and ChaCha20-Poly1305 go by the same calls, which the types do not know.
      const decipher = createDecipheriv(cipher as CipherGCMTypes, this.#nextKey(), nonce, {
        authTagLength: tagBytes,
      }) as DecipherGCM;
      decipher.setAuthTag(sealed.subarray(length));
      decipher.setAAD(additionalData, mode === 'ccm' ? { plaintextLength: length } : undefined);
      const plaintext = decipher.update(sealed.subarray(0, length));
      decipher.final();
      return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
    } catch {
      return undefined;
    }
  }

  protected decryptBlocks(iv: Uint8Array, blocks: Uint8Array): Uint8Array | undefined {
    try {
      const decipher = createDecipheriv(this.suite.cipher, this.#nextKey(), iv).setAutoPadding(false);
      const plaintext = decipher.update(blocks);
      decipher.final();
      return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
    } catch {
      return undefined;
    }
  }

  #nextKey(): Uint8Array | KeyObject {
    if (this.#uses < USES_AS_BYTES) this.#uses++;
    else if (this.#key instanceof Uint8Array) this.#key = createSecretKey(this.#key);
    return this.#key;
  }
}

/** RFC 5288 §3, RFC 6655 §3, RFC 7905 §2. */
class AeadOpener12 extends RecordOpener {
  readonly #iv: Uint8Array;
  readonly #nonce = new Uint8Array(12);
  readonly #additionalData = new Uint8Array(13);

  constructor(suite: InspectorSuite, key: Uint8Array, iv: Uint8Array) {
    super(suite, key);
    this.#iv = iv.slice();
  }

  protected override tryOpen(
    contentType: number,
    version: number,
    fragment: Uint8Array,
    sequence: number,
  ): Uint8Array | undefined {
    const explicitBytes = this.suite.fixedIvBytes === 12 ? 0 : EXPLICIT_NONCE_BYTES;
    const length = fragment.length - explicitBytes - this.suite.tagBytes;
    if (length < 0) return undefined;
    writeMacHeader(this.#additionalData, sequence, contentType, version, length);
    const nonce = this.#nonce;
    if (explicitBytes === 0) writeXorNonce(nonce, this.#iv, highOf(sequence), sequence >>> 0);
    else {
      nonce.set(this.#iv, 0);
      for (let i = 0; i < EXPLICIT_NONCE_BYTES; i++) nonce[4 + i] = fragment[i]!;
    }
    const sealed = explicitBytes === 0 ? fragment : fragment.subarray(explicitBytes);
    this.contentType = contentType;
    return this.decrypt(nonce, this.#additionalData, sealed);
  }
}

/** RFC 5246 §6.2.3.1, §6.2.3.2, RFC 7366 §3. Whoever reads a capture may take the time that the padding takes. */
class MacOpener12 extends RecordOpener {
  readonly #macKey: Uint8Array;
  readonly #encryptThenMac: boolean;
  readonly #macHeader = new Uint8Array(13);

  constructor(suite: InspectorSuite, key: Uint8Array, macKey: Uint8Array, encryptThenMac: boolean) {
    super(suite, key);
    this.#macKey = macKey.slice();
    // RFC 7366 §3: of CBC suites only.
    this.#encryptThenMac = encryptThenMac && suite.mode === 'cbc';
  }

  protected override tryOpen(
    contentType: number,
    version: number,
    fragment: Uint8Array,
    sequence: number,
  ): Uint8Array | undefined {
    const macBytes = HASH_BYTES[this.suite.mac!];
    this.contentType = contentType;
    const verified = (covered: Uint8Array, mac: Uint8Array): boolean => {
      writeMacHeader(this.#macHeader, sequence, contentType, version, covered.length);
      const wanted = createHmac(this.suite.mac!, this.#macKey).update(this.#macHeader).update(covered).digest();
      return mac.length === macBytes && wanted.equals(mac);
    };
    if (this.#encryptThenMac) {
      const macAt = fragment.length - macBytes;
      if (macAt < 0 || !verified(fragment.subarray(0, macAt), fragment.subarray(macAt))) return undefined;
      return this.#unpad(fragment.subarray(0, macAt));
    }
    const plaintext = this.suite.mode === 'null' ? fragment.slice() : this.#unpad(fragment);
    const macAt = plaintext === undefined ? -1 : plaintext.length - macBytes;
    if (plaintext === undefined || macAt < 0) return undefined;
    return verified(plaintext.subarray(0, macAt), plaintext.subarray(macAt)) ? plaintext.subarray(0, macAt) : undefined;
  }

  #unpad(encrypted: Uint8Array): Uint8Array | undefined {
    const { blockBytes } = this.suite;
    if (encrypted.length < 2 * blockBytes || encrypted.length % blockBytes !== 0) return undefined;
    const plaintext = this.decryptBlocks(encrypted.subarray(0, blockBytes), encrypted.subarray(blockBytes));
    if (plaintext === undefined) return undefined;
    const padding = plaintext[plaintext.length - 1]!;
    const end = plaintext.length - padding - 1;
    if (end < 0) return undefined;
    for (let at = end; at < plaintext.length; at++) if (plaintext[at] !== padding) return undefined;
    return plaintext.subarray(0, end);
  }
}

/** RFC 8446 §5.2 to §5.4. */
class AeadOpener13 extends RecordOpener {
  readonly #iv: Uint8Array;
  readonly #nonce = new Uint8Array(12);
  readonly #additionalData = new Uint8Array(5);

  constructor(suite: InspectorSuite, key: Uint8Array, iv: Uint8Array) {
    super(suite, key);
    this.#iv = iv;
  }

  protected override tryOpen(
    contentType: number,
    version: number,
    fragment: Uint8Array,
    sequence: number,
  ): Uint8Array | undefined {
    const header = this.#additionalData;
    header[0] = contentType;
    header[1] = version >>> 8;
    header[2] = version;
    header[3] = fragment.length >>> 8;
    header[4] = fragment.length;
    writeXorNonce(this.#nonce, this.#iv, highOf(sequence), sequence >>> 0);
    const inner = this.decrypt(this.#nonce, header, fragment);
    if (inner === undefined) return undefined;
    let end = inner.length - 1;
    while (end >= 0 && inner[end] === 0) end--;
    this.contentType = end < 0 ? 0 : inner[end]!;
    return inner.subarray(0, Math.max(0, end));
  }
}

const available = new Set(getCiphers());

/** Whether node:crypto has the cipher at all: distributions leave some out. */
export function isAvailable(suite: InspectorSuite): boolean {
  return suite.mode === 'null' || available.has(suite.cipher);
}

export interface Openers12 {
  readonly in: RecordOpener;
  readonly out: RecordOpener;
}

/** RFC 5246 §6.3. */
export function openers12(
  suite: InspectorSuite,
  masterSecret: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
  encryptThenMac: boolean,
): Openers12 {
  const macBytes = suite.mac === undefined ? 0 : HASH_BYTES[suite.mac];
  const seed = new Uint8Array(64);
  seed.set(serverRandom, 0);
  seed.set(clientRandom, 32);
  const length = 2 * (macBytes + suite.keyBytes + suite.fixedIvBytes);
  const block = prf(nodeCrypto, suite.hash, masterSecret, 'key expansion', seed, length);
  let at = 0;
  const cut = (count: number): Uint8Array => {
    at += count;
    return block.subarray(at - count, at);
  };
  const [inMac, outMac, inKey, outKey] = [cut(macBytes), cut(macBytes), cut(suite.keyBytes), cut(suite.keyBytes)];
  const [inIv, outIv] = [cut(suite.fixedIvBytes), cut(suite.fixedIvBytes)];
  const make = (key: Uint8Array, iv: Uint8Array, macKey: Uint8Array): RecordOpener =>
    suite.mac === undefined || suite.tagBytes > 0
      ? new AeadOpener12(suite, key, iv)
      : new MacOpener12(suite, key, macKey, encryptThenMac);
  return { in: make(inKey, inIv, inMac), out: make(outKey, outIv, outMac) };
}

/** RFC 8446 §7.3. */
export function opener13(suite: InspectorSuite, trafficSecret: Uint8Array): RecordOpener {
  const kdf = { crypto: nodeCrypto, hash: suite.hash };
  const key = hkdfExpandLabel(kdf, trafficSecret, 'key', NOTHING, suite.keyBytes);
  return new AeadOpener13(suite, key, hkdfExpandLabel(kdf, trafficSecret, 'iv', NOTHING, 12));
}

function writeMacHeader(target: Uint8Array, sequence: number, type: number, version: number, length: number): void {
  writeSequence(target, 0, highOf(sequence), sequence >>> 0);
  target[8] = type;
  target[9] = version >>> 8;
  target[10] = version;
  target[11] = length >>> 8;
  target[12] = length;
}

/** A safe integer; nobody records 2^53 records. */
const highOf = (sequence: number): number => Math.floor(sequence / 0x1_0000_0000);
