// pcap-filter(7)'s primitives over packets that were taken apart: `host 10.0.0.2 and port 443`. Words that follow without a
// qualifier of their own have that of the words before them, as there.

import { parseAddress } from '../addresses.js';
import { FilterError, type Token, tokensOf } from './filter-lexer.js';
import { PacketView, PROTOCOL, u16 } from './packet-view.js';
import type { DisplayFilter, InspectedField, InspectedPacket } from './types.js';

type Test = (packet: InspectedPacket) => boolean;
type Side = 'src' | 'dst' | 'either' | 'both';

const VERSIONS = new Map([
  ['ip', 4],
  ['ip6', 6],
]);
const PROTOCOLS = new Map<string, number>([
  ['tcp', PROTOCOL.TCP],
  ['udp', PROTOCOL.UDP],
  ['icmp', PROTOCOL.ICMP],
  ['icmp6', PROTOCOL.ICMPV6],
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
    if (this.#next.kind === 'end' || this.#next.kind === 'string' || !texts.includes(this.#next.text)) return false;
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
    if (VERSIONS.has(token.text) || PROTOCOLS.has(token.text)) {
      this.#at++;
      const isThere = carries(token.text);
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
    if (this.#accept('src')) {
      side = 'src';
      const joined = this.#tokens[this.#at + 1]?.text === 'dst';
      if (joined && this.#accept('or')) side = 'either';
      else if (joined && this.#accept('and')) side = 'both';
      if (side !== 'src') this.#at++;
    } else if (this.#accept('dst')) side = 'dst';
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
    // `net 10.0` is 10.0.0.0/16.
    const octets = type === 'net' && /^[0-9]+(\.[0-9]+){0,2}$/.test(head) ? head.split('.').length : 4;
    const bytes = parseAddress(`${head}${'.0'.repeat(4 - octets)}`);
    if (bytes === undefined || (type === 'host' && prefixText !== undefined)) {
      const advice =
        type === 'net' ? 'Networks are written as 10.0.0.0/8.' : 'Addresses, not names: 10.0.0.2 or fd00::2.';
      this.#fail(token, `${JSON.stringify(token.text)} is no ${type === 'net' ? 'network' : 'address'}`, advice);
    }
    const whole = bytes.length === 4 ? 8 * octets : 128;
    const prefix = prefixText === undefined ? whole : Number(prefixText || Number.NaN);
    if (!Number.isInteger(prefix) || prefix < 0 || prefix > bytes.length * 8)
      this.#fail(token, 'no such prefix length');
    return bySide(side, (end) => {
      const names = [`ip.${end}`, `ipv6.${end}`];
      return (packet) => fieldsNamed(packet, names).some(({ value }) => isWithin(String(value), bytes, prefix));
    });
  }

  #ports(type: string, side: Side): Test {
    const token = this.#next;
    const [lowText, highText] = token.text.split('-', 2);
    this.#at++;
    const low = Number(lowText);
    const high = type === 'portrange' || highText !== undefined ? Number(highText) : low;
    const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;
    if (!isPort(low) || !isPort(high) || low > high || (type === 'port' && highText !== undefined)) {
      this.#fail(
        token,
        `${JSON.stringify(token.text)} is no ${type === 'port' ? 'port' : 'range of ports (as 8000-8080)'}`,
      );
    }
    return bySide(side, (end) => {
      const names = [`tcp.${end}port`, `udp.${end}port`];
      return (packet) => {
        const ports = fieldsNamed(packet, names).map(({ value }) => Number(value));
        return [...ports, ...firstFragmentPorts(packet, end)].some((port) => port >= low && port <= high);
      };
    });
  }

  /** `tcp[tcpflags] & (tcp-syn|tcp-ack) != 0`, `tcp[tcpflags] == tcp-syn` */
  #flags(): Test {
    const first = this.#next;
    const { at } = first;
    const bits = String.raw`(\([a-z\s|-]+\)|[a-z-]+|0x[0-9a-f]+|[0-9]+)`;
    const form = new RegExp(String.raw`^tcp\s*\[\s*(?:tcpflags|13)\s*\]\s*(?:&\s*${bits}\s*)?(==|=|!=)\s*${bits}`);
    const found = form.exec(this.#filter.slice(at));
    if (found === null)
      this.#fail(first, 'this is not understood', 'The form is tcp[tcpflags] & (tcp-syn|tcp-ack) != 0.');
    while (this.#next.kind !== 'end' && this.#next.at < at + found[0].length) this.#at++;
    const bitsOf = (text: string): number =>
      text
        .replace(/[()\s]/g, '')
        .split('|')
        .reduce((sum, name) => {
          const bit = FLAG_BITS.get(name) ?? Number(name || Number.NaN);
          if (Number.isNaN(bit)) this.#fail(first, `${JSON.stringify(name)} is no flag of TCP`);
          return sum | bit;
        }, 0);
    const mask = bitsOf(found[1] ?? '0xff');
    const wanted = bitsOf(found[3]!);
    const equal = found[2] !== '!=';
    return (packet) =>
      fieldsNamed(packet, ['tcp.flags']).some(({ value }) => ((Number(value) & mask) === wanted) === equal);
  }

  #number(): number {
    const token = this.#next;
    this.#at++;
    if (token.kind === 'word' && /^(?:[0-9]+|0x[0-9a-f]+)$/i.test(token.text)) return Number(token.text);
    this.#fail(token, 'a number of bytes is expected');
  }

  #fail(token: Token, what: string, advice?: string): never {
    throw new FilterError(this.#filter, token.at, what, advice);
  }
}

function bySide(side: Side, testOf: (end: 'src' | 'dst') => Test): Test {
  if (side === 'src' || side === 'dst') return testOf(side);
  const [source, destination] = [testOf('src'), testOf('dst')];
  if (side === 'both') return (packet) => source(packet) && destination(packet);
  return (packet) => source(packet) || destination(packet);
}

const view = new PacketView();

/** By the headers of the packet itself: fragments count, too. */
function carries(word: string): Test {
  const [version, protocol] = [VERSIONS.get(word), PROTOCOLS.get(word)];
  return ({ linkType, bytes }) => {
    view.read(linkType, bytes);
    return version === undefined ? view.version !== 0 && view.protocol === protocol : view.version === version;
  };
}

/** Ports of a datagram stand in its first fragment, and are fields of the one that completes it. */
function firstFragmentPorts({ linkType, bytes }: InspectedPacket, end: 'src' | 'dst'): number[] {
  view.read(linkType, bytes);
  const { isFragment, fragmentOffset, protocol, payloadAt, payloadEnd } = view;
  if (!isFragment || fragmentOffset > 0 || payloadEnd - payloadAt < 4) return [];
  if (protocol !== PROTOCOL.TCP && protocol !== PROTOCOL.UDP) return [];
  return [u16(bytes, payloadAt + (end === 'src' ? 0 : 2))];
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
