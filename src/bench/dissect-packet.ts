// One outbound packet taken apart: IPv4 (RFC 791 §3.1) or IPv6 (RFC 8200 §3), ICMP (RFC 792), TCP with its options (RFC 9293
// §3.1). Lenient, unlike the decoders of the core: a damaged packet of a file has to be told, not refused.

import { ParseError, Reader } from '../core/bytes/reader.js';
import { finishChecksum, sumWords } from '../core/ip/checksum.js';
import { formatAddress } from './addresses.js';
import { byteTexts, type Difference, firstByteDifference, type LayerName, sameBytes } from './difference.js';

export interface PacketField {
  readonly layer: LayerName;
  readonly path: string;
  readonly text: string;
  /** In the packet. */
  readonly at: number;
}

export interface DissectedPacket {
  readonly bytes: Uint8Array;
  /** What the header says for itself, in the order in which differences are worth naming. */
  readonly fields: readonly PacketField[];
  /** What follows from the rest: lengths and checksums, and the flags that follow from how content was cut. */
  readonly derived: readonly PacketField[];
  readonly source: string;
  readonly destination: string;
  /** Present when there is a whole TCP header. */
  readonly tcp?: TcpHeader;
  /** What is above the last header that was understood. */
  readonly payload: Uint8Array;
  readonly payloadAt: number;
  readonly payloadLayer: LayerName;
}

export interface TcpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
}

export const FIN = 0x01;
export const SYN = 0x02;
const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];
/** They depend on where content was cut and whether it was the last, so they are named behind the content. */
const CUT_FLAGS = 0x09;

const ICMP = 1;
const TCP = 6;

/** Never throws: what cannot be read is payload of the layer below. */
export function dissectPacket(bytes: Uint8Array): DissectedPacket {
  const packet = new PacketDissector(bytes);
  try {
    packet.read();
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
  }
  return packet;
}

/** `SYN ACK seq 1 ack 2 with 0 bytes` and the like. */
export function packetTitle(packet: DissectedPacket): string {
  const { tcp } = packet;
  if (tcp !== undefined) {
    const { length } = packet.payload;
    return `${flagsText(tcp.flags)} seq ${tcp.seq} ack ${tcp.ack} with ${length} byte${length === 1 ? '' : 's'}`;
  }
  const type = packet.fields.find((field) => field.layer === 'ICMP' && field.path === 'type');
  if (type !== undefined) return `${type.text} to ${packet.destination}`;
  return `${packet.bytes.length} bytes to ${packet.destination || 'nobody'}`;
}

export function packetLayer(packet: DissectedPacket): { readonly layer: LayerName; readonly path: string } {
  if (packet.tcp !== undefined) return { layer: 'TCP', path: 'segment' };
  if (packet.payloadLayer === 'ICMP') return { layer: 'ICMP', path: 'message' };
  return { layer: 'IP', path: 'packet' };
}

export interface PacketDifference extends Difference {
  /** In the packet; the first differing byte where it is no field of its own. */
  readonly at: number;
}

/** The first header field that differs by itself. */
export function headerDifference(recorded: DissectedPacket, now: DissectedPacket): PacketDifference | undefined {
  return fieldDifference(recorded.fields, now.fields);
}

/** What is left when headers are the same: content, then lengths and checksums. */
export function remainingDifference(recorded: DissectedPacket, now: DissectedPacket): PacketDifference {
  const at = firstByteDifference(recorded.bytes, now.bytes);
  if (!sameBytes(recorded.payload, now.payload)) {
    const { payloadLayer: layer } = recorded;
    const name = layer === 'ICMP' ? 'data' : 'payload';
    const [path, before, after] = byteTexts(name, recorded.payload, now.payload, 0);
    const payloadAt = recorded.payloadAt + firstByteDifference(recorded.payload, now.payload);
    return { layer, path, recorded: before, now: after, notes: [], at: payloadAt };
  }
  const found = fieldDifference(recorded.derived, now.derived);
  if (found !== undefined) return found;
  const [path, before, after] = byteTexts('packet', recorded.bytes, now.bytes, 0);
  return { layer: 'IP', path, recorded: before, now: after, notes: [], at };
}

function fieldDifference(recorded: readonly PacketField[], now: readonly PacketField[]): PacketDifference | undefined {
  const key = (field: PacketField): string => `${field.layer} ${field.path}`;
  const byKey = new Map(now.map((field) => [key(field), field]));
  const known = new Set(recorded.map(key));
  for (const field of recorded) {
    const other = byKey.get(key(field));
    if (other?.text === field.text) continue;
    return { ...head(field), recorded: field.text, now: other?.text ?? 'absent' };
  }
  const added = now.find((field) => !known.has(key(field)));
  return added && { ...head(added), recorded: 'absent', now: added.text };
}

function head({ layer, path, at }: PacketField): Pick<PacketDifference, 'layer' | 'path' | 'at' | 'notes'> {
  return { layer, path, at, notes: [] };
}

export function flagsText(flags: number): string {
  return FLAG_NAMES.filter((_name, bit) => (flags >>> bit) & 1).join(' ') || 'no flags';
}

/**
 * Whether two packets of one direction are of the same connection. `byLabel`: also by IPv4's identification or IPv6's flow
 * label, which tell connections of the same ports apart in synthesised packets.
 */
export function isSameFlow(a: Uint8Array, b: Uint8Array, byLabel: boolean): boolean {
  if (a[0] !== b[0]) return false;
  const isIpv4 = a[0]! >>> 4 === 4;
  const from = isIpv4 ? 12 : 8;
  const protocolAt = isIpv4 ? 9 : 6;
  const portsAt = isIpv4 ? (a[0]! & 0x0f) * 4 : 40;
  if (a.length < portsAt + 4 || b.length < portsAt + 4 || a[protocolAt] !== b[protocolAt]) return false;
  const same = (start: number, end: number): boolean => sameBytes(a.subarray(start, end), b.subarray(start, end));
  if (byLabel && !(isIpv4 ? same(4, 6) : same(1, 4))) return false;
  return same(from, isIpv4 ? 20 : 40) && same(portsAt, portsAt + 4);
}

/** Of an IPv4 packet, its header's and that of TCP or ICMP; true where there is nothing to check. */
export function checksumsHold(bytes: Uint8Array): boolean {
  const headerBytes = (bytes[0]! & 0x0f) * 4;
  if (bytes.length < 20 || bytes[0]! >>> 4 !== 4 || headerBytes < 20 || headerBytes > bytes.length) return true;
  if (finishChecksum(sumWords(bytes, 0, headerBytes)) !== 0) return false;
  const protocol = bytes[9]!;
  if (protocol !== TCP && protocol !== ICMP) return true;
  const length = bytes.length - headerBytes;
  // RFC 9293 §3.1: TCP's covers the addresses too, the words at 12 to 19.
  const pseudo = protocol === TCP ? sumWords(bytes, 12, 20) + protocol + length : 0;
  return finishChecksum(pseudo + sumWords(bytes, headerBytes, bytes.length)) === 0;
}

class PacketDissector implements DissectedPacket {
  readonly bytes: Uint8Array;
  readonly fields: PacketField[] = [];
  readonly derived: PacketField[] = [];
  source = '';
  destination = '';
  tcp?: TcpHeader;
  payload: Uint8Array;
  payloadAt = 0;
  payloadLayer: LayerName = 'IP';
  #layer: LayerName = 'IP';

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.payload = bytes;
  }

  read(): void {
    const version = (this.bytes[0] ?? 0) >>> 4;
    this.#put('version', version, 0);
    if (version === 4) this.#readIpv4();
    else if (version === 6) this.#readIpv6();
  }

  #readIpv4(): void {
    const r = this.#reader(0, this.bytes.length);
    const headerLength = (r.u8('version') & 0x0f) * 4;
    const tos = r.u8('tos');
    const totalLength = r.u16('totalLength');
    const id = r.u16('id');
    const fragment = r.u16('flags');
    const ttl = r.u8('ttl');
    const protocol = r.u8('protocol');
    const checksum = r.u16('checksum');
    this.source = formatAddress(r.take(4, 'source'));
    this.destination = formatAddress(r.take(4, 'destination'));
    this.#put('headerLength', headerLength, 0);
    this.#put('protocol', protocol, 9);
    this.#put('source', this.source, 12);
    this.#put('destination', this.destination, 16);
    this.#put('tos', tos, 1);
    this.#put('id', id, 4);
    this.#put('flags', [fragment & 0x4000 ? 'DF' : '', fragment & 0x2000 ? 'MF' : ''].join('') || 'none', 6);
    this.#put('fragmentOffset', (fragment & 0x1fff) * 8, 6);
    this.#put('ttl', ttl, 8);
    const optionBytes = Math.max(0, Math.min(headerLength - 20, r.remaining));
    if (optionBytes > 0) this.#put('options', hex(r.take(optionBytes, 'options')), 20);
    this.#derive('totalLength', totalLength, 2);
    this.#derive('checksum', hexNumber(checksum), 10);
    this.#above(r.offset, 'IP');
    // A fragment behind the first has no header of the next protocol.
    if ((fragment & 0x1fff) === 0) this.#readProtocol(protocol, r.offset);
  }

  #readIpv6(): void {
    const r = this.#reader(0, this.bytes.length);
    const word = r.u32('flowLabel');
    const payloadLength = r.u16('payloadLength');
    const nextHeader = r.u8('nextHeader');
    const hopLimit = r.u8('hopLimit');
    this.source = formatAddress(r.take(16, 'source'));
    this.destination = formatAddress(r.take(16, 'destination'));
    this.#put('nextHeader', nextHeader, 6);
    this.#put('source', this.source, 8);
    this.#put('destination', this.destination, 24);
    this.#put('trafficClass', (word >>> 20) & 0xff, 0);
    this.#put('flowLabel', word & 0xf_ffff, 1);
    this.#put('hopLimit', hopLimit, 7);
    this.#derive('payloadLength', payloadLength, 4);
    this.#above(r.offset, 'IP');
    this.#readProtocol(nextHeader, r.offset);
  }

  #readProtocol(protocol: number, at: number): void {
    if (protocol === TCP) this.#readTcp(at);
    else if (protocol === ICMP) this.#readIcmp(at);
  }

  #readIcmp(at: number): void {
    this.#layer = 'ICMP';
    const r = this.#reader(at, this.bytes.length);
    const type = r.u8('type');
    this.#put('type', ICMP_TYPES.get(type) ?? type, at);
    this.#put('code', r.u8('code'), at + 1);
    this.#derive('checksum', hexNumber(r.u16('checksum')), at + 2);
    if (type === 0 || type === 8) {
      this.#put('identifier', r.u16('identifier'), at + 4);
      this.#put('sequenceNumber', r.u16('sequenceNumber'), at + 6);
    } else {
      this.#put('unused', r.u32('unused'), at + 4);
    }
    this.#above(r.offset, 'ICMP');
  }

  #readTcp(at: number): void {
    this.#layer = 'TCP';
    const r = this.#reader(at, this.bytes.length);
    const sourcePort = r.u16('sourcePort');
    const destinationPort = r.u16('destinationPort');
    const seq = r.u32('seq');
    const ack = r.u32('ack');
    const dataOffset = (r.u8('dataOffset') >>> 4) * 4;
    const flags = r.u8('flags');
    const window = r.u16('window');
    const checksum = r.u16('checksum');
    const urgentPointer = r.u16('urgentPointer');
    this.#put('sourcePort', sourcePort, at);
    this.#put('destinationPort', destinationPort, at + 2);
    this.#put('flags', flagsText(flags & ~CUT_FLAGS), at + 13);
    this.#put('seq', seq, at + 4);
    this.#put('ack', ack, at + 8);
    this.#put('window', window, at + 14);
    this.#put('urgentPointer', urgentPointer, at + 18);
    // All of the flags, for where content was cut in another way.
    this.#derive('flags', flagsText(flags), at + 13);
    this.#derive('dataOffset', dataOffset, at + 12);
    this.#derive('checksum', hexNumber(checksum), at + 16);
    const optionBytes = Math.max(0, Math.min(dataOffset - 20, r.remaining));
    const options = r.sub(optionBytes, 'options');
    this.tcp = { sourcePort, destinationPort, seq, ack, flags };
    this.#above(r.offset, 'TCP');
    this.#readOptions(options);
  }

  #readOptions(r: Reader): void {
    for (let place = 0; r.remaining > 0; place++) {
      const at = r.offset;
      const kind = r.u8('kind');
      if (kind === 0) {
        this.#put('options.end', hex(r.rest('padding')) || 'present', at);
        return;
      }
      if (kind === 1) {
        this.#put(`options[${place}].noOperation`, 'present', at);
        continue;
      }
      const length = r.u8('length');
      if (length < 2 || length - 2 > r.remaining) {
        this.#put(`options[${place}].length`, length, at + 1);
        return;
      }
      const data = r.take(length - 2, 'data');
      const name = OPTION_NAMES.get(kind) ?? `kind${kind}`;
      const isNumber = (kind === 2 && length === 4) || (kind === 3 && length === 3);
      const value = isNumber ? data.reduce((sum, byte) => sum * 256 + byte, 0) : hex(data) || 'present';
      this.#put(`options.${name}`, value, at + 2);
    }
  }

  #above(at: number, layer: LayerName): void {
    this.payloadAt = at;
    this.payload = this.bytes.subarray(at);
    this.payloadLayer = layer;
  }

  #reader(start: number, end: number): Reader {
    return new Reader(this.#layer.toLowerCase(), this.bytes, start, end);
  }

  #put(path: string, value: number | string, at: number): void {
    this.fields.push({ layer: this.#layer, path, text: String(value), at });
  }

  #derive(path: string, value: number | string, at: number): void {
    this.derived.push({ layer: this.#layer, path, text: String(value), at });
  }
}

const ICMP_TYPES = new Map([
  [0, 'echo reply'],
  [3, 'destination unreachable'],
  [8, 'echo'],
]);

/** RFC 9293 §3.2, RFC 7323, RFC 2018. */
const OPTION_NAMES = new Map([
  [2, 'mss'],
  [3, 'windowScale'],
  [4, 'sackPermitted'],
  [5, 'sack'],
  [8, 'timestamps'],
]);

function hex(bytes: Uint8Array): string {
  return bytes.length === 0 ? '' : `0x${Buffer.from(bytes).toString('hex')}`;
}

function hexNumber(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}
