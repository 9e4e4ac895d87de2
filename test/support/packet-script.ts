// Packets with times, one line each, after packetdrill's idea. A script drives a stack with one stub session and says
// exactly what comes out, and when:
//
//   0.000 < S 0:0(0) win 65535 <mss 1460,wscale 7>     a segment to the stack (numbers relative to the client's ISN)
//   0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460>       the next segment from the stack, at exactly this time
//   0.100 session write 1000                           the session does something: write N, room N, grant N, close, ...
//   0.100 stack close                                  the stack is closed
//   0.200 idle                                         nothing has been sent until now
//   0.200 state ESTABLISHED                            the connection's state by its trace
//   0.200 got 1000                                     bytes the session has received in all
//   0.200 eof                                          the session has been told of the end of input
//   0.200 says closed port                             a drop or abort with these words in its reason
//
// Flags as in packetdrill: S F R P U, E and C for ECE and CWR, and a dot for ACK. Options: mss N, wscale N, sackOK,
// sack L:R [L:R ...], TS val V ecr E. Numbers of blocks are relative as in their direction's acknowledgments; V and E are
// the peer's own clock where the peer set it, and ours counts milliseconds from the SYN-ACK's time 0, by its offset (V of
// `>`, E of `<`). `ecn 2` is the ECT(0) codepoint of the packet, `ecn 3` CE; in an expected line it is 0 unless said. After an inbound segment: `badsum`, `port N` (ours), `from N`
// (the client's). A missing win, ack or <options> in an expected line is not compared. A script ends with everything
// that was sent up to its last time accounted for.

import * as assert from 'uvu/assert';
import { createStack } from '../../src/core/stack.js';
import type { TcpConfig } from '../../src/core/tcp/config.js';
import type { TcpState, TraceEvent } from '../../src/core/trace.js';
import type { Micros, Stack } from '../../src/core/types.js';
import { ACK, CWR, ECE, FIN, PSH, parseTcpFrame, RST, SYN, type TcpFrame, tcpFrame, URG } from './frames.js';
import { hashRandomSource } from './random.js';
import { type PlannedAction, patternByte, patternBytes, type StubOptions, StubSession } from './stub-session.js';

export const CLIENT = '10.0.0.1';
export const SERVER = '10.0.0.2';

export interface ScriptOptions extends StubOptions {
  readonly mtu?: number;
  readonly tcp?: TcpConfig;
  /** The client's initial sequence number; by default one that soon wraps. */
  readonly clientIsn?: number;
}

export interface ScriptResult {
  readonly session: StubSession;
  readonly events: TraceEvent[];
  readonly stack: Stack;
}

/** The three lines that open nearly every script: MSS 1460, window 65,535 x 128. */
export const HANDSHAKE = `
  0.000 < S 0:0(0) win 65535 <mss 1460,wscale 7>
  0.000 > S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 3>
  0.010 < . 1:1(0) ack 1 win 65535
`;

interface Line {
  readonly text: string;
  readonly atUs: Micros;
  readonly words: string[];
}

export function runScript(script: string, options: ScriptOptions = {}): ScriptResult {
  const lines = parseLines(script);
  const plan = lines.filter((line) => line.words[0] === 'session').map(plannedAction);
  return new Run(options, [...(options.plan ?? []), ...plan]).play(lines);
}

function parseLines(script: string): Line[] {
  return script
    .split('\n')
    .map((text) => text.replace(/#.*$/, '').trim())
    .filter((text) => text !== '')
    .map((text) => {
      const [time, ...words] = text.split(/\s+/);
      return { text, atUs: Math.round(Number(time) * 1_000_000), words };
    });
}

function plannedAction(line: Line): PlannedAction {
  return { atUs: line.atUs, verb: line.words[1]!, amount: Number(line.words[2] ?? 0) };
}

class Run {
  readonly #session: StubSession;
  readonly #events: TraceEvent[] = [];
  readonly #stack: Stack;
  readonly #isn: number;
  #iss = -1;
  /** The offset of our timestamps, known from the first one. */
  #clock: number | undefined;
  #state: TcpState = 'LISTEN';
  #sent: { readonly atUs: Micros; readonly frame: Uint8Array }[] = [];

  constructor(options: ScriptOptions, plan: PlannedAction[]) {
    this.#isn = options.clientIsn ?? 0xffff_fe00;
    this.#session = new StubSession({ ...options, plan });
    let session: StubSession | undefined = this.#session;
    const create = (): StubSession => {
      const first = session ?? new StubSession(options);
      session = undefined;
      return first;
    };
    this.#stack = createStack(
      {
        localAddress: SERVER,
        mtu: options.mtu ?? 1500,
        services: new Map([[80, create]]),
        ...(options.tcp && { tcp: options.tcp }),
      },
      {
        random: hashRandomSource(),
        trace: (_atUs, event) => {
          this.#events.push(event);
          if (event.layer === 'tcp' && event.kind === 'state') this.#state = event.to;
        },
      },
    );
  }

  play(lines: Line[]): ScriptResult {
    for (const line of lines) {
      try {
        this.#step(line);
      } catch (error) {
        if (error instanceof Error) error.message = `at "${line.text}": ${error.message}`;
        throw error;
      }
    }
    assert.is(this.#session.wrong, -1, 'the session got other bytes than were sent');
    this.#expectNothing();
    return { session: this.#session, events: this.#events, stack: this.#stack };
  }

  #step(line: Line): void {
    const { atUs, words } = line;
    if (words[0] !== '>' || this.#sent.length === 0) this.#stack.advance(atUs);
    this.#collect();
    switch (words[0]) {
      case '<':
        this.#expectNothing();
        this.#stack.receive(atUs, this.#inbound(words.slice(1)));
        this.#collect();
        return;
      case '>':
        this.#expect(line);
        return;
      case 'session':
        return;
      case 'stack':
        this.#expectNothing();
        this.#stack.close(atUs);
        this.#collect();
        return;
      case 'idle':
        this.#expectNothing();
        return;
      case 'state':
        assert.is(this.#state, words[1]);
        return;
      case 'got':
        assert.is(this.#session.received, Number(words[1]));
        return;
      case 'eof':
        assert.ok(this.#session.inputEnded, 'end of input was not told');
        return;
      case 'says': {
        const wanted = words.slice(1).join(' ');
        const reasons = this.#events.flatMap((event) =>
          event.kind === 'drop' || event.kind === 'abort' || event.kind === 'cookies' ? event.reason : [],
        );
        assert.ok(
          reasons.some((reason) => reason.includes(wanted)),
          `no such reason among: ${reasons.join('; ')}`,
        );
        return;
      }
      default:
        throw new Error(`unknown word ${words[0]}`);
    }
  }

  #collect(): void {
    for (let out = this.#stack.poll(); out; out = this.#stack.poll()) {
      this.#sent.push({ atUs: out.atUs, frame: out.frame.slice() });
    }
  }

  #expectNothing(): void {
    const next = this.#sent[0];
    if (next) assert.unreachable(`unexpected: ${this.#describe(next.atUs, parseTcpFrame(next.frame))}`);
  }

  #expect(line: Line): void {
    const next = this.#sent.shift();
    if (!next) {
      assert.unreachable('nothing was sent');
      return;
    }
    const segment = parseTcpFrame(next.frame);
    const wanted = parsePacket(line.words.slice(1));
    const syn = (segment.flags & SYN) !== 0;
    if (syn) this.#iss = segment.seq;
    const seq = this.#iss < 0 ? segment.seq : (segment.seq - this.#iss) >>> 0;
    const actual = this.#describe(next.atUs, segment);
    const say = (what: string): string => `${what}; sent: ${actual}`;
    assert.is(next.atUs, line.atUs, say('time'));
    assert.is(segment.flags, wanted.flags, say('flags'));
    assert.is(seq, wanted.seq, say('sequence number'));
    assert.is(segment.payload.length, wanted.length, say('length'));
    assert.is(segment.ecn, wanted.ecn ?? 0, say('ECN codepoint'));
    if (wanted.ack !== undefined) assert.is((segment.ack - this.#isn) >>> 0, wanted.ack, say('acknowledgment'));
    if (wanted.window !== undefined) assert.is(segment.window, wanted.window, say('window'));
    if (wanted.options) {
      assert.is(segment.mss, wanted.mss, say('MSS'));
      assert.is(segment.windowScale, wanted.windowScale, say('window scale'));
      assert.is(segment.sackPermitted, wanted.sackPermitted, say('SACK permitted'));
      const blocks = (segment.sack ?? []).map((edge) => (edge - this.#isn) >>> 0);
      assert.equal(blocks, wanted.sack, say('SACK blocks'));
      if (segment.timestamps) {
        const [tsVal, tsEcr] = segment.timestamps;
        this.#clock ??= (tsVal - Math.floor(next.atUs / 1000)) >>> 0;
        assert.equal([(tsVal - this.#clock) >>> 0, tsEcr], wanted.timestamps, say('timestamps'));
      } else assert.is(wanted.timestamps, undefined, say('timestamps'));
    }
    segment.payload.forEach((byte, i) => {
      if (byte !== patternByte(seq - 1 + i)) assert.unreachable(say(`byte ${i} is not the session's`));
    });
  }

  #inbound(words: string[]): Uint8Array {
    const packet = parsePacket(words);
    // The stream begins behind the SYN.
    const index = (packet.flags & SYN) !== 0 ? packet.seq : packet.seq - 1;
    const payload = packet.length > 0 ? patternBytes(index, packet.length) : undefined;
    const frame = tcpFrame({
      source: CLIENT,
      destination: SERVER,
      sourcePort: packet.from ?? 49_152,
      destinationPort: packet.port ?? 80,
      seq: (this.#isn + packet.seq) >>> 0,
      ack: packet.ack === undefined ? 0 : (Math.max(0, this.#iss) + packet.ack) >>> 0,
      flags: packet.flags,
      window: packet.window ?? 0,
      mss: packet.mss,
      windowScale: packet.windowScale,
      sackPermitted: packet.sackPermitted,
      timestamps: packet.timestamps && [packet.timestamps[0], (packet.timestamps[1] + (this.#clock ?? 0)) >>> 0],
      sack: packet.sack.map((edge) => (Math.max(0, this.#iss) + edge) >>> 0),
      ecn: packet.ecn,
      payload,
    });
    if (packet.badChecksum) frame[frame.length - 1]! ^= 1;
    return frame;
  }

  #describe(atUs: Micros, segment: TcpFrame): string {
    const letters = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'C'];
    const flags = letters.filter((_, i) => segment.flags & (1 << i)).join('');
    const seq = this.#iss < 0 ? segment.seq : (segment.seq - this.#iss) >>> 0;
    const length = segment.payload?.length ?? 0;
    const ack = (segment.ack - this.#isn) >>> 0;
    return `${atUs / 1_000_000} > ${flags} ${seq}:${seq + length}(${length}) ack ${ack} win ${segment.window}${optionsText(segment, this.#isn, this.#clock ?? 0)}`;
  }
}

function optionsText(segment: TcpFrame, isn: number, clock: number): string {
  const words: string[] = [];
  if (segment.sackPermitted) words.push('sackOK');
  if (segment.timestamps) words.push(`TS val ${(segment.timestamps[0] - clock) >>> 0} ecr ${segment.timestamps[1]}`);
  const edges = (segment.sack ?? []).map((edge) => (edge - isn) >>> 0);
  for (let i = 0; i < edges.length; i += 2) words.push(`sack ${edges[i]}:${edges[i + 1]}`);
  return `${words.length === 0 ? '' : ` <${words.join(',')}>`}${segment.ecn ? ` ecn ${segment.ecn}` : ''}`;
}

interface PacketWords {
  flags: number;
  seq: number;
  length: number;
  ack?: number;
  window?: number;
  mss?: number;
  windowScale?: number;
  sackPermitted: boolean;
  timestamps?: [number, number];
  sack: number[];
  ecn?: number;
  options: boolean;
  badChecksum: boolean;
  port?: number;
  from?: number;
}

function parsePacket(words: string[]): PacketWords {
  const range = /^(\d+):(\d+)\((\d+)\)$/.exec(words[1] ?? '');
  if (!range || Number(range[2]) - Number(range[1]) !== Number(range[3])) throw new Error(`no range: ${words[1]}`);
  const out: PacketWords = {
    flags: parseFlags(words[0]!),
    seq: Number(range[1]),
    length: Number(range[3]),
    options: false,
    sackPermitted: false,
    sack: [],
    badChecksum: false,
  };
  for (let i = 2; i < words.length; i++) {
    const word = words[i]!;
    if (word === 'ack') out.ack = Number(words[++i]);
    else if (word === 'win') out.window = Number(words[++i]);
    else if (word === 'port') out.port = Number(words[++i]);
    else if (word === 'from') out.from = Number(words[++i]);
    else if (word === 'ecn') out.ecn = Number(words[++i]);
    else if (word === 'badsum') out.badChecksum = true;
    else if (word.startsWith('<')) {
      out.options = true;
      const text = words.slice(i).join(' ');
      const mss = /mss (\d+)/.exec(text);
      const scale = /wscale (\d+)/.exec(text);
      if (mss) out.mss = Number(mss[1]);
      if (scale) out.windowScale = Number(scale[1]);
      const timestamps = /TS val (\d+) ecr (\d+)/.exec(text);
      if (timestamps) out.timestamps = [Number(timestamps[1]), Number(timestamps[2])];
      out.sackPermitted = /sackOK/.test(text);
      const sack = /sack ([\d: ]+)/.exec(text);
      if (sack) out.sack = sack[1]!.trim().split(/[: ]/).map(Number);
      while (i < words.length && !words[i]!.endsWith('>')) i++;
    } else throw new Error(`unknown word ${word}`);
  }
  return out;
}

function parseFlags(text: string): number {
  const bits: Record<string, number> = { F: FIN, S: SYN, R: RST, P: PSH, U: URG, E: ECE, C: CWR, '.': ACK, '-': 0 };
  let flags = 0;
  for (const letter of text) {
    const bit = bits[letter];
    if (bit === undefined) throw new Error(`unknown flag ${letter}`);
    flags |= bit;
  }
  return flags;
}
