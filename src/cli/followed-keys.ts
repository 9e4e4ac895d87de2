// A key log that grows while packets come out of a pipe: the client writes the secrets of a connection when it has them, which is about
// when its packets come. What is asked for and not there yet is looked for in what has been written since, for a moment.

import { closeSync, openSync, readSync } from 'node:fs';
import type { KeyLog } from '../bench/inspect/keys.js';

/** For one connection, and for all of them together: of many that are strangers none is waited for in the end. */
const PATIENCE_MS = 400;
const PATIENCE_IN_ALL_MS = 8_000;
const STEP_MS = 20;
/** Secrets without which a connection cannot be opened; others may be in no log. */
const AWAITED = /^CLIENT_RANDOM$|_(?:HANDSHAKE_TRAFFIC_SECRET|TRAFFIC_SECRET_0)$/;
const MOST_LOOKED = 100_000;
/** Read at once. */
const PIECE_BYTES = 1 << 20;

interface Followed {
  readonly fd: number;
  at: number;
  /** The beginning of a line whose end is not written yet. */
  rest: string;
}

export class FollowedKeys implements KeyLog {
  readonly #keys: KeyLog;
  readonly #files: Followed[];
  readonly #looked = new Set<string>();
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));
  #leftMs = PATIENCE_IN_ALL_MS;

  /** `files`: key logs in text. Raises what node:fs raises. */
  constructor(keys: KeyLog, files: readonly string[]) {
    this.#keys = keys;
    this.#files = files.map((file) => ({ fd: openSync(file, 'r'), at: 0, rest: '' }));
    this.#readOn();
  }

  secret(label: string, clientRandom: string): Uint8Array | undefined {
    const found = this.#keys.secret(label, clientRandom);
    const asked = `${label} ${clientRandom}`;
    if (found !== undefined || this.#looked.has(asked)) return found;
    if (this.#looked.size < MOST_LOOKED) this.#looked.add(asked);
    let waitedMs = 0;
    for (;;) {
      this.#readOn();
      const written = this.#keys.secret(label, clientRandom);
      const isPatient = AWAITED.test(label) && waitedMs < PATIENCE_MS && this.#leftMs > 0;
      if (written !== undefined || !isPatient) return written;
      Atomics.wait(this.#pause, 0, 0, STEP_MS);
      waitedMs += STEP_MS;
      this.#leftMs -= STEP_MS;
    }
  }

  clientRandoms(): Iterable<string> {
    return this.#keys.clientRandoms?.() ?? [];
  }

  add(text: string): void {
    this.#keys.add(text);
  }

  lines(clientRandom: string): string[] {
    return this.#keys.lines(clientRandom);
  }

  get count(): number {
    return this.#keys.count;
  }

  get unknownLines(): number {
    return this.#keys.unknownLines;
  }

  close(): void {
    for (const { fd } of this.#files.splice(0)) closeSync(fd);
  }

  #readOn(): void {
    const bytes = Buffer.alloc(PIECE_BYTES);
    for (const file of this.#files) {
      for (let length = -1; length !== 0; ) {
        length = readSync(file.fd, bytes, 0, bytes.length, file.at);
        file.at += length;
        const text = file.rest + bytes.toString('latin1', 0, length);
        const end = text.lastIndexOf('\n') + 1;
        // A line without an end for a whole piece is none.
        file.rest = text.length - end > PIECE_BYTES ? '' : text.slice(end);
        if (end > 0) this.#keys.add(text.slice(0, end));
      }
    }
  }
}
