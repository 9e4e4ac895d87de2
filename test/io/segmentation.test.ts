// What the kernel does with a super-segment, done by hand (virtio 1.2 §5.1.6.2): cut at gso_size, number and sum each
// segment. The laws: cutting what was merged gives the packets back, byte for byte, and nothing waits behind a flush.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SegmentMerger, VNET_HEADER_BYTES } from '../../src/io/segmentation.js';
import { concat, equalBytes, testRandom } from '../support/bytes.js';
import {
  ACK,
  CWR,
  ECE,
  FIN,
  ipFrame,
  PSH,
  RST,
  SYN,
  slowChecksum,
  tcpFrame,
  URG,
  udpFrame,
} from '../support/frames.js';
import { ip6Frame, withChecksum6 } from '../support/frames6.js';

const test = suite('segmentation offload');
const MSS = 1448;

interface Parts {
  readonly seq?: number;
  readonly bytes?: number;
  readonly flags?: number;
  readonly port?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly tsVal?: number;
  readonly ecn?: number;
  readonly fill?: number;
}

function segment(parts: Parts = {}): Uint8Array {
  return tcpFrame({
    source: '10.0.0.2',
    destination: '10.0.0.1',
    sourcePort: 443,
    destinationPort: parts.port ?? 40_000,
    seq: parts.seq ?? 1000,
    ack: parts.ack ?? 77,
    flags: parts.flags ?? ACK,
    window: parts.window ?? 500,
    timestamps: [parts.tsVal ?? 5, 6],
    ecn: parts.ecn,
    payload: new Uint8Array(parts.bytes ?? MSS).fill(parts.fill ?? 0xab),
  });
}

/** The same segment over IPv6. */
function over6(frame: Uint8Array): Uint8Array {
  return ip6Frame('fd00::2', 'fd00::1', 6, withChecksum6('fd00::2', 'fd00::1', 6, frame.slice(20), 16));
}

/** One flush for all of `packets`: what was written to the device. */
function merge(packets: readonly Uint8Array[]): Uint8Array[] {
  const written: Uint8Array[] = [];
  const merger = new SegmentMerger((bytes, length) => written.push(bytes.slice(0, length)));
  for (const packet of packets) {
    const copy = packet.slice();
    merger.add(copy);
    // A packet is valid during the call only.
    copy.fill(0xee);
  }
  merger.flush();
  merger.flush();
  return written;
}

/** What the kernel makes of one write. */
function cut(written: Uint8Array): Uint8Array[] {
  const header = new DataView(written.buffer, 0, VNET_HEADER_BYTES);
  const packet = written.slice(VNET_HEADER_BYTES);
  const [flags, gsoType] = [header.getUint8(0), header.getUint8(1)];
  if (gsoType === 0) {
    assert.equal([...written.subarray(0, VNET_HEADER_BYTES)], new Array(VNET_HEADER_BYTES).fill(0));
    return [packet];
  }
  assert.is(flags, 1, 'NEEDS_CSUM');
  const ipv4 = packet[0] === 0x45;
  assert.is(gsoType, ipv4 ? 1 : 4);
  const [headerBytes, gsoSize] = [header.getUint16(2, true), header.getUint16(4, true)];
  const tcpAt = header.getUint16(6, true);
  assert.is(tcpAt, ipv4 ? 20 : 40, 'csum_start');
  assert.is(header.getUint16(8, true), 16, 'csum_offset');
  assert.is(headerBytes, tcpAt + (packet[tcpAt + 12]! >>> 4) * 4, 'hdr_len');
  const view = new DataView(packet.buffer);
  const addresses = ipv4 ? packet.subarray(12, 20) : packet.subarray(8, 40);
  const pseudo = (length: number) => concat(addresses, Uint8Array.of(0, 6, length >>> 8, length));
  assert.is(ipv4 ? view.getUint16(2) : 40 + view.getUint16(4), packet.length, 'length of the whole');
  if (ipv4) assert.is(slowChecksum(packet.subarray(0, 20)), 0, 'IP checksum');
  assert.is(view.getUint16(tcpAt + 16), ~slowChecksum(pseudo(packet.length - tcpAt)) & 0xffff, 'pseudo-header sum');

  const segments: Uint8Array[] = [];
  for (let at = headerBytes; at < packet.length; at += gsoSize) {
    const last = at + gsoSize >= packet.length;
    const out = concat(packet.subarray(0, headerBytes), packet.subarray(at, at + gsoSize));
    const outView = new DataView(out.buffer);
    if (ipv4) {
      outView.setUint16(2, out.length);
      outView.setUint16(10, 0);
      outView.setUint16(10, slowChecksum(out.subarray(0, 20)));
    } else outView.setUint16(4, out.length - 40);
    outView.setUint32(tcpAt + 4, (view.getUint32(tcpAt + 4) + at - headerBytes) >>> 0);
    if (!last) out[tcpAt + 13]! &= ~(FIN | PSH);
    outView.setUint16(tcpAt + 16, 0);
    outView.setUint16(tcpAt + 16, slowChecksum(pseudo(out.length - tcpAt), out.subarray(tcpAt)));
    segments.push(out);
  }
  return segments;
}

function check(packets: readonly Uint8Array[], writes: number, what?: string): void {
  const written = merge(packets);
  const back = written.flatMap(cut);
  assert.is(back.length, packets.length, what);
  for (const [i, packet] of packets.entries()) equalBytes(back[i]!, packet, `${what ?? ''} packet ${i}`);
  assert.is(written.length, writes, `${what ?? ''} writes`);
}

const run = (count: number, last = MSS, from = 1000): Uint8Array[] =>
  Array.from({ length: count }, (_, i) =>
    segment({ seq: (from + i * MSS) >>> 0, bytes: i === count - 1 ? last : MSS, fill: i }),
  );

test('consecutive segments leave in one write, over IPv4 and IPv6', () => {
  check(run(1), 1);
  check(run(2), 1);
  check(run(44), 1);
  check(run(44, 7), 1);
  check(run(10).map(over6), 1);
  check(run(3, 1, 0xffff_fff0), 1, 'sequence numbers wrap');
});

test('a packet of 65,535 bytes is the largest', () => {
  // 52 bytes of headers and 45 segments of 1448 are 65,212; one more would be too long.
  check(run(46), 2);
  check(run(90), 2);
  check(run(91), 3);
});

test('PSH or a short segment is the last of a super-segment', () => {
  check([segment({ flags: ACK | PSH }), segment({ seq: 1000 + MSS })], 2);
  check([segment(), segment({ seq: 1000 + MSS, flags: ACK | PSH }), segment({ seq: 1000 + 2 * MSS })], 2);
  check([segment(), segment({ seq: 1000 + MSS, bytes: 10 }), segment({ seq: 1010 + MSS, bytes: 10 })], 2);
  check([segment({ bytes: 10 }), segment({ seq: 1010, bytes: 11 })], 2, 'a longer one');
});

test('what differs in more than sequence number, length and PSH is not merged', () => {
  const next = 1000 + MSS;
  const others: Record<string, Parts> = {
    'a gap': { seq: next + 1 },
    'a repetition': {},
    'another flow': { seq: next, port: 40_001 },
    'another acknowledgement': { seq: next, ack: 78 },
    'another window': { seq: next, window: 501 },
    'another timestamp': { seq: next, tsVal: 6 },
    'another ECN codepoint': { seq: next, ecn: 2 },
    'no payload': { seq: next, bytes: 0 },
    SYN: { seq: next, flags: ACK | SYN },
    FIN: { seq: next, flags: ACK | FIN },
    RST: { seq: next, flags: ACK | RST },
    URG: { seq: next, flags: ACK | URG },
    ECE: { seq: next, flags: ACK | ECE },
    CWR: { seq: next, flags: ACK | CWR },
  };
  for (const [name, parts] of Object.entries(others)) {
    check([segment(), segment(parts)], 2, name);
    check(
      [segment(parts), segment({ ...parts, seq: (parts.seq ?? 1000) + (parts.bytes ?? MSS) })],
      parts.flags || parts.bytes === 0 ? 2 : 1,
      `twice: ${name}`,
    );
  }
  check([segment(), over6(segment({ seq: next }))], 2, 'the other IP version');
});

test('other packets pass as they are', () => {
  const fragment = ipFrame('10.0.0.2', '10.0.0.1', 6, segment().subarray(20), { flagsAndOffset: 0x2000 });
  const options = ipFrame('10.0.0.2', '10.0.0.1', 6, segment().subarray(20), { options: new Uint8Array(4) });
  for (const packet of [
    fragment,
    options,
    udpFrame('10.0.0.2', '10.0.0.1', 53, new Uint8Array(300)),
    ip6Frame('fd00::2', 'fd00::1', 58, new Uint8Array(64)),
    Uint8Array.of(0x45),
    Uint8Array.of(0x60, 0, 0),
    new Uint8Array(65_535).fill(0x45),
  ]) {
    check([packet, packet], 2);
    check([segment(), packet, segment({ seq: 1000 + MSS })], 3);
  }
});

test('any mix of packets comes back as it was, in order', () => {
  const random = testRandom(7);
  const oneIn = (n: number): boolean => random.below(n) === 0;
  for (let round = 0; round < 400; round++) {
    let seq = random.u32();
    const packets = Array.from({ length: 1 + random.below(30) }, () => {
      const bytes = oneIn(4) ? random.below(MSS) : MSS;
      if (oneIn(10)) seq += 5;
      const odd = oneIn(10) ? { window: random.below(3) } : {};
      const flags = ACK | (oneIn(10) ? PSH : 0) | (oneIn(20) ? ECE : 0);
      const packet = segment({ seq: seq >>> 0, bytes, flags, fill: random.below(256), ...odd });
      seq += bytes;
      return oneIn(10) ? over6(packet) : packet;
    });
    const back = merge(packets).flatMap(cut);
    assert.is(back.length, packets.length);
    for (const [i, packet] of packets.entries()) equalBytes(back[i]!, packet);
  }
});

test.run();
