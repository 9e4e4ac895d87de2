// Protection of TLS 1.2 records by AES-CBC and HMAC-SHA1: RFC 5246 §6.2.3.1 (MAC), §6.2.3.2 (GenericBlockCipher), and RFC 7366
// (encrypt-then-MAC). For those who ask for it only: MAC-then-encrypt is what Lucky 13 (CVE-2013-0169) is about.

import type { Cbc, CbcName, Crypto } from '../crypto.js';
import { createAdditionalData, setTypeAndLength } from './cipher.js';
import type { CbcOptions, RecordProtection } from './protection.js';
import { RECORD_HEADER_BYTES, writeRecordHeader } from './record.js';
import { SEQUENCE_BYTES, SequenceNumber } from './sequence.js';

const BLOCK_BYTES = 16;
const IV_BYTES = BLOCK_BYTES;
const MAC_BYTES = 20;
/** SHA-1: bytes of a block, and of 0x80 and the length behind the last one. */
const HASH_BLOCK_BYTES = 64;
const HASH_TAIL_BYTES = 9;
/** padding and padding_length together, at most. */
const MAX_PADDING_BYTES = 256;
const MAC_HEADER_BYTES = SEQUENCE_BYTES + RECORD_HEADER_BYTES;
const ZEROS = new Uint8Array(MAX_PADDING_BYTES + HASH_BLOCK_BYTES);

export class CbcCipher implements RecordProtection {
  readonly overhead = IV_BYTES + MAC_BYTES + BLOCK_BYTES;
  contentType = 0;
  plaintextBytes = 0;
  readonly #crypto: Crypto;
  readonly #cbc: Cbc;
  readonly #macKey: Uint8Array;
  readonly #encryptThenMac: boolean;
  readonly #ivSecret: Uint8Array;
  readonly #header = createAdditionalData();
  readonly #sequence: SequenceNumber;
  /** What goes into the MAC, in one piece. */
  #macInput = new Uint8Array(1024);

  constructor(
    crypto: Crypto,
    name: CbcName,
    key: Uint8Array,
    macKey: Uint8Array,
    { encryptThenMac, ivSecret }: CbcOptions,
    sequenceHigh = 0,
    sequenceLow = 0,
  ) {
    this.#crypto = crypto;
    this.#cbc = crypto.cbc(name, key);
    this.#macKey = macKey;
    this.#encryptThenMac = encryptThenMac;
    this.#ivSecret = ivSecret;
    this.#sequence = new SequenceNumber(sequenceHigh, sequenceLow);
  }

  get exhausted(): boolean {
    return this.#sequence.exhausted;
  }

  get nearlyExhausted(): boolean {
    return this.#sequence.atLast;
  }

  fragmentBytes(contentBytes: number): number {
    return this.#fragmentBytes(contentBytes, 1);
  }

  shortestFragmentBytes(plaintextBytes: number): number {
    return this.#fragmentBytes(plaintextBytes, 1);
  }

  longestFragmentBytes(plaintextBytes: number): number {
    // Padding fills up to whole blocks, so the most that fits is below 256 by what is over.
    return this.#fragmentBytes(plaintextBytes, MAX_PADDING_BYTES - BLOCK_BYTES + 1);
  }

  seal(contentType: number, content: Uint8Array, target: Uint8Array, at: number): number {
    const fragmentBytes = this.fragmentBytes(content.length);
    writeRecordHeader(target, at, contentType, fragmentBytes);
    const fragmentAt = at + RECORD_HEADER_BYTES;
    const contentAt = fragmentAt + IV_BYTES;
    const contentEnd = contentAt + content.length;
    const fragmentEnd = fragmentAt + fragmentBytes;
    const blocksEnd = this.#encryptThenMac ? fragmentEnd - MAC_BYTES : fragmentEnd;
    const paddingAt = this.#encryptThenMac ? contentEnd : contentEnd + MAC_BYTES;

    const iv = this.#explicitIv();
    target.set(iv, fragmentAt);
    target.set(content, contentAt);
    if (!this.#encryptThenMac) target.set(this.#mac(contentType, content, content.length), contentEnd);
    // Each byte of the padding tells its length, padding_length itself not counted.
    target.fill(blocksEnd - paddingAt - 1, paddingAt, blocksEnd);
    this.#cbc.encrypt(iv, target.subarray(contentAt, blocksEnd), target, contentAt);
    if (this.#encryptThenMac) {
      const covered = target.subarray(fragmentAt, blocksEnd);
      target.set(this.#mac(contentType, covered, covered.length), blocksEnd);
    }
    this.#sequence.advance();
    return RECORD_HEADER_BYTES + fragmentBytes;
  }

  open(contentType: number, fragment: Uint8Array): Uint8Array | undefined {
    const content = this.#encryptThenMac
      ? this.#openEncryptThenMac(contentType, fragment)
      : this.#openMacThenEncrypt(contentType, fragment);
    if (content === undefined) return undefined;
    this.#sequence.advance();
    this.contentType = contentType;
    this.plaintextBytes = content.length;
    return content;
  }

  #fragmentBytes(contentBytes: number, leastPaddingBytes: number): number {
    const encrypted = contentBytes + (this.#encryptThenMac ? 0 : MAC_BYTES) + leastPaddingBytes;
    const blockBytes = (encrypted + BLOCK_BYTES - 1) & -BLOCK_BYTES;
    return IV_BYTES + blockBytes + (this.#encryptThenMac ? MAC_BYTES : 0);
  }

  /**
   * RFC 5246 §6.2.3.2: unpredictable. HMAC under a secret of the connection's own, of a number that never comes again, is
   * that to everybody else, and a replay makes the same.
   */
  #explicitIv(): Uint8Array {
    const number = new Uint8Array(SEQUENCE_BYTES);
    this.#sequence.write(number, 0);
    return this.#crypto.hmac('sha256', this.#ivSecret, number).subarray(0, IV_BYTES);
  }

  /** MAC(seq_num, type, version, length, bytes[0, length)). All of `bytes` is copied, however much of it counts. */
  #mac(contentType: number, bytes: Uint8Array, length: number): Uint8Array {
    const size = MAC_HEADER_BYTES + bytes.length;
    if (this.#macInput.length < size) this.#macInput = new Uint8Array(size);
    this.#sequence.write(this.#header, 0);
    setTypeAndLength(this.#header, contentType, length);
    this.#macInput.set(this.#header, 0);
    this.#macInput.set(bytes, MAC_HEADER_BYTES);
    return this.#crypto.hmac('sha1', this.#macKey, this.#macInput.subarray(0, MAC_HEADER_BYTES + length));
  }

  /** RFC 7366 §3: the MAC before anything else. The padding that it covers can then only be the peer's own. */
  #openEncryptThenMac(contentType: number, fragment: Uint8Array): Uint8Array | undefined {
    const blocksEnd = fragment.length - MAC_BYTES;
    const blockBytes = blocksEnd - IV_BYTES;
    if (blockBytes < BLOCK_BYTES || blockBytes % BLOCK_BYTES !== 0) return undefined;
    const covered = fragment.subarray(0, blocksEnd);
    const mac = this.#mac(contentType, covered, covered.length);
    let difference = 0;
    for (let i = 0; i < MAC_BYTES; i++) difference |= mac[i]! ^ fragment[blocksEnd + i]!;
    if (difference !== 0) return undefined;
    const plaintext = this.#decrypt(fragment, blocksEnd);
    const paddingBytes = plaintext[plaintext.length - 1]! + 1;
    if (paddingBytes > plaintext.length) return undefined;
    for (let i = plaintext.length - paddingBytes; i < plaintext.length; i++)
      difference |= plaintext[i]! - paddingBytes + 1;
    return difference === 0 ? plaintext.subarray(0, plaintext.length - paddingBytes) : undefined;
  }

  /**
   * Lucky 13 (CVE-2013-0169): whatever the padding says, the same bytes are looked at and the same number of SHA-1 blocks
   * is hashed, and there is one verdict at the end. What Node and the processor's caches do is not ours to even out.
   */
  #openMacThenEncrypt(contentType: number, fragment: Uint8Array): Uint8Array | undefined {
    const blockBytes = fragment.length - IV_BYTES;
    if (blockBytes < MAC_BYTES + 1 || blockBytes % BLOCK_BYTES !== 0) return undefined;
    const plaintext = this.#decrypt(fragment, fragment.length);
    const { length } = plaintext;

    const padding = paddingBytesOf(plaintext);
    // RFC 5246 §6.2.3.2: with wrong padding the MAC is computed as if there were none but padding_length.
    const paddingBytes = padding === 0 ? 1 : padding;
    const contentBytes = length - MAC_BYTES - paddingBytes;
    const mac = this.#mac(contentType, plaintext, contentBytes);
    const missing = hashBlocks(length - MAC_BYTES - 1) - hashBlocks(contentBytes);
    const filler = this.#crypto.createHash('sha1');
    filler.update(ZEROS.subarray(0, missing * HASH_BLOCK_BYTES));
    filler.digest();

    const difference = macDifference(plaintext, contentBytes, mac);
    return padding !== 0 && difference === 0 ? plaintext.subarray(0, contentBytes) : undefined;
  }

  #decrypt(fragment: Uint8Array, blocksEnd: number): Uint8Array {
    const iv = fragment.subarray(0, IV_BYTES);
    const blocks = fragment.subarray(IV_BYTES, blocksEnd);
    this.#cbc.decrypt(iv, blocks, blocks, 0);
    return blocks;
  }
}

/** SHA-1 blocks behind the one of the key, for a MAC over so much content. */
function hashBlocks(contentBytes: number): number {
  return Math.floor((MAC_HEADER_BYTES + contentBytes + HASH_TAIL_BYTES + HASH_BLOCK_BYTES - 1) / HASH_BLOCK_BYTES);
}

/** Bytes of padding with its length, 0 when it is wrong. Looks at the same bytes whatever they say. */
function paddingBytesOf(plaintext: Uint8Array): number {
  const { length } = plaintext;
  const last = plaintext[length - 1]!;
  const window = Math.min(length, MAX_PADDING_BYTES);
  // Negative (all bits set behind the shift) when there is no room for the MAC.
  let wrong = (length - MAC_BYTES - 1 - last) >> 31;
  for (let i = 0; i < window; i++) {
    const isPadding = (i - last - 1) >> 31;
    wrong |= isPadding & (plaintext[length - 1 - i]! ^ last);
  }
  // All bits when anything was wrong, else none.
  const mask = (wrong | -wrong) >> 31;
  return ~mask & (last + 1);
}

/** 0 when `mac` is at `macAt`. Every place that the MAC could be at is read. */
function macDifference(plaintext: Uint8Array, macAt: number, mac: Uint8Array): number {
  const { length } = plaintext;
  let difference = 0;
  const from = Math.max(0, length - MAX_PADDING_BYTES - MAC_BYTES);
  for (let at = from; at < length; at++) {
    const index = at - macAt;
    const within = ~(index >> 31) & ((index - MAC_BYTES) >> 31);
    // Outside of the MAC some byte of it is read, too, and not counted.
    difference |= within & (plaintext[at]! ^ mac[index & within]!);
  }
  return difference;
}
