// pcap-filter(7)'s primitives over packets that were taken apart: `host 10.0.0.2 and port 443`. Words that follow without a
// qualifier of their own have that of the words before them, as there.

import { formatAddress, parseAddress } from '../addresses.js';
import { nearestName } from '../nearest.js';
import { FilterError, type Token } from './filter-lexer.js';
import {
  beginsExpression,
  hasLayer,
  isArithmetic,
  layersBetween,
  NoSuchPlace,
  numberOf,
  parseExpression,
  RELATIONS,
  type TokenSource,
} from './packet-arithmetic.js';
import { packetTokens } from './packet-lexer.js';
import { ETHER_TYPES, PROTOCOLS, SERVICES } from './packet-names.js';
import { PacketView, PROTOCOL, u16 } from './packet-view.js';
import type { DisplayFilter, InspectedField, InspectedPacket } from './types.js';

type Test = (packet: InspectedPacket) => boolean;
type Side = 'src' | 'dst' | 'either' | 'both';

const VERSIONS = new Map([
  ['ip', 4],
  ['ip6', 6],
]);
const DEEPEST = 100;
const PRIMITIVES =
  'host net port portrange proto less greater len arp vlan ether broadcast multicast src dst not'.split(' ');
const WORDS = [...PRIMITIVES, ...VERSIONS.keys(), ...PROTOCOLS.keys()];
const FORM =
  'There are host, net, port, portrange with src or dst, ip, ip6, tcp, udp, icmp, icmp6, arp, vlan, ether, proto, less, greater, tcp[13] & 2 != 0.';
/** What may follow `tcp`, `ip` and the like. */
const QUALIFIERS = new Set(['src', 'dst', 'host', 'net', 'port', 'portrange']);

/** Raises FilterError. */
export function parsePacketFilter(text: string): DisplayFilter {
  const test = new Parser(text).whole();
  const matches: Test = (packet) => {
    try {
      return test(packet);
    } catch (error) {
      if (error instanceof NoSuchPlace) return false;
      throw error;
    }
  };
  return { matches, needs: { fields: true } };
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
    this.#tokens = packetTokens(filter);
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
      const relation = this.#next.text === '(' ? this.#tryRelation() : undefined;
      if (relation !== undefined) return relation;
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
    const following = this.#tokens[this.#at + 1];
    if (token.text === '-' || (token.kind === 'word' && beginsExpression(token, following))) return this.#relation();
    if (token.kind !== 'word') this.#fail(token, 'a primitive is expected', FORM);
    if (token.text === 'ether') return this.#ether();
    if (VERSIONS.has(token.text) || PROTOCOLS.has(token.text)) {
      this.#at++;
      const isThere = carries(token.text);
      const test = this.#ofProtocol(token.text);
      return test === undefined ? isThere : (packet) => isThere(packet) && test(packet);
    }
    switch (token.text) {
      case 'proto':
        this.#at++;
        return this.#protocol();
      case 'arp':
      case 'rarp': {
        this.#at++;
        const isThere = hasEtherType(ETHER_TYPES.get(token.text)!);
        if (!QUALIFIERS.has(this.#next.text)) return isThere;
        const test = this.#qualified();
        return (packet) => isThere(packet) && test(packet);
      }
      case 'vlan':
        this.#at++;
        return this.#vlan();
      case 'broadcast':
      case 'multicast':
        this.#at++;
        return token.text === 'broadcast' ? isBroadcast : isMulticast;
      case 'less':
      case 'greater': {
        this.#at++;
        const bytes = this.#number();
        if (token.text === 'less') return ({ originalLength }) => originalLength <= bytes;
        return ({ originalLength }) => originalLength >= bytes;
      }
      default:
        return this.#qualified();
    }
  }

  /** What may stand behind `ip`, `tcp` and so on: `tcp port 443`, `ip host 10.0.0.2`, `ip proto 1`, `ip multicast`. */
  #ofProtocol(word: string): Test | undefined {
    if (QUALIFIERS.has(this.#next.text)) return this.#qualified();
    if (!VERSIONS.has(word)) return undefined;
    if (this.#accept('proto')) return this.#protocol();
    if (!this.#accept('multicast')) return undefined;
    const names = ['ip.dst', 'ipv6.dst'];
    return (packet) =>
      fieldsNamed(packet, names).some(({ value }) => {
        const first = parseAddress(String(value))?.[0] ?? 0;
        return word === 'ip' ? first >= 224 && first < 240 : first === 0xff;
      });
  }

  /** A number, or a name behind a backslash, since the names are words of the language. */
  #protocol(): Test {
    const number = this.#named(PROTOCOLS, 'protocol');
    return ({ linkType, bytes }) => {
      view.read(linkType, bytes);
      return view.version !== 0 && view.protocol === number;
    };
  }

  #named(names: ReadonlyMap<string, number>, what: string): number {
    const token = this.#next;
    const name = token.text.replace(/^\\/, '');
    const number = names.get(name) ?? numberOf(name);
    if (token.kind !== 'word' || number === undefined) {
      const near = nearestName(name, [...names.keys()]);
      const advice = near === undefined ? `A number, or ${[...names.keys()].join(', ')}.` : `Did you mean ${near}?`;
      this.#fail(token, `${JSON.stringify(token.text)} is no ${what}`, advice);
    }
    this.#at++;
    return number;
  }

  #ether(): Test {
    this.#at++;
    const word = this.#next.text;
    if (this.#accept('broadcast')) return isBroadcast;
    if (this.#accept('multicast')) return isMulticast;
    if (this.#accept('proto')) return hasEtherType(this.#named(ETHER_TYPES, 'EtherType'));
    const isSided = this.#accept('src', 'dst');
    if (!this.#accept('host') && !isSided)
      this.#fail(this.#next, 'host, src, dst, proto, broadcast or multicast is expected after ether');
    const token = this.#next;
    const parts = token.text.split(/[:.-]/);
    if (parts.length !== 6 || !parts.every((part) => /^[0-9a-f]{1,2}$/i.test(part)))
      this.#fail(token, `${JSON.stringify(token.text)} is no Ethernet address`, 'As 02:00:00:00:00:01.');
    this.#at++;
    const address = parts.map((part) => part.toLowerCase().padStart(2, '0')).join(':');
    const names = isSided ? [`eth.${word}`] : ['eth.src', 'eth.dst'];
    return (packet) => fieldsNamed(packet, names).some(({ value }) => value === address);
  }

  #vlan(): Test {
    const token = this.#next;
    const id = token.kind === 'word' ? numberOf(token.text) : undefined;
    if (id !== undefined) this.#at++;
    if (id !== undefined && id > 4095) this.#fail(token, `${token.text} is no VLAN: they end at 4095`);
    return (packet) => fieldsNamed(packet, ['vlan.id']).some(({ value }) => id === undefined || value === id);
  }

  // ---- Arithmetic ----

  /** Undefined: the parenthesis holds a filter, not a number. */
  #tryRelation(): Test | undefined {
    const start = this.#at;
    try {
      parseExpression(this.#source);
      if (!isArithmetic(this.#next)) return undefined;
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      return undefined;
    } finally {
      this.#at = start;
    }
    return this.#relation();
  }

  #relation(): Test {
    const start = this.#at;
    const left = parseExpression(this.#source);
    const token = this.#next;
    const relation = token.kind === 'operator' ? RELATIONS.get(token.text) : undefined;
    if (relation === undefined)
      this.#fail(token, 'a comparison is expected', 'As tcp[tcpflags] & (tcp-syn|tcp-ack) != 0, ip[2:2] > 1000.');
    this.#at++;
    const right = parseExpression(this.#source);
    const layers = layersBetween(this.#tokens.slice(start, this.#at));
    return (packet) => layers.every((layer) => hasLayer(packet, layer)) && relation(left(packet), right(packet));
  }

  get #source(): TokenSource {
    const next = (): Token => this.#next;
    return {
      get next() {
        return next();
      },
      take: () => {
        const token = this.#next;
        if (token.kind === 'end') this.#fail(token, 'a number or a place is expected, as tcp[13]');
        this.#at++;
        return token;
      },
      accept: (...texts) => this.#accept(...texts),
      fail: (token, what, advice) => this.#fail(token, what, advice),
    };
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
    if (this.#lastType === undefined) {
      const near = nearestName(this.#next.text, WORDS);
      const advice = near === undefined ? FORM : `Did you mean ${near}?`;
      this.#fail(this.#next, `${JSON.stringify(this.#next.text)} is no primitive`, advice);
    }
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
    let prefix = prefixText === undefined ? whole : Number(prefixText || Number.NaN);
    if (!Number.isInteger(prefix) || prefix < 0 || prefix > bytes.length * 8)
      this.#fail(token, 'no such prefix length');
    if (type === 'net' && prefixText === undefined && this.#accept('mask')) prefix = this.#mask();
    const network = bytes.map((byte, at) => byte & maskByte(prefix, at));
    if (type === 'net' && network.some((byte, at) => byte !== bytes[at]))
      this.#fail(token, 'this network has bits behind its prefix', `Write ${formatAddress(network)}/${prefix}.`);
    return bySide(side, (end) => {
      const names = [`ip.${end}`, `ipv6.${end}`, `arp.${end}.proto_ipv4`];
      return (packet) => fieldsNamed(packet, names).some(({ value }) => isWithin(String(value), bytes, prefix));
    });
  }

  /** `255.0.0.0` as a prefix length. */
  #mask(): number {
    const token = this.#next;
    const bytes = token.kind === 'word' ? parseAddress(token.text) : undefined;
    const bits = [...(bytes ?? [])].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    if (bytes?.length !== 4 || bits.includes('01'))
      this.#fail(token, `${JSON.stringify(token.text)} is no mask`, 'As 255.255.0.0.');
    this.#at++;
    return bits.replaceAll('0', '').length;
  }

  #ports(type: string, side: Side): Test {
    const token = this.#next;
    const service = SERVICES.get(token.text);
    const [lowText, highText] = service === undefined ? token.text.split('-', 2) : [service];
    this.#at++;
    const low = Number(lowText);
    const high = type === 'portrange' || highText !== undefined ? Number(highText) : low;
    const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;
    if (!isPort(low) || !isPort(high) || low > high || (type === 'port' && highText !== undefined)) {
      this.#fail(
        token,
        `${JSON.stringify(token.text)} is no ${type === 'port' ? 'port' : 'range of ports (as 8000-8080)'}`,
        this.#portAdvice(token.text),
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

  #portAdvice(text: string): string {
    if (/^[0-9]+-[0-9]+$/.test(text)) return `Ranges are portrange ${text}, the lower first.`;
    const near = nearestName(text, [...SERVICES.keys()]);
    return near === undefined ? 'Ports are numbers, or names as https and domain.' : `Did you mean ${near}?`;
  }

  #number(): number {
    const token = this.#next;
    this.#at++;
    if (token.kind === 'word' && /^(?:[0-9]+|0x[0-9a-f]+)$/i.test(token.text)) return Number(token.text);
    this.#fail(token, 'a number of bytes is expected');
  }

  #fail(token: Token, what: string, advice?: string): never {
    throw new FilterError(this.#filter, token.at, what, advice ?? FORM);
  }
}

function bySide(side: Side, testOf: (end: 'src' | 'dst') => Test): Test {
  if (side === 'src' || side === 'dst') return testOf(side);
  const [source, destination] = [testOf('src'), testOf('dst')];
  if (side === 'both') return (packet) => source(packet) && destination(packet);
  return (packet) => source(packet) || destination(packet);
}

const view = new PacketView();

function hasEtherType(type: number): Test {
  return ({ linkType, bytes }) => {
    view.read(linkType, bytes);
    return view.etherType === type;
  };
}

/** To whom an Ethernet frame is sent. */
function isBroadcast(packet: InspectedPacket): boolean {
  return fieldsNamed(packet, ['eth.dst']).some(({ value }) => value === 'ff:ff:ff:ff:ff:ff');
}

function isMulticast(packet: InspectedPacket): boolean {
  return fieldsNamed(packet, ['eth.dst']).some(({ value }) => (Number.parseInt(String(value), 16) & 1) === 1);
}

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
  return bytes.every((byte, at) => ((byte ^ network[at]!) & maskByte(prefix, at)) === 0);
}

/** Of a prefix, in the byte at that place. */
function maskByte(prefix: number, at: number): number {
  return (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * at))) & 0xff;
}
