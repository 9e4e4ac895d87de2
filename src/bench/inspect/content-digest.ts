// Content that is told by its length and its SHA-256, and not kept: an answer is compared with another by them.

import { createHash, type Hash } from 'node:crypto';
import type { RecordedMessage } from './types.js';

export interface ContentDigest {
  /** First half of SHA-256 in hex. */
  readonly sha256: string;
  /** What it is of: all of the content, or what there is of it before the first gap. */
  readonly bytes: number;
}

/** Takes content as it comes. */
export class ContentHasher {
  #hash: Hash | undefined;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: Uint8Array): void {
    this.#hash ??= createHash('sha256');
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
  }

  /** And from here on nothing is taken. */
  finish(): ContentDigest {
    const sha256 = this.#hash === undefined ? contentHash(NOTHING) : firstHalf(this.#hash);
    this.#hash = undefined;
    return { sha256, bytes: this.#bytes };
  }
}

const NOTHING = new Uint8Array(0);

export function contentHash(content: Uint8Array): string {
  return firstHalf(createHash('sha256').update(content));
}

function firstHalf(hash: Hash): string {
  return hash.digest('hex').slice(0, 32);
}

/** Of content that was kept or only hashed. */
export function digestOf({ digest, content }: RecordedMessage): ContentDigest {
  return digest ?? { sha256: contentHash(content), bytes: content.length };
}
