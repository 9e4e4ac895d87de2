// What the dissectors take bytes apart into, and how two of the same kind are compared: the first field that differs, by
// path and with both values as text. A length or checksum that follows from another difference is named after its cause.

export type LayerName = 'IP' | 'ICMP' | 'TCP' | 'TLS' | 'H2' | 'HTTP';

/** What a field says for itself is looked at first, then which parts are there, last what follows from other fields. */
export const RANK = { value: 0, presence: 1, derived: 2 } as const;

export interface Field {
  /** Dotted, in the RFC's names: `ServerHello.extensions.alpn`. */
  readonly path: string;
  /** Bytes, or the text that stands for the value. */
  readonly value: string | Uint8Array;
  readonly rank: 0 | 1 | 2;
  /** For bytes that are content: where their first one stands in the whole. The difference then names the byte. */
  readonly position?: number;
}

export interface Difference {
  readonly layer: LayerName;
  readonly path: string;
  readonly recorded: string;
  readonly now: string;
  /** More to know, as sentences without a full stop. */
  readonly notes: readonly string[];
}

/** A part of a byte stream that is compared as a whole: a handshake message, a frame, a header section. */
export interface Unit {
  readonly layer: LayerName;
  /** Units of one kind have fields in common: handshake, alert, frame, head, body, ... */
  readonly kind: string;
  readonly bytes: Uint8Array;
  /** In the TCP stream, where the record that it begins in begins. */
  readonly startsAt: number;
  /** The stream ended within it: only what the other side has too is compared. */
  readonly partial?: boolean;
  /** `HEADERS of stream 1`; only called where units differ, as is `fields`. */
  title(): string;
  fields(): Field[];
}

export const compareLimits = {
  /** A single unit (a frame, a header section); a longer one is not taken apart. RFC 9113 §4.2 would allow 2^24 - 1. */
  unitBytes: 1 << 20,
  /** HTTP/1.1 content is compared in pieces of this. */
  pieceBytes: 4096,
  /** Lines of the key log that are remembered. */
  secrets: 65_536,
  /** Packets behind a difference that are searched for the packet that should have come. */
  lookAhead: 8,
  /** Units or records of one side that wait for the other side's; beyond it the difference is named without them. */
  waiting: 1024,
  /** Packets sent now that wait for the recorded ones before them: what one input sets off, so at most a send window. */
  earlyPackets: 16_384,
} as const;

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

export function sameUnit(a: Unit, b: Unit): boolean {
  if (a.layer !== b.layer || a.kind !== b.kind) return false;
  if (!a.partial && !b.partial) return sameBytes(a.bytes, b.bytes);
  const shared = Math.min(a.bytes.length, b.bytes.length);
  return sameBytes(a.bytes.subarray(0, shared), b.bytes.subarray(0, shared));
}

/** The first difference of two units that are not the same. */
export function unitDifference(recorded: Unit, now: Unit): Difference {
  const { layer } = recorded;
  if (layer !== now.layer || recorded.kind !== now.kind) {
    const path = layer === 'H2' ? 'frame' : 'message';
    return { layer, path, recorded: recorded.title(), now: now.title(), notes: [] };
  }
  const found = firstDifference(recorded.fields(), now.fields());
  // Frames of one type are many; messages and header sections are named by the path.
  const notes = layer === 'H2' ? [`in ${recorded.title()}`] : [];
  if (found !== undefined) return { layer, ...found, notes };
  const [path, before, after] = byteTexts(recorded.kind, recorded.bytes, now.bytes, 0);
  return { layer, path, recorded: before, now: after, notes };
}

/** A unit that only one side has. */
export function loneUnit(recorded: Unit | undefined, now: Unit | undefined): Difference {
  const layer = (recorded ?? now)!.layer;
  const path = layer === 'H2' ? 'frame' : 'message';
  return { layer, path, recorded: recorded?.title() ?? 'nothing', now: now?.title() ?? 'nothing', notes: [] };
}

/** Undefined when all fields are the same. */
export function firstDifference(
  recorded: readonly Field[],
  now: readonly Field[],
): Pick<Difference, 'path' | 'recorded' | 'now'> | undefined {
  for (const rank of Object.values(RANK)) {
    const found = differenceOf(
      recorded.filter((field) => field.rank === rank),
      now.filter((field) => field.rank === rank),
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function differenceOf(recorded: readonly Field[], now: readonly Field[]) {
  const recordedKeys = keysOf(recorded);
  const nowKeys = keysOf(now);
  const inRecorded = new Set(recordedKeys);
  const inNow = new Set(nowKeys);
  for (let at = 0; at < Math.max(recorded.length, now.length); at++) {
    const before = recorded[at];
    const after = now[at];
    if (before !== undefined && recordedKeys[at] === nowKeys[at]) {
      if (!sameValue(before.value, after!.value)) return valueDifference(before, after!);
      continue;
    }
    if (before !== undefined && !inNow.has(recordedKeys[at]!)) {
      return { path: before.path, recorded: valueText(before.value), now: 'absent' };
    }
    if (after !== undefined && !inRecorded.has(nowKeys[at]!)) {
      return { path: after.path, recorded: 'absent', now: valueText(after.value) };
    }
    // The same parts in another order.
    const field = before ?? after!;
    const key = recordedKeys[at] ?? nowKeys[at]!;
    const place = (keys: readonly string[]): string => `place ${keys.indexOf(key) + 1}`;
    return { path: field.path, recorded: place(recordedKeys), now: place(nowKeys) };
  }
  return undefined;
}

/** The path, and which of that path it is: list items share one. */
function keysOf(fields: readonly Field[]): string[] {
  const seen = new Map<string, number>();
  return fields.map(({ path }) => {
    const count = seen.get(path) ?? 0;
    seen.set(path, count + 1);
    return `${path} ${count}`;
  });
}

function sameValue(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return typeof a === 'string' || typeof b === 'string' ? a === b : sameBytes(a, b);
}

function valueDifference(recorded: Field, now: Field): Pick<Difference, 'path' | 'recorded' | 'now'> {
  const before = recorded.value;
  const after = now.value;
  if (typeof before === 'string' || typeof after === 'string') {
    return { path: recorded.path, recorded: valueText(before), now: valueText(after) };
  }
  if (recorded.position !== undefined) {
    const [path, a, b] = byteTexts(recorded.path, before, after, recorded.position);
    return { path, recorded: a, now: b };
  }
  const at = firstByteDifference(before, after);
  return { path: recorded.path, recorded: windowText(before, at), now: windowText(after, at) };
}

/** Content that differs: by the byte, or by its length where one is the beginning of the other. */
export function byteTexts(
  path: string,
  recorded: Uint8Array,
  now: Uint8Array,
  position: number,
): [path: string, recorded: string, now: string] {
  const at = firstByteDifference(recorded, now);
  if (at === recorded.length || at === now.length) {
    return [`${path}.length`, String(position + recorded.length), String(position + now.length)];
  }
  return [
    `${path} byte ${position + at}`,
    hexText(recorded.subarray(at, at + SHOWN_BYTES)),
    hexText(now.subarray(at, at + SHOWN_BYTES)),
  ];
}

/** The length of what both have in common. */
export function firstByteDifference(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  let at = 0;
  while (at < shared && a[at] === b[at]) at++;
  return at;
}

const SHOWN_BYTES = 8;
/** Shown in full up to here. */
const SHORT_BYTES = 16;
const SHOWN_CHARACTERS = 120;

/** Bytes around the first difference, where they are too many. */
export function windowText(bytes: Uint8Array, at: number): string {
  if (bytes.length === 0) return 'empty';
  if (bytes.length <= SHORT_BYTES) return hexText(bytes);
  if (at >= bytes.length) return `the end after ${bytes.length} bytes`;
  return `${hexText(bytes.subarray(at, at + SHOWN_BYTES))} at byte ${at} of ${bytes.length}`;
}

export function valueText(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : windowText(value, 0);
}

export function hexText(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

/** In quotes, as printable ASCII; `text` has an octet in each character. */
export function quoted(text: string): string {
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
  const safe = shown.replace(/[^\x20-\x7e]|["\\]/g, (character) =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : `\\x${(character.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`,
  );
  return `"${safe}"`;
}

/** One octet a character. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** A header field's name as part of a path: what no token (RFC 9110 §5.6.2) or pseudo-header field has becomes `_`. */
export function pathName(name: string): string {
  return name.replace(/[^:!#$%&'*+\-.^_`|~0-9A-Za-z]/g, '_').slice(0, 80);
}
