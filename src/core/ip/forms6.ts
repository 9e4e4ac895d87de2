// IPv6 addresses between their two forms: 16 bytes on the wire, a text elsewhere (address.ts). Packets come in runs between
// the same two hosts, so the forms of the last ones are kept; that saves work and never changes a result.

import { limits } from '../limits.js';
import { formatAddress6, parseAddress6 } from './address.js';

export class AddressForms {
  readonly #bytes = new Map<string, Uint8Array>();
  #lastText = '';
  #last = new Uint8Array(16);
  #lastOutText = '';
  #lastOut: Uint8Array = new Uint8Array(16);

  /** The text of the address at `at`. */
  text(frame: Uint8Array, at: number): string {
    const last = this.#last;
    if (this.#lastText !== '') {
      let i = 0;
      while (i < 16 && last[i] === frame[at + i]) i++;
      if (i === 16) return this.#lastText;
    }
    for (let i = 0; i < 16; i++) last[i] = frame[at + i]!;
    this.#lastText = formatAddress6(last);
    return this.#lastText;
  }

  /** The bytes of a text that `text` gave. */
  bytes(text: string): Uint8Array {
    if (text === this.#lastOutText) return this.#lastOut;
    let bytes = this.#bytes.get(text);
    if (bytes === undefined) {
      if (this.#bytes.size >= limits.ip.addressForms) this.#bytes.clear();
      bytes = parseAddress6(text)!;
      this.#bytes.set(text, bytes);
    }
    this.#lastOutText = text;
    this.#lastOut = bytes;
    return bytes;
  }

  /** For tests of the bound. */
  get size(): number {
    return this.#bytes.size;
  }
}
