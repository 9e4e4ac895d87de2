// The server's half of an HTTP/1.1 connection as units: header sections, content in even pieces, chunk-size lines and
// trailer sections (RFC 9112 §2.1, §4 to §7). How long content is follows RFC 9112 §6.3.

import { compareLimits, type Field, latin1, pathName, quoted, RANK, type Unit } from './difference.js';
import { type ApplicationDissector, Pending } from './pending.js';

const LF = 0x0a;

type Stage = 'head' | 'counted' | 'chunk size' | 'chunk' | 'chunk end' | 'trailers' | 'until close';

export class Http1Dissector implements ApplicationDissector {
  readonly #emit: (unit: Unit) => void;
  readonly #nextMethod: () => string | undefined;
  readonly #pending = new Pending();
  #stage: Stage = 'head';
  /** Of the content, or of the chunk. */
  #left = 0;
  /** Content bytes of this response that were emitted. */
  #position = 0;
  #lost = false;

  /** `nextMethod` is asked once for each final response: one to HEAD has no content whatever its fields say. */
  constructor(emit: (unit: Unit) => void, nextMethod: () => string | undefined) {
    this.#emit = emit;
    this.#nextMethod = nextMethod;
  }

  get openSince(): number | undefined {
    return this.#pending.openSince;
  }

  get lost(): boolean {
    return this.#lost;
  }

  push(bytes: Uint8Array, startsAt: number): void {
    if (this.#lost) return;
    this.#pending.push(bytes, startsAt);
    while (!this.#lost && this.#step()) {
      // Each step takes a unit off the front.
    }
  }

  finish(): void {
    if (this.#lost || this.#pending.length === 0) return;
    const isContent = this.#stage === 'counted' || this.#stage === 'chunk' || this.#stage === 'until close';
    if (isContent) this.#piece(this.#pending.length, true);
  }

  /** False when more bytes are needed. */
  #step(): boolean {
    switch (this.#stage) {
      case 'head': {
        const length = this.#wholeSection();
        if (length === 0) return false;
        this.#head(this.#take(length, 'head'));
        return true;
      }
      case 'counted':
      case 'chunk': {
        const wanted = Math.min(this.#left, compareLimits.pieceBytes);
        if (this.#pending.length < wanted) return false;
        this.#piece(wanted);
        this.#left -= wanted;
        if (this.#left === 0) this.#stage = this.#stage === 'chunk' ? 'chunk end' : 'head';
        return true;
      }
      case 'until close':
        if (this.#pending.length < compareLimits.pieceBytes) return false;
        this.#piece(compareLimits.pieceBytes);
        return true;
      case 'chunk end':
        if (this.#pending.length < 2) return false;
        this.#take(2, 'chunk end');
        this.#stage = 'chunk size';
        return true;
      case 'chunk size': {
        const length = this.#wholeLine();
        if (length === 0) return false;
        this.#chunkSize(this.#take(length, 'chunk size'));
        return true;
      }
      case 'trailers': {
        const length = this.#wholeTrailers();
        if (length === 0) return false;
        this.#take(length, 'trailers');
        this.#stage = 'head';
        return true;
      }
      default:
        return this.#stage satisfies never;
    }
  }

  #head(bytes: Uint8Array): void {
    const [line = '', ...fieldLines] = lines(bytes);
    const status = Number(/^HTTP\/\d\.\d (\d{3})/.exec(line)?.[1] ?? Number.NaN);
    if (Number.isNaN(status)) {
      this.#lost = true;
      return;
    }
    this.#position = 0;
    // RFC 9110 §15.2: an interim response has no content, and its request is still to be answered.
    if (status < 200) return;
    const method = this.#nextMethod();
    if (method === 'HEAD' || status === 204 || status === 304) return;
    const value = (name: string): string | undefined =>
      fieldLines
        .map(splitField)
        .find(([key]) => key.toLowerCase() === name)?.[1]
        .toLowerCase();
    const length = value('content-length');
    if (value('transfer-encoding')?.endsWith('chunked')) this.#stage = 'chunk size';
    else if (length === undefined) this.#stage = 'until close';
    else if (!/^[0-9]{1,15}$/.test(length)) this.#lost = true;
    else if (Number(length) > 0) {
      this.#stage = 'counted';
      this.#left = Number(length);
    }
  }

  #chunkSize(bytes: Uint8Array): void {
    const digits = /^[0-9a-fA-F]{1,12}/.exec(latin1(bytes))?.[0];
    if (digits === undefined) {
      this.#lost = true;
      return;
    }
    this.#left = Number.parseInt(digits, 16);
    this.#stage = this.#left === 0 ? 'trailers' : 'chunk';
  }

  #take(count: number, kind: string): Uint8Array {
    const startsAt = this.#pending.openSince!;
    const bytes = this.#pending.shift(count);
    this.#emit(new Http1Unit(kind, bytes, startsAt, 0));
    return bytes;
  }

  #piece(count: number, partial = false): void {
    const startsAt = this.#pending.openSince!;
    this.#emit(new Http1Unit('body', this.#pending.shift(count), startsAt, this.#position, partial));
    this.#position += count;
  }

  /** Bytes up to and with the line feed; 0 when it is not there. */
  #wholeLine(): number {
    return this.#bounded(this.#pending.bytes.indexOf(LF) + 1);
  }

  /** Bytes up to and with an empty line. */
  #wholeSection(): number {
    return this.#bounded(Buffer.from(this.#pending.bytes).indexOf('\r\n\r\n') + 4, 4);
  }

  /** As a section, but the empty line may be all there is. */
  #wholeTrailers(): number {
    const { bytes } = this.#pending;
    return bytes.length >= 2 && bytes[0] === 0x0d && bytes[1] === LF ? 2 : this.#wholeSection();
  }

  #bounded(found: number, least = 1): number {
    if (found >= least) return found;
    if (this.#pending.length > compareLimits.unitBytes) this.#lost = true;
    return 0;
  }
}

class Http1Unit implements Unit {
  readonly layer = 'HTTP';
  readonly kind: string;
  readonly bytes: Uint8Array;
  readonly startsAt: number;
  readonly partial: boolean;
  readonly #position: number;

  constructor(kind: string, bytes: Uint8Array, startsAt: number, position: number, partial = false) {
    this.partial = partial;
    this.kind = kind;
    this.bytes = bytes;
    this.startsAt = startsAt;
    this.#position = position;
  }

  title(): string {
    if (this.kind === 'head') return lines(this.bytes)[0] ?? '';
    return this.kind === 'body' ? `${this.bytes.length} bytes of content from ${this.#position} on` : this.kind;
  }

  fields(): Field[] {
    switch (this.kind) {
      case 'head': {
        const [line = '', ...fieldLines] = lines(this.bytes);
        return [{ path: 'status line', value: quoted(line), rank: RANK.value }, ...fieldList('fields', fieldLines)];
      }
      case 'trailers':
        return fieldList('trailers', lines(this.bytes));
      case 'body':
        return [{ path: 'body', value: this.bytes, rank: RANK.value, position: this.#position }];
      default:
        return [{ path: this.kind, value: quoted(lines(this.bytes)[0] ?? ''), rank: RANK.value }];
    }
  }
}

function fieldList(prefix: string, fieldLines: readonly string[]): Field[] {
  return fieldLines.map(splitField).map(([name, value]) => ({
    path: `${prefix}.${pathName(name)}`,
    value: quoted(value),
    rank: RANK.value,
  }));
}

function splitField(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).trim()];
}

/** Without the empty line at the end. */
function lines(bytes: Uint8Array): string[] {
  return latin1(bytes)
    .split('\r\n')
    .filter((line) => line !== '');
}
