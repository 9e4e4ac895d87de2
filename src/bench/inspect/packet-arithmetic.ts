// The arithmetic of packet filters: `tcp[13] & 2`, `ip[2:2] - 40`, on 32 bits without a sign. A place that a packet does not have
// refuses the packet, whatever the rest of the filter says, as the kernel's filter does (pcap-filter(7)).

import { nearestName } from '../nearest.js';
import type { Token } from './filter-lexer.js';
import { NUMBERS, PROTOCOLS } from './packet-names.js';
import { PacketView, u16, u32 } from './packet-view.js';
import type { InspectedPacket } from './types.js';

export type Expression = (packet: InspectedPacket) => number;

/** Thrown while a filter is asked, and caught there. */
export class NoSuchPlace extends Error {
  override readonly name = 'NoSuchPlace';
}

/** What the parser of filters lends. */
export interface TokenSource {
  readonly next: Token;
  take(): Token;
  accept(...texts: readonly string[]): boolean;
  fail(token: Token, what: string, advice?: string): never;
}

export const RELATIONS: ReadonlyMap<string, (a: number, b: number) => boolean> = new Map([
  ['=', (a, b) => a === b],
  ['==', (a, b) => a === b],
  ['!=', (a, b) => a !== b],
  ['<', (a, b) => a < b],
  ['<=', (a, b) => a <= b],
  ['>', (a, b) => a > b],
  ['>=', (a, b) => a >= b],
]);

/** Those that bind weaker come first; those of one line bind alike, from left to right. */
const LEVELS: readonly ReadonlyMap<string, (a: number, b: number) => number>[] = [
  new Map([
    ['|', (a: number, b: number) => a | b],
    ['&', (a: number, b: number) => a & b],
    ['^', (a: number, b: number) => a ^ b],
  ]),
  new Map([
    ['<<', (a: number, b: number) => (b > 31 ? 0 : a << b)],
    ['>>', (a: number, b: number) => (b > 31 ? 0 : a >>> b)],
  ]),
  new Map([
    ['+', (a: number, b: number) => a + b],
    ['-', (a: number, b: number) => a - b],
  ]),
  new Map([
    ['*', (a: number, b: number) => Math.imul(a, b)],
    ['/', (a: number, b: number) => divided(b, Math.floor(a / b))],
    ['%', (a: number, b: number) => divided(b, a % b)],
  ]),
];

export function isArithmetic({ kind, text }: Token): boolean {
  return kind === 'operator' && (RELATIONS.has(text) || LEVELS.some((level) => level.has(text)));
}

const LAYERS = new Set(['ether', 'link', 'ip', 'ip6', ...PROTOCOLS.keys()]);

/** Whether an expression begins here: `tcp[`, `len`. */
export function beginsExpression({ text }: Token, following: Token | undefined): boolean {
  if (text === 'len') return true;
  if (LAYERS.has(text) && following?.text === '[') return true;
  return numberOf(text) !== undefined && following !== undefined && isArithmetic(following);
}

const DEEPEST = 100;

export function parseExpression(source: TokenSource, depth = 0): Expression {
  return parseLevel(source, 0, depth);
}

function parseLevel(source: TokenSource, at: number, depth: number): Expression {
  const level = LEVELS[at];
  if (level === undefined) return parseOperand(source, depth);
  let left = parseLevel(source, at + 1, depth);
  for (;;) {
    const operation = source.next.kind === 'operator' ? level.get(source.next.text) : undefined;
    if (operation === undefined) return left;
    source.take();
    const [a, b] = [left, parseLevel(source, at + 1, depth)];
    left = (packet) => operation(a(packet), b(packet)) >>> 0;
  }
}

function parseOperand(source: TokenSource, depth: number): Expression {
  const token = source.take();
  if (depth > DEEPEST) source.fail(token, 'too many parentheses within each other');
  if (token.text === '(') {
    const inner = parseExpression(source, depth + 1);
    if (!source.accept(')')) source.fail(source.next, ') is missing');
    return inner;
  }
  if (token.text === '-') {
    const inner = parseOperand(source, depth + 1);
    return (packet) => -inner(packet) >>> 0;
  }
  if (token.kind !== 'word') source.fail(token, 'a number or a place is expected, as tcp[13]');
  if (token.text === 'len') return ({ originalLength }) => originalLength;
  if (LAYERS.has(token.text)) return parsePlace(source, token.text, depth);
  const value = NUMBERS.get(token.text) ?? numberOf(token.text);
  if (value === undefined) {
    const near = nearestName(token.text, [...NUMBERS.keys()]);
    const advice = near === undefined ? 'As tcp-syn, icmp-echo or 0x02.' : `Did you mean ${near}?`;
    source.fail(token, `${JSON.stringify(token.text)} is no number, and no name of one`, advice);
  }
  return () => value;
}

/** `[at]`, `[at:size]` */
function parsePlace(source: TokenSource, layer: string, depth: number): Expression {
  if (!source.accept('[')) source.fail(source.next, `[ is expected: ${layer}[0]`);
  const at = parseExpression(source, depth + 1);
  let size = 1;
  if (source.accept(':')) {
    const token = source.take();
    size = Number(token.text);
    if (size !== 1 && size !== 2 && size !== 4) source.fail(token, 'the size is 1, 2 or 4 bytes');
  }
  if (!source.accept(']')) source.fail(source.next, '] is missing');
  return (packet) => {
    const start = startOf(packet, layer);
    const from = start + at(packet);
    const { bytes } = packet;
    if (start < 0 || from + size > bytes.length) throw new NoSuchPlace();
    return size === 1 ? bytes[from]! : size === 2 ? u16(bytes, from) : u32(bytes, from);
  };
}

/** The protocols that the places of an expression belong to, as tokens name them; a packet without them is not selected. */
export function layersBetween(tokens: readonly Token[]): readonly string[] {
  return tokens.filter(({ text }, at) => LAYERS.has(text) && tokens[at + 1]?.text === '[').map(({ text }) => text);
}

const view = new PacketView();

export function hasLayer(packet: InspectedPacket, layer: string): boolean {
  return startOf(packet, layer) >= 0;
}

/** -1: the packet has none. Behind fragments but the first there is no header. */
function startOf({ linkType, bytes }: InspectedPacket, layer: string): number {
  if (layer === 'ether' || layer === 'link') return 0;
  view.read(linkType, bytes);
  if (layer === 'ip' || layer === 'ip6') return view.version === (layer === 'ip' ? 4 : 6) ? view.ipAt : -1;
  const isThere = view.version !== 0 && view.fragmentOffset === 0 && view.protocol === PROTOCOLS.get(layer);
  return isThere ? view.payloadAt : -1;
}

function divided(by: number, result: number): number {
  if (by === 0) throw new NoSuchPlace();
  return result;
}

export function numberOf(text: string): number | undefined {
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number(text);
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8) >>> 0;
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= 0xff_ff_ff_ff ? Number(text) : undefined;
}
