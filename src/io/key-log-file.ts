// TLS secrets of a file that was named for them: the text of an NSS key log, or what the Decryption Secrets blocks of a pcapng
// hold (IETF draft opsawg-pcapng, section 4.7), of which only these blocks are read.

import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { SECRETS_TLS_KEY_LOG } from './capture-types.js';
import { BLOCK, BYTE_ORDER_MAGIC } from './pcapng.js';

/** Gives key log text. Raises what node:fs and node:zlib raise. */
export function readKeyLogFile(file: string): string {
  const fd = openSync(file, 'r');
  try {
    // A pipe is read once and from its beginning on: `--keylog <(ssh host cat keys.log)`.
    if (!fstatSync(fd).isFile()) return textOf(readFileSync(fd));
    const head = new Uint8Array(4);
    readSync(fd, head, 0, 4, 0);
    if (isGzip(head) || !isPcapng(head)) return textOf(readFileSync(file));
    return secretsOf((at, length) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(fd, bytes, 0, length, at));
    });
  } finally {
    closeSync(fd);
  }
}

function textOf(content: Buffer): string {
  const bytes = isGzip(content) ? gunzipSync(content) : content;
  return isPcapng(bytes) ? secretsOf((at, length) => bytes.subarray(at, at + length)) : bytes.toString('utf8');
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The section header's type reads the same in both byte orders. */
function isPcapng(bytes: Uint8Array): boolean {
  return bytes[0] === 0x0a && bytes[1] === 0x0d && bytes[2] === 0x0d && bytes[3] === 0x0a;
}

/** Type, length, and what the blocks of interest begin with: a byte order, or the type and length of secrets. */
const BEGINNING_BYTES = 16;
/** Of one block; a key log of a million lines has 200 MB. */
const MOST_BYTES = 1 << 28;

function secretsOf(read: (at: number, length: number) => Buffer): string {
  let text = '';
  let littleEndian = true;
  for (let at = 0; ; ) {
    const begin = read(at, BEGINNING_BYTES);
    if (begin.length < 12) return text;
    const u32 = (offset: number): number => (littleEndian ? begin.readUInt32LE(offset) : begin.readUInt32BE(offset));
    if (begin.readUInt32LE(0) === BLOCK.SECTION_HEADER) littleEndian = begin.readUInt32LE(8) === BYTE_ORDER_MAGIC;
    const length = u32(4);
    if (length < 12) return text;
    if (u32(0) === BLOCK.DECRYPTION_SECRETS && begin.length === BEGINNING_BYTES && u32(8) === SECRETS_TLS_KEY_LOG) {
      const wanted = Math.min(u32(12), length - 20, MOST_BYTES);
      if (wanted > 0) text += `${read(at + BEGINNING_BYTES, wanted).toString('utf8')}\n`;
    }
    at += length;
  }
}
