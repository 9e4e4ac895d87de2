// What two captures are compared by: units (a message, a frame, a packet) with their fields, in lanes (the handshake of a
// connection, one HTTP/2 stream, one request with its answer), in conversations.

import { createHash, type Hash } from 'node:crypto';
import type { Direction } from '../../core/trace.js';
import { diffLimits } from './limits.js';

export type DiffLevel = 'packet' | 'stream' | 'http';
export type DiffLayer = 'eth' | 'ip' | 'icmp' | 'udp' | 'tcp' | 'tls' | 'http' | 'http2';

export type DiffValue = number | boolean | string | bigint | Content;

export interface DiffField {
  /** Wireshark's, or of the same form where Wireshark has none: see docs/diff.md. */
  readonly name: string;
  readonly value: DiffValue;
  /** Symbolic name of a number. */
  readonly text?: string;
}

export interface Unit {
  readonly layer: DiffLayer;
  /** What it is, for people: `ClientHello`, `HEADERS`, `GET /`. */
  readonly title: string;
  /** Units of one kind are compared field by field when they are not the same. */
  readonly kind: string;
  /** The field that tells what it is; named where only one side has the unit. */
  readonly naming: string;
  readonly dir: Direction;
  readonly packet: number;
  readonly atUs: number;
  /** Without those that are ignored. */
  readonly fields: DiffField[];
}

export interface Lane {
  /** `tls`, `http2`, `stream 1`, `request 2`, `packets`, ... */
  readonly name: string;
  /** A stream's or an exchange's: `GET /path`; of a lane that each conversation has once: its name. */
  key: string;
  readonly units: Unit[];
}

export interface Conversation {
  /** `10.0.0.1:49152>10.0.0.2:443#0`, or what the packets that belong to none are called. */
  readonly name: string;
  readonly serverPort: number;
  readonly firstPacket: number;
  readonly firstUs: number;
  serverName: string;
  firstRequest: string;
  readonly lanes: Map<string, Lane>;
}

/** Bytes of any length: their beginning, their number, and a digest of all. */
export class Content {
  /** Gone when the digest was asked for. */
  #hash: Hash | undefined = createHash('sha256');
  #kept: Uint8Array = NOTHING;
  #length = 0;
  #digest: string | undefined;

  static of(bytes: Uint8Array): Content {
    const content = new Content();
    content.add(bytes);
    return content;
  }

  /** Not to be called any more once `digest` was read. */
  add(bytes: Uint8Array): void {
    this.#hash?.update(bytes);
    const room = diffLimits.contentBytes - this.#kept.length;
    if (room > 0 && bytes.length > 0) {
      const kept = new Uint8Array(this.#kept.length + Math.min(room, bytes.length));
      kept.set(this.#kept);
      kept.set(bytes.subarray(0, room), this.#kept.length);
      this.#kept = kept;
    }
    this.#length += bytes.length;
  }

  get length(): number {
    return this.#length;
  }

  get kept(): Uint8Array {
    return this.#kept;
  }

  get digest(): string {
    this.#digest ??= this.#hash!.digest('hex');
    this.#hash = undefined;
    return this.#digest;
  }
}

const NOTHING = new Uint8Array(0);

/** What a unit is reckoned to hold in memory besides its fields, in bytes. */
export function unitBytes({ fields, title }: Unit): number {
  return 200 + title.length + 8 * fields.length;
}

export function fieldBytes({ value }: DiffField): number {
  if (typeof value === 'string') return 64 + value.length;
  return value instanceof Content ? 364 + value.kept.length : 64;
}

/** The same text for the same value, and for no other of its type. */
export function valueKey(value: DiffValue): string {
  return value instanceof Content ? `${value.length} ${value.digest}` : String(value);
}

const digests = new WeakMap<Unit, string>();

/** Equal for units whose fields are all the same. */
export function unitDigest(unit: Unit): string {
  let digest = digests.get(unit);
  if (digest === undefined) {
    const hash = createHash('sha256').update(`${unit.dir}\n${unit.kind}`);
    for (const { name, value } of unit.fields) hash.update(`\n${name}\t${valueKey(value)}`);
    digest = hash.digest('base64');
    digests.set(unit, digest);
  }
  return digest;
}
