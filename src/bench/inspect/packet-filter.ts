// pcap-filter(7)'s primitives over packets that were taken apart: `host 10.0.0.2 and port 443`. Words that follow without a
// qualifier of their own have that of the words before them, as there.

import { parseAddress } from '../addresses.js';
import { FilterError, type Token, tokensOf } from './filter-lexer.js';
import type { DisplayFilter, InspectedField, InspectedPacket } from './types.js';

type Test = (packet: InspectedPacket) => boolean;
type Side = 'src' | 'dst' | 'either';

const PROTOCOLS = new Map<string, readonly string[]>([
  ['ip', ['ip']],
  ['ip6', ['ipv6']],
  ['tcp', ['tcp']],
  ['udp', ['udp']],
  ['icmp', ['icmp']],
  ['icmp6', ['icmpv6']],
]);
const FLAG_BITS = new Map([
  ['tcp-fin', 0x01],
  ['tcp-syn', 0x02],
  ['tcp-rst', 0x04],
  ['tcp-push', 0x08],
  ['tcp-ack', 0x10],
  ['tcp-urg', 0x20],
  ['tcp-ece', 0x40],
  ['tcp-cwr', 0x80],
]);
const DEEPEST = 100;
const FORM =
  'The words are host, net, port, portrange with src or dst, tcp, udp, icmp, icmp6, ip, ip6, less, greater, and, or, not.';

/** Raises FilterError. */
export function parsePacketFilter(text: string): DisplayFilter {
  return { matches: new Parser(text).whole(), needs: { fields: true } };
}

class Parser {
  readonly #filter: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  /** What a value without qualifiers means: that of the value before it. */
  #lastSide: Side = 'either';
  #lastType: string | undefined;

  constructor(filter: string) {
    this.#filter = filter;
    this.#tokens = tokensOf(filter);
  }

  whole(): Test {
    const test = this.#or();
    const rest = this.#next;
    if (rest.kind !== 'end') this.#fail(rest, `${JSON.stringify(rest.text)} is not expected here`);
    return test;
  }

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }

  #accept(...texts: readonly string[]): boolean {
    if (this.#next.kind === 'end' || !texts.includes(this.#next.text)) return false;
    this.#at++;
    return true;
  }

  // In pcap-filter `and` and `or` bind alike, from left to right.
  #or(): Test {
    let left = this.#not();
    for (;;) {
      if (this.#accept('and', '&&')) {
        const [a, b] = [left, this.#not()];
        left = (packet) => a(packet) && b(packet);
      } else if (this.#accept('or', '||')) {
        const [a, b] = [left, this.#not()];
        left = (packet) => a(packet) || b(packet);
      } else return left;
    }
  }

  #not(): Test {
    if (++this.#depth > DEEPEST) this.#fail(this.#next, 'too many parentheses and negations within each other');
    try {
      if (this.#accept('not', '!')) {
        const test = this.#not();
        return (packet) => !test(packet);
      }
      if (this.#accept('(')) {
        const test = this.#or();
        if (!this.#accept(')')) this.#fail(this.#next, ') is missing');
        return test;
      }
      return this.#primitive();
    } finally {
      this.#depth--;
    }
  }

  #primitive(): Test {
    const token = this.#next;
    if (token.kind !== 'word') this.#fail(token, 'a primitive is expected', FORM);
    const isFlags = token.text === 'tcp' && this.#tokens[this.#at + 1]?.text === '[';
    if (isFlags) return this.#flags();
    const layers = PROTOCOLS.get(token.text);
    if (layers !== undefined) {
      this.#at++;
      const isThere: Test = ({ layers: all }) =>
        all.some(({ name, quoted }) => layers.includes(name) && quoted !== true);
      // `tcp port 443`, `ip host 10.0.0.2`
      if (!['src', 'dst', 'host', 'net', 'port', 'portrange'].includes(this.#next.text)) return isThere;
      const test = this.#qualified();
      return (packet) => isThere(packet) && test(packet);
    }
    if (this.#accept('less')) {
      const most = this.#number();
      return ({ originalLength }) => originalLength <= most;
    }
    if (this.#accept('greater')) {
      const least = this.#number();
      return ({ originalLength }) => originalLength >= least;
    }
    return this.#qualified();
  }

  #qualified(): Test {
    let side: Side | undefined;
    if (this.#accept('src')) side = this.#accept('or') && this.#accept('dst') ? 'either' : 'src';
    else if (this.#accept('dst')) side = 'dst';
    const type = ['host', 'net', 'port', 'portrange'].find((word) => this.#accept(word));
    if (type !== undefined || side !== undefined) {
      this.#lastSide = side ?? 'either';
      this.#lastType = type ?? 'host';
    }
    if (this.#lastType === undefined)
      this.#fail(this.#next, `${JSON.stringify(this.#next.text)} is no primitive`, FORM);
    return this.#value(this.#lastType, this.#lastSide);
  }

  #value(type: string, side: Side): Test {
    const token = this.#next;
    if (token.kind !== 'word') this.#fail(token, `a value for ${type} is expected`);
    if (type === 'port' || type === 'portrange') return this.#ports(type, side);
    this.#at++;
    const [head = '', prefixText] = token.text.split('/', 2);
    const bytes = parseAddress(head);
    if (bytes === undefined || (type === 'host' && prefixText !== undefined)) {
      const advice =
        type === 'net' ? 'Networks are written as 10.0.0.0/8.' : 'Addresses, not names: 10.0.0.2 or fd00::2.';
      this.#fail(token, `${JSON.stringify(token.text)} is no ${type === 'net' ? 'network' : 'address'}`, advice);
    }
    const prefix = prefixText === undefined ? bytes.length * 8 : Number(prefixText);
    if (!Number.isInteger(prefix) || prefix < 0 || prefix > bytes.length * 8)
      this.#fail(token, 'no such prefix length');
    const names = sides(side, 'src', 'dst').flatMap((end) => [`ip.${end}`, `ipv6.${end}`]);
    return (packet) => fieldsNamed(packet, names).some(({ value }) => isWithin(String(value), bytes, prefix));
  }

  #ports(type: string, side: Side): Test {
    const token = this.#next;
    const [lowText, highText] = token.text.split('-', 2);
    this.#at++;
    const low = Number(lowText);
    const high = type === 'portrange' ? Number(highText) : low;
    const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;
    if (!isPort(low) || !isPort(high) || low > high) {
      this.#fail(
        token,
        `${JSON.stringify(token.text)} is no ${type === 'port' ? 'port' : 'range of ports (as 8000-8080)'}`,
      );
    }
    const names = sides(side, 'srcport', 'dstport').flatMap((end) => [`tcp.${end}`, `udp.${end}`]);
    return (packet) => fieldsNamed(packet, names).some(({ value }) => Number(value) >= low && Number(value) <= high);
  }

  /** `tcp[tcpflags] & (tcp-syn|tcp-ack) != 0` */
  #flags(): Test {
    const at = this.#next.at;
    const found =
      /^tcp\s*\[\s*(?:tcpflags|13)\s*\]\s*&\s*(?:\(([a-z\s|-]+)\)|([a-z-]+)|(0x[0-9a-f]+|[0-9]+))\s*(==|=|!=)\s*(0x[0-9a-f]+|[0-9]+|[a-z-]+|\([a-z\s|-]+\))/.exec(
        this.#filter.slice(at),
      );
    if (found === null)
      this.#fail(this.#next, 'this is not understood', 'The form is tcp[tcpflags] & (tcp-syn|tcp-ack) != 0.');
    while (this.#next.kind !== 'end' && this.#next.at < at + found[0].length) this.#at++;
    const bitsOf = (text: string): number =>
      text
        .replace(/[()\s]/g, '')
        .split('|')
        .reduce((bits, name) => bits | (FLAG_BITS.get(name) ?? (Number(name) || 0)), 0);
    const mask = bitsOf(found[1] ?? found[2] ?? found[3]!);
    const wanted = bitsOf(found[5]!);
    const equal = found[4] !== '!=';
    return (packet) =>
      fieldsNamed(packet, ['tcp.flags']).some(({ value }) => ((Number(value) & mask) === wanted) === equal);
  }

  #number(): number {
    const token = this.#next;
    this.#at++;
    if (token.kind === 'word' && /^[0-9]+$/.test(token.text)) return Number(token.text);
    this.#fail(token, 'a number of bytes is expected');
  }

  #fail(token: Token, what: string, advice?: string): never {
    throw new FilterError(this.#filter, token.at, what, advice);
  }
}

function sides(side: Side, source: string, destination: string): string[] {
  if (side === 'either') return [source, destination];
  return [side === 'src' ? source : destination];
}

function fieldsNamed({ layers }: InspectedPacket, names: readonly string[]): InspectedField[] {
  return layers.flatMap(({ fields, quoted }) => (quoted ? [] : fields.filter(({ name }) => names.includes(name))));
}

function isWithin(address: string, network: Uint8Array, prefix: number): boolean {
  const bytes = parseAddress(address);
  if (bytes === undefined || bytes.length !== network.length) return false;
  for (let bit = 0; bit < prefix; bit += 8) {
    const mask = prefix - bit >= 8 ? 0xff : (0xff00 >> (prefix - bit)) & 0xff;
    if ((bytes[bit >> 3]! & mask) !== (network[bit >> 3]! & mask)) return false;
  }
  return true;
}
