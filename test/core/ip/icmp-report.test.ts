// What ICMP says of connections: path MTU (RFC 1191, RFC 8201), hard and soft errors (RFC 1122 §4.2.3.9), and what is not
// believed (RFC 5927).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { meantMtu, PathMtus } from '../../../src/core/ip/path-mtu.js';
import { limits } from '../../../src/core/limits.js';
import { createStack } from '../../../src/core/stack.js';
import type { TraceEvent } from '../../../src/core/trace.js';
import { concat, hex } from '../../support/bytes.js';
import {
  ACK,
  FIN,
  ipFrame,
  type ParsedTcpFrame,
  parseTcpFrame,
  SYN,
  slowChecksum,
  tcpFrame,
} from '../../support/frames.js';
import { asIpv4, icmp6Frame } from '../../support/frames6.js';
import { hashRandomSource } from '../../support/random.js';
import { type StubOptions, StubSession } from '../../support/stub-session.js';

const CLIENT = '10.0.0.1';
const SERVER = '10.0.0.2';
const ROUTER = '10.0.0.254';

const test = suite('icmp reports');

type Version = 4 | 6;

/** Fixed headers of IP and TCP. */
const HEADERS = { 4: 40, 6: 60 } as const;

/** A stack with a connection on which a download of 100,000 bytes has begun; all as IPv4 for the test to look at. */
class Download {
  readonly events: TraceEvent[] = [];
  readonly version: Version;
  readonly #inner;
  readonly #stack;
  iss = 0;
  /** The first flight. */
  flight: ParsedTcpFrame[] = [];

  constructor(version: Version, mtu = 1500, session: StubOptions = { source: 100_000 }) {
    this.version = version;
    this.#inner = createStack(
      {
        localAddress: SERVER,
        localAddress6: mtu >= 1280 ? 'fd00::0:0:2' : undefined,
        mtu,
        services: new Map([[80, () => new StubSession(session)]]),
      },
      { random: hashRandomSource(), trace: (_atUs, event) => this.events.push(event) },
    );
    this.#stack = version === 4 ? this.#inner : asIpv4(this.#inner);
  }

  segment(flags: number, seq: number, ack: number, atUs: number, port = 5000): ParsedTcpFrame[] {
    const frame = tcpFrame({
      ...{ source: CLIENT, destination: SERVER, sourcePort: port, destinationPort: 80 },
      ...{ seq, ack: ack >>> 0, flags, window: 65_535, ...(flags === SYN && { mss: 8960 }) },
    });
    this.#stack.receive(atUs, frame);
    return this.drain().filter(({ destinationPort }) => destinationPort === port);
  }

  give(frame: Uint8Array): void {
    this.#inner.receive(2000, frame);
  }

  drain(): ParsedTcpFrame[] {
    const out: ParsedTcpFrame[] = [];
    for (let next = this.#stack.poll(); next; next = this.#stack.poll()) {
      const parsed = parseTcpFrame(next.frame.slice());
      out.push(parsed);
    }
    return out;
  }

  connect(atUs = 0, port = 5000): ParsedTcpFrame[] {
    const [synAck] = this.segment(SYN, 1, 0, atUs, port);
    this.iss = synAck!.seq;
    this.flight = this.segment(ACK, 2, this.iss + 1, atUs + 1000, port);
    return this.flight;
  }

  /** An error about a segment of ours of `length` bytes of text at `seq`. */
  error(
    type: number,
    code: number,
    rest: number,
    quoted: { seq: number; length?: number; source?: string; port?: number; protocol?: number },
    atUs: number,
  ): ParsedTcpFrame[] {
    const { length = 1500 - HEADERS[this.version], port = 5000, protocol = 6 } = quoted;
    const bytes = new Uint8Array(20 + length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 80);
    view.setUint16(2, port);
    view.setUint32(4, quoted.seq >>> 0);
    const second = new Uint8Array(4);
    new DataView(second.buffer).setUint32(0, rest);
    if (this.version === 6) {
      const packet = concat(hex('60000000'), new Uint8Array(4), addressOf(quoted.source ?? SERVER), addressOf(CLIENT));
      new DataView(packet.buffer).setUint16(4, bytes.length);
      packet[6] = protocol;
      const body = concat(second, packet, bytes.subarray(0, 1000));
      this.#inner.receive(atUs, icmp6Frame('fd00::fe', 'fd00::0:0:2', type, code, body));
    } else {
      const packet = ipFrame(quoted.source ?? SERVER, CLIENT, protocol, bytes);
      const message = concat(Uint8Array.of(type, code, 0, 0), second, packet.subarray(0, 28));
      const checksum = slowChecksum(message);
      message[2] = checksum >>> 8;
      message[3] = checksum & 0xff;
      this.#inner.receive(atUs, ipFrame(ROUTER, SERVER, 1, message));
    }
    return this.drain();
  }

  tooBig(mtu: number, seq: number, atUs: number, length?: number): ParsedTcpFrame[] {
    const quoted = length === undefined ? { seq } : { seq, length };
    return this.version === 4 ? this.error(3, 4, mtu, quoted, atUs) : this.error(2, 0, mtu, quoted, atUs);
  }

  verdicts(): string[] {
    return this.events.flatMap((event) => (event.layer === 'icmp' && event.kind === 'report' ? event.verdict : []));
  }

  /** Why connections ended without a FIN. */
  aborts(): string[] {
    return this.events.flatMap((event) => (event.layer === 'tcp' && event.kind === 'abort' ? event.reason : []));
  }

  reasons(): string[] {
    return this.events.flatMap((event) => (event.layer === 'icmp' && event.kind === 'drop' ? event.reason : []));
  }
}

function addressOf(text: string): Uint8Array {
  const [, a, b, c] = text.split('.').map(Number);
  return Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a!, 0, b!, 0, c!);
}

for (const version of [4, 6] as const) {
  test(`IPv${version}: a path that becomes narrower: what is out is sent again in smaller segments at once`, () => {
    const d = new Download(version);
    d.connect();
    assert.ok(d.flight.length >= 8);
    assert.is(d.flight[0]!.payload.length, 1500 - HEADERS[version]);
    const again = d.tooBig(1300, d.flight[0]!.seq, 2000);
    assert.equal(d.verdicts(), ['path MTU taken']);
    assert.ok(again.length > 0, 'no waiting for a timeout');
    assert.is(again[0]!.seq, d.flight[0]!.seq);
    assert.ok(again.every(({ payload }) => payload.length <= 1300 - HEADERS[version]));
    assert.is(again[0]!.payload.length, 1300 - HEADERS[version]);
    const retransmissions = d.events.filter((event) => event.layer === 'tcp' && event.kind === 'retransmit');
    assert.ok(retransmissions.length > 0);
  });

  test(`IPv${version}: a segment with FIN is cut for a narrower path as well as any other`, () => {
    const d = new Download(version, 9000, { source: 2000, closeAfterOutput: true });
    d.connect();
    assert.is(d.flight.length, 1);
    assert.is(d.flight[0]!.flags & FIN, FIN);
    const again = d.tooBig(1300, d.flight[0]!.seq, 2000, 2000);
    assert.equal(
      again.map(({ payload }) => payload.length),
      [1300 - HEADERS[version], 700 + HEADERS[version]],
    );
    assert.is(again[1]!.flags & FIN, FIN);
  });

  test(`IPv${version}: the next connection to the same host begins with what was learned, for ten minutes`, () => {
    const d = new Download(version);
    d.connect();
    d.tooBig(1300, d.flight[0]!.seq, 2000);
    const next = d.connect(1_000_000, 5001);
    assert.is(next[0]!.payload.length, 1300 - HEADERS[version]);
    const later = d.connect(2000 + limits.ip.pathUs, 5002);
    assert.is(later[0]!.payload.length, 1500 - HEADERS[version]);
  });

  test(`IPv${version}: RFC 1191 §6.3: a connection that lasts tries the wider path again after ten minutes`, () => {
    const d = new Download(version);
    d.connect();
    d.tooBig(1300, d.flight[0]!.seq, 2000);
    const sizes: { atUs: number; length: number }[] = [];
    let end = d.flight.reduce((sum, { payload }) => sum + payload.length, d.iss + 1);
    // A slow reader: each minute all that was sent is acknowledged.
    for (let atUs = 1_000_000; atUs < limits.ip.pathUs + 120_000_000; atUs += 60_000_000) {
      for (const { seq, payload } of d.segment(ACK, 2, end, atUs)) {
        end = Math.max(end, seq + payload.length);
        sizes.push({ atUs, length: payload.length });
      }
    }
    const narrow = sizes.filter(({ atUs }) => atUs < 2000 + limits.ip.pathUs);
    const wide = sizes.filter(({ atUs }) => atUs >= 2000 + limits.ip.pathUs);
    assert.ok(narrow.length > 5 && wide.length > 1, `${narrow.length} and ${wide.length} segments`);
    assert.is(Math.max(...narrow.map(({ length }) => length)), 1300 - HEADERS[version]);
    assert.is(Math.max(...wide.map(({ length }) => length)), 1500 - HEADERS[version]);
  });

  test(`IPv${version}: RFC 5927: what is not in flight, not ours, not TCP or would have fitted is not believed`, () => {
    const d = new Download(version);
    d.connect();
    const seq = d.flight[0]!.seq;
    const last = d.flight.at(-1)!;
    const [type, code] = version === 4 ? [3, 4] : [2, 0];
    for (const wrong of [seq - 1, last.seq + last.payload.length, seq + 0x8000_0000]) {
      assert.is(d.tooBig(1300, wrong, 2000).length, 0);
    }
    assert.is(d.error(type, code, 1300, { seq, port: 5999 }, 2000).length, 0);
    assert.equal(new Set(d.verdicts()).size, 2);
    assert.equal(d.verdicts().at(0), 'ignored: sequence number not in flight');
    assert.equal(d.verdicts().at(-1), 'ignored: no such connection');
    d.tooBig(1500, seq, 2000);
    d.error(type, code, 1300, { seq, source: '10.0.0.9' }, 2000);
    d.error(type, code, 1300, { seq, protocol: 17 }, 2000);
    assert.equal(d.reasons().slice(0, 3), [
      'an MTU that the quoted packet does not exceed',
      'quotes a packet that is not ours',
      'quotes a packet that is not of TCP',
    ]);
    assert.is(d.tooBig(1300, seq, 3000).length > 0, true, 'the true one still is');
    assert.is(d.tooBig(1400, seq, 4000).length, 0, 'and never a larger one');
    assert.is(d.verdicts().at(-1), 'ignored: no larger segments are sent');
  });

  test(`IPv${version}: a hard error does not end an established connection, and explains a timeout`, () => {
    const d = new Download(version);
    d.connect();
    const [type, code] = version === 4 ? [3, 3] : [1, 4];
    d.error(type, code, 0, { seq: d.flight[0]!.seq }, 2000);
    assert.equal(d.verdicts(), ['noted: the connection goes on']);
    assert.equal(d.aborts(), []);
    d.segment(0, 2, 0, 2_000_000_000);
    assert.equal(d.aborts(), ['retransmission limit reached; ICMP said: port unreachable']);
  });

  test(`IPv${version}: what ICMP said before the path worked again explains nothing (RFC 1122 §4.2.3.9)`, () => {
    const d = new Download(version);
    d.connect();
    const [type, code] = version === 4 ? [3, 1] : [1, 3];
    const { seq, payload } = d.flight[0]!;
    d.error(type, code, 0, { seq }, 2000);
    d.segment(ACK, 2, seq + payload.length, 3000);
    d.segment(0, 2, 0, 2_000_000_000);
    assert.equal(d.aborts(), ['retransmission limit reached']);
  });
}

test('RFC 8201 §4: an IPv6 path is never narrower than 1280', () => {
  const d = new Download(6);
  d.connect();
  assert.is(d.tooBig(1279, d.flight[0]!.seq, 2000).length, 0);
  assert.equal(d.reasons(), ['an MTU below 1280']);
  assert.ok(d.tooBig(1280, d.flight[0]!.seq, 2000).length > 0);
});

test('RFC 1191 §5: a router that does not say its MTU; the floor of what is believed', () => {
  assert.is(meantMtu(0, 1500), 1492);
  assert.is(meantMtu(0, 1492), 1006);
  assert.is(meantMtu(0, 9000), 8166);
  assert.is(meantMtu(0, 65_535), 32_000);
  assert.is(meantMtu(0, 1000), limits.ip.minPathMtu);
  assert.is(meantMtu(1400, 1500), 1400);
  assert.is(meantMtu(68, 1500), limits.ip.minPathMtu);
  assert.is(meantMtu(1500, 1500), undefined);
  assert.is(meantMtu(9000, 1500), undefined);
  const d = new Download(4);
  d.connect();
  assert.is(d.tooBig(0, d.flight[0]!.seq, 2000)[0]!.payload.length, 1492 - 40);
  const e = new Download(4);
  e.connect();
  assert.is(e.tooBig(68, e.flight[0]!.seq, 2000)[0]!.payload.length, limits.ip.minPathMtu - 40);
});

test('RFC 1122 §4.2.3.9: a hard error ends a connection in SYN-RECEIVED, a soft one does not', () => {
  for (const [code, verdict] of [
    [1, 'noted: the connection goes on'],
    [3, 'connection ended'],
  ] as const) {
    const d = new Download(4);
    const [synAck] = d.segment(SYN, 1, 0, 0);
    d.error(3, code, 0, { seq: synAck!.seq + 1, length: 0 }, 500);
    d.error(3, code, 0, { seq: synAck!.seq, length: 0 }, 1000);
    assert.equal(d.verdicts(), ['ignored: sequence number not in flight', verdict]);
  }
});

test('RFC 6633: source quench is not heeded; redirects are dropped with a reason', () => {
  const d = new Download(4);
  d.connect();
  d.error(4, 0, 0, { seq: d.flight[0]!.seq }, 2000);
  d.error(5, 1, 0x0a000009, { seq: d.flight[0]!.seq }, 2000);
  assert.equal(d.reasons(), ['source quench is not heeded', 'type 5 is not answered']);
  assert.equal(d.verdicts(), []);
});

test('a quote that is cut off before the sequence number is dropped with a reason', () => {
  const d = new Download(4);
  d.connect();
  const inner = ipFrame(SERVER, CLIENT, 6, hex('0050 1388 000000'));
  const message = concat(hex('0303 0000 00000000'), inner);
  const checksum = slowChecksum(message);
  message[2] = checksum >>> 8;
  message[3] = checksum & 0xff;
  d.give(ipFrame(ROUTER, SERVER, 1, message));
  d.give(icmp6Frame('fd00::fe', 'fd00::0:0:2', 1, 4, new Uint8Array(4 + 40)));
  assert.equal(d.reasons(), ['quoted.sequenceNumber: 4 bytes wanted, 3 left', 'quoted.version: 0 is not 6']);
});

test('the paths that are remembered are bounded, and forgotten in their time', () => {
  const paths = new PathMtus();
  for (let i = 0; i < limits.ip.paths + 10; i++) paths.learn(i, { mtu: 1300, untilUs: 1000 });
  assert.is(paths.size, limits.ip.paths);
  assert.is(paths.get(0, 9), undefined);
  assert.is(paths.get(999, 10)!.mtu, 1300);
  assert.is(paths.get(1000, 10), undefined);
});

test.run();
