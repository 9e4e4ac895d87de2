// The client's end of one connection in a test's own hands: segments go in as text, and what the stack sends comes out as
// text, field by field as in the RFCs' figures. Numbers are relative to the two initial sequence numbers. Built and read
// byte by byte, without the code under test.
//
//   S 0:0(0) win 65535 <mss 1460,wscale 7,sackOK,ts 10 0>      flags seq:end(length) [ack N] [win N] [urg N] [ce] [<options>]
//
// Flags as in packetdrill: F S R P U, a dot for ACK, E for ECE, W for CWR, and 0 for none.

import * as assert from 'uvu/assert';
import { createStack } from '../../src/core/stack.js';
import type { TcpConfig } from '../../src/core/tcp/config.js';
import type { TcpState, TraceEvent } from '../../src/core/trace.js';
import type { Micros, Stack } from '../../src/core/types.js';
import { addressBytes, slowChecksum } from './frames.js';
import { asIpv4 } from './frames6.js';
import { CLIENT, SERVER } from './packet-script.js';
import { hashRandomSource } from './random.js';
import { type PlannedAction, patternByte, patternBytes, type StubOptions, StubSession } from './stub-session.js';

const LETTERS = 'FSRP.UEW';
const SYN = 0x02;
const ACK = 0x10;
/** RFC 3168 §5: the two low bits of the TOS octet. */
const CE = 3;

export interface WireOptions extends StubOptions {
  readonly mtu?: number;
  /** The client's initial sequence number; by default one that soon wraps. */
  readonly isn?: number;
  readonly port?: number;
  /** The knobs of TCP. */
  readonly tcp?: TcpConfig;
  /** The stack is one of IPv6 behind its back. */
  readonly ipv6?: boolean;
}

export interface SegmentOut {
  readonly atUs: Micros;
  readonly flags: string;
  /** Relative to our ISS, once it is known. */
  readonly seq: number;
  readonly rawSeq: number;
  readonly length: number;
  /** Relative to the client's ISN; -1 without the ACK bit. */
  readonly ack: number;
  readonly rawAck: number;
  readonly window: number;
  readonly tos: number;
  /** In wire order, without padding: `mss 1460`, `wscale 7`, `sackOK`, `ts 10 0`, `sack 1:2 3:4`, `kind 30`. */
  readonly options: string[];
  readonly payload: Uint8Array;
}

interface SegmentIn {
  flags: number;
  seq: number;
  length: number;
  ack: number;
  window: number;
  urgentPointer: number;
  tos: number;
  options: number[];
}

export class Wire {
  readonly stack: Stack;
  readonly events: TraceEvent[] = [];
  readonly sessions: StubSession[] = [];
  state: TcpState = 'LISTEN';
  nowUs: Micros = 0;
  /** What the stack said last of RCV.NXT, and the right edge of the window that it offered. */
  rcvNxt = 0;
  edge = 0;
  /** The number behind the highest that the stack has used. */
  sndNxt = 0;
  /** The newest TSval of the stack. */
  tsVal = 0;
  readonly #options: WireOptions;
  readonly #isn: number;
  #iss = -1;
  #scale = 0;
  #out: SegmentOut[] = [];

  constructor(options: WireOptions = {}, plan: readonly PlannedAction[] = []) {
    this.#options = options;
    this.#isn = options.isn ?? 0xffff_fe00;
    const create = (): StubSession => {
      const session = new StubSession({ ...options, plan: this.sessions.length === 0 ? plan : [] });
      this.sessions.push(session);
      return session;
    };
    const { mtu = 1500, tcp = {}, ipv6 = false } = options;
    const config = { localAddress: SERVER, mtu, services: new Map([[80, create]]), tcp };
    const stack = createStack(ipv6 ? { ...config, localAddress6: 'fd00::2' } : config, {
      random: hashRandomSource(),
      trace: (_atUs, event) => {
        this.events.push(event);
        if (event.layer === 'tcp' && event.kind === 'state') this.state = event.to;
      },
    });
    this.stack = ipv6 ? asIpv4(stack) : stack;
  }

  /** Bytes that the sessions have got. */
  get delivered(): number {
    return this.sessions.reduce((sum, session) => sum + session.received, 0);
  }

  /** Time goes on to `seconds`; what the timers send is kept. */
  at(seconds: number): this {
    this.nowUs = Math.round(seconds * 1_000_000);
    this.stack.advance(this.nowUs);
    this.#collect();
    return this;
  }

  /** A segment to the stack, now. */
  send(text: string): this {
    this.stack.receive(this.nowUs, this.#frame(parseSegment(text)));
    this.#collect();
    return this;
  }

  /** The next segment of the stack has these flags and numbers; and this window and these options, when they are given. */
  expect(text: string): SegmentOut {
    const next = this.#out.shift();
    if (next === undefined) {
      assert.unreachable(`nothing was sent, expected: ${text}`);
      throw new Error('unreachable');
    }
    const window = / win (\d+)/.exec(text);
    const options = /<(.*)>/.exec(text);
    const wanted = text.replace(/ win \d+/, '').replace(/ ?<.*>/, '');
    assert.is(describe(next), wanted);
    assert.is(next.atUs, this.nowUs, `time of ${describe(next)}`);
    if (window) assert.is(next.window, Number(window[1]), `window of ${wanted}`);
    if (options) assert.is(next.options.join(','), options[1], `options of ${wanted}`);
    return next;
  }

  /** Nothing has been sent that was not expected. */
  nothing(): this {
    assert.equal(this.#out.map(describe), []);
    return this;
  }

  /** What has been sent since, in order. */
  take(): SegmentOut[] {
    return this.#out.splice(0);
  }

  /** Whether a drop or an abort gave a reason with these words. */
  says(words: string): boolean {
    return this.events.some(
      (event) => (event.kind === 'drop' || event.kind === 'abort') && event.reason.includes(words),
    );
  }

  #collect(): void {
    for (let out = this.stack.poll(); out; out = this.stack.poll()) this.#out.push(this.#read(out.atUs, out.frame));
    for (const session of this.sessions) assert.is(session.wrong, -1, 'the session got other bytes than were sent');
  }

  #read(atUs: Micros, frame: Uint8Array): SegmentOut {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    assert.is(frame[0], 0x45, 'IPv4 without options');
    assert.is(view.getUint16(2), frame.length, 'total length');
    assert.is(slowChecksum(frame.subarray(0, 20)), 0, 'IP checksum');
    const tcp = frame.subarray(20);
    assert.is(slowChecksum(pseudoHeader(SERVER, CLIENT, tcp.length), tcp), 0, 'TCP checksum');
    const headerLength = (tcp[12]! >>> 4) * 4;
    const flags = tcp[13]!;
    const rawSeq = view.getUint32(24);
    const rawAck = view.getUint32(28);
    if ((flags & SYN) !== 0) this.#iss = rawSeq;
    const out: SegmentOut = {
      atUs,
      flags: flagText(flags),
      rawSeq,
      seq: this.#iss < 0 ? rawSeq : (rawSeq - this.#iss) >>> 0,
      length: tcp.length - headerLength,
      rawAck,
      ack: (flags & ACK) === 0 ? -1 : (rawAck - this.#isn) >>> 0,
      window: view.getUint16(34),
      tos: frame[1]!,
      options: this.#readOptions(tcp.subarray(20, headerLength)),
      payload: tcp.slice(headerLength),
    };
    out.payload.forEach((byte, i) => {
      if (byte !== patternByte(out.seq - 1 + i))
        assert.unreachable(`byte ${i} of ${describe(out)} is not the session's`);
    });
    this.#learn(out, flags);
    return out;
  }

  #learn(out: SegmentOut, flags: number): void {
    for (const option of out.options) {
      if (option.startsWith('wscale ')) this.#scale = Number(option.slice(7));
      if (option.startsWith('ts ')) this.tsVal = Number(option.split(' ')[1]);
    }
    if ((flags & ACK) === 0) return;
    this.rcvNxt = out.ack;
    this.edge = out.ack + (out.window << ((flags & SYN) !== 0 ? 0 : this.#scale));
    const end = out.seq + out.length + (out.flags.includes('S') ? 1 : 0) + (out.flags.includes('F') ? 1 : 0);
    if (end > this.sndNxt) this.sndNxt = end;
  }

  #readOptions(bytes: Uint8Array): string[] {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const options: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const kind = bytes[at]!;
      if (kind === 0) {
        // RFC 9293 §3.1 (MUST-69): padding is zeros.
        assert.ok(
          bytes.subarray(at).every((byte) => byte === 0),
          'padding of zeros',
        );
        break;
      }
      if (kind === 1) {
        at++;
        continue;
      }
      const length = bytes[at + 1]!;
      assert.ok(length >= 2 && at + length <= bytes.length, `length of option ${kind}`);
      if (kind === 2) options.push(`mss ${view.getUint16(at + 2)}`);
      else if (kind === 3) options.push(`wscale ${bytes[at + 2]}`);
      else if (kind === 4) options.push('sackOK');
      else if (kind === 8) options.push(`ts ${view.getUint32(at + 2)} ${view.getUint32(at + 6)}`);
      else if (kind === 5) {
        const edges = Array.from(
          { length: (length - 2) / 4 },
          (_, i) => (view.getUint32(at + 2 + 4 * i) - this.#isn) >>> 0,
        );
        options.push(`sack ${edges.flatMap((left, i) => (i % 2 === 0 ? `${left}:${edges[i + 1]}` : [])).join(' ')}`);
      } else options.push(`kind ${kind}`);
      at += length;
    }
    return options;
  }

  #frame(segment: SegmentIn): Uint8Array {
    const { flags, seq, length, options } = segment;
    // The stream begins behind the SYN.
    const index = (flags & SYN) !== 0 ? seq : seq - 1;
    const before = Math.min(length, Math.max(0, -index));
    const payload = new Uint8Array(length);
    payload.set(patternBytes(index + before, length - before), before);
    const headerLength = 20 + options.length;
    const tcp = new Uint8Array(headerLength + length);
    const view = new DataView(tcp.buffer);
    view.setUint16(0, 49_152);
    view.setUint16(2, this.#options.port ?? 80);
    view.setUint32(4, (this.#isn + seq) >>> 0);
    view.setUint32(8, (flags & ACK) === 0 ? 0 : (Math.max(0, this.#iss) + segment.ack) >>> 0);
    view.setUint8(12, (headerLength / 4) << 4);
    view.setUint8(13, flags);
    view.setUint16(14, segment.window);
    view.setUint16(18, segment.urgentPointer);
    tcp.set(options, 20);
    // The blocks of a SACK option speak of our numbers.
    for (let at = 0; at < options.length && options[at] !== 0; at += options[at] === 1 ? 1 : options[at + 1] || 1) {
      if (options[at] !== 5) continue;
      for (let edge = 22 + at; edge < 20 + at + options[at + 1]!; edge += 4) {
        view.setUint32(edge, (view.getUint32(edge) + Math.max(0, this.#iss)) >>> 0);
      }
    }
    tcp.set(payload, headerLength);
    view.setUint16(16, slowChecksum(pseudoHeader(CLIENT, SERVER, tcp.length), tcp));
    const frame = new Uint8Array(20 + tcp.length);
    const ip = new DataView(frame.buffer);
    frame[0] = 0x45;
    frame[1] = segment.tos;
    ip.setUint16(2, frame.length);
    ip.setUint16(6, 0x4000);
    frame[8] = 64;
    frame[9] = 6;
    frame.set(addressBytes(CLIENT), 12);
    frame.set(addressBytes(SERVER), 16);
    ip.setUint16(10, slowChecksum(frame.subarray(0, 20)));
    frame.set(tcp, 20);
    return frame;
  }
}

/** `. 1:101(100) ack 1`, as `Wire.expect` compares it. */
export function describe(segment: SegmentOut): string {
  const { flags, seq, length, ack } = segment;
  return `${flags} ${seq}:${seq + length}(${length})${ack < 0 ? '' : ` ack ${ack}`}`;
}

function flagText(flags: number): string {
  const text = [...LETTERS].filter((_, bit) => (flags & (1 << bit)) !== 0).join('');
  return text === '' ? '0' : text;
}

function pseudoHeader(source: string, destination: string, length: number): Uint8Array {
  return Uint8Array.from([...addressBytes(source), ...addressBytes(destination), 0, 6, length >>> 8, length & 0xff]);
}

function parseSegment(text: string): SegmentIn {
  const head = /^(\S+) (-?\d+):(-?\d+)\((\d+)\)/.exec(text);
  if (!head || Number(head[3]) - Number(head[2]) !== Number(head[4])) throw new Error(`no segment: ${text}`);
  const number = (name: string, otherwise: number): number => {
    const found = new RegExp(` ${name} (-?\\d+)`).exec(text);
    return found ? Number(found[1]) : otherwise;
  };
  let flags = 0;
  for (const letter of head[1]!) {
    const bit = LETTERS.indexOf(letter);
    if (bit < 0 && letter !== '0') throw new Error(`unknown flag ${letter} in ${text}`);
    if (bit >= 0) flags |= 1 << bit;
  }
  const options = /<(.*)>/.exec(text);
  return {
    flags,
    seq: Number(head[2]),
    length: Number(head[4]),
    ack: number('ack', 0),
    window: number('win', 65_535),
    urgentPointer: number('urg', 0),
    tos: / ce\b/.test(text) ? CE : 0,
    options: options ? optionBytes(options[1]!) : [],
  };
}

/** Each option as RFC 9293 §3.2, RFC 7323 and RFC 2018 have it; `hex 1e0612345678` is taken as it stands. */
function optionBytes(text: string): number[] {
  const bytes: number[] = [];
  const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
  for (const option of text.split(',')) {
    const [name, ...values] = option.trim().split(/[ :]/);
    const numbers = values.map(Number);
    if (name === 'mss') bytes.push(2, 4, numbers[0]! >>> 8, numbers[0]! & 0xff);
    else if (name === 'wscale') bytes.push(3, 3, numbers[0]!);
    else if (name === 'sackOK') bytes.push(4, 2);
    else if (name === 'ts') bytes.push(8, 10, ...u32(numbers[0]!), ...u32(numbers[1]!));
    else if (name === 'sack') bytes.push(5, 2 + 4 * numbers.length, ...numbers.flatMap(u32));
    else if (name === 'nop') bytes.push(1);
    else if (name === 'hex') bytes.push(...values[0]!.match(/../g)!.map((pair) => Number.parseInt(pair, 16)));
    else throw new Error(`unknown option ${name}`);
  }
  while (bytes.length % 4 !== 0) bytes.push(0);
  return bytes;
}
