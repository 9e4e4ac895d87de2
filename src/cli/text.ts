// Text from the wire made safe to print, and numbers as people read them. A peer chooses paths, header values, server
// names: none of it may move the cursor, colour the terminal, hide itself or pretend to be another field of the line.
// No locale takes part, so a log is the same on every machine.

/** Characters of one text that are shown; the rest is counted. */
export const LONGEST_TEXT = 200;
/** Entries of one list (header fields, cipher suites, settings) that are shown; the rest is counted. */
export const LONGEST_LIST = 100;

/**
 * `text` in printable ASCII: control characters and bytes above 0x7e become `\x1b`, wider characters `\u202e`, a
 * backslash `\\`. The section sign of our own rule citations stays. Longer than `longest` characters: cut, and the rest
 * is counted as `...(+12)`.
 */
export function printable(text: string, longest = LONGEST_TEXT): string {
  const shown = text.length > longest ? text.slice(0, longest) : text;
  const safe = shown.replace(/[^\x20-\x5b\x5d-\x7e\xa7]/g, escapeCharacter);
  return shown === text ? safe : `${safe}...(+${text.length - longest})`;
}

/** As `printable`, for a text that stands between spaces: a space in it becomes `\x20`, so that it cannot start a new field. */
export function token(text: string): string {
  return printable(text).replaceAll(' ', '\\x20');
}

/** 455520 as `455,520`. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** `1 packet`, `2 packets`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Microseconds as `0.003211`. */
export function secondsText(us: number): string {
  return `${Math.floor(us / 1_000_000)}.${String(us % 1_000_000).padStart(6, '0')}`;
}

/** `0x0303` */
export function hexText(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

/**
 * JSON in ASCII. JSON.stringify leaves DEL, C1 controls and line separators as they are; a terminal or a line reader would act
 * on them.
 */
export function asciiJson(value: unknown, indent?: number): string {
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, undefined, indent).replace(/[\x7f-\uffff]/g, escaped);
}

function escapeCharacter(character: string): string {
  if (character === '\\') return '\\\\';
  const code = character.charCodeAt(0);
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
