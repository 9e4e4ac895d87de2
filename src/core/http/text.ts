// Octet classes of RFC 9110 §5.6 and §5.5 as tables, and the way from octets to strings: one character an octet, with
// strings that keep coming back shared. Leaves out what the strings mean.

const CACHE_SLOTS = 128;
const CACHED_LENGTH = 128;

/** For a tchar (RFC 9110 §5.6.2) the octet in lower case, otherwise 0. */
export const TOKEN = new Uint8Array(256);
/** 1 for what a field value may hold: HTAB, SP, VCHAR and obs-text (RFC 9110 §5.5). */
export const FIELD_VALUE = new Uint8Array(256);
/**
 * 1 for what is let through in a request target: VCHAR but `#`, which begins a fragment and is never sent (RFC 9112
 * §3.2). Wider than RFC 3986: browsers send `|`, `"` and the like as they are, and no two readers split there differently.
 */
export const TARGET = new Uint8Array(256);
/** The value of a HEXDIG, otherwise 255. */
export const HEX_DIGIT = new Uint8Array(256).fill(255);

for (let octet = 0; octet < 256; octet++) {
  const character = String.fromCharCode(octet);
  if (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(character)) TOKEN[octet] = character.toLowerCase().charCodeAt(0);
  if (octet === 0x09 || (octet >= 0x20 && octet !== 0x7f)) FIELD_VALUE[octet] = 1;
  if (octet > 0x20 && octet < 0x7f && character !== '#') TARGET[octet] = 1;
  if (/[0-9A-Fa-f]/.test(character)) HEX_DIGIT[octet] = Number.parseInt(character, 16);
}

/** Octets as a string, one character each. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > 48 && end - start <= 4_096) return fromBytes(bytes.subarray(start, end));
  let out = '';
  let at = start;
  for (; end - at > 4_096; at += 4_096) out += fromBytes(bytes.subarray(at, at + 4_096));
  // Four at a time: below some fifty octets this is the fastest way that the language has.
  for (; at + 4 <= end; at += 4) {
    out += String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!);
  }
  for (; at < end; at++) out += String.fromCharCode(bytes[at]!);
  return out;
}

function fromBytes(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** One octet a character; characters beyond Latin-1 become `?`. */
export function latin1Bytes(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    out[i] = code > 0xff ? 0x3f : code;
  }
  return out;
}

/** Without the SP and HTAB at both ends (OWS, RFC 9110 §5.6.3); looks at each of them once, which a regular expression would not. */
export function withoutBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * Strings of the last requests, so that a client that says the same again costs no new ones. One slot for each hash,
 * the newest wins: no input makes it larger or slower, and what it returns never depends on what it holds.
 */
export class TextCache {
  readonly #slots: string[] = new Array<string>(CACHE_SLOTS).fill('');

  /** `bytes[start, end)` as a string. */
  text(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length > CACHED_LENGTH) return latin1(bytes, start, end);
    let hash = length;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    const slot = slotOf(hash);
    const known = this.#slots[slot]!;
    if (known.length === length && sameText(known, bytes, start)) return known;
    const made = latin1(bytes, start, end);
    this.#slots[slot] = made;
    return made;
  }

  /** The same in lower case; every octet must be a tchar. */
  lowerCaseToken(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length > CACHED_LENGTH) return latin1(bytes, start, end).toLowerCase();
    let hash = length;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + TOKEN[bytes[at]!]!) | 0;
    const slot = slotOf(hash);
    const known = this.#slots[slot]!;
    if (known.length === length && sameToken(known, bytes, start)) return known;
    const made = latin1(bytes, start, end).toLowerCase();
    this.#slots[slot] = made;
    return made;
  }
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 9) ^ (hash >>> 18)) & (CACHE_SLOTS - 1);
}

function sameText(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

function sameToken(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== TOKEN[bytes[start + i]!]) return false;
  return true;
}
