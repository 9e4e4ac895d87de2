// IPv6 through the stack: echo, fragments (RFC 5722, RFC 6946, RFC 7112), extension headers, errors, and TCP over it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { createStack } from '../../../src/core/stack.js';
import type { TraceEvent } from '../../../src/core/trace.js';
import { concat, equalBytes, hex, testRandom } from '../../support/bytes.js';
import { slowChecksum } from '../../support/frames.js';
import {
  address6Bytes,
  asIpv4,
  fragment6,
  icmp6Frame,
  icmp6Message,
  ip6Frame,
  parseIp6,
  pseudoHeader6,
  withChecksum6,
} from '../../support/frames6.js';
import { hashRandomSource } from '../../support/random.js';
import { StubSession } from '../../support/stub-session.js';
import { exchange, TcpPeer } from '../../support/tcp-peer.js';

const CLIENT = 'fd00::1';
const SERVER = 'fd00::2';

const test = suite('ipv6');

function bench(mtu = 1500) {
  const events: TraceEvent[] = [];
  const stack = createStack(
    { localAddress: '10.0.0.2', localAddress6: SERVER, mtu, services: new Map([[80, () => new StubSession()]]) },
    { random: hashRandomSource(), trace: (_atUs, event) => events.push(event) },
  );
  const drain = (): { atUs: number; frame: Uint8Array }[] => {
    const out = [];
    for (let next = stack.poll(); next; next = stack.poll()) out.push({ atUs: next.atUs, frame: next.frame.slice() });
    return out;
  };
  return {
    stack,
    events,
    drain,
    give(frame: Uint8Array, atUs = 0): Uint8Array[] {
      stack.receive(atUs, frame);
      return drain().map(({ frame: sent }) => sent);
    },
    reasons: () => events.flatMap((event) => (event.kind === 'drop' ? event.reason : [])),
  };
}

/** The ICMPv6 message of a frame from us to the client, its checksum seen. */
function message(frame: Uint8Array | undefined): Uint8Array {
  const { source, destination, nextHeader, payload, hopLimit } = parseIp6(frame!);
  equalBytes(source, address6Bytes(SERVER));
  equalBytes(destination, address6Bytes(CLIENT));
  assert.is(nextHeader, 58);
  assert.is(hopLimit, 64);
  assert.is(slowChecksum(pseudoHeader6(source, destination, 58, payload.length), payload), 0, 'checksum');
  return payload;
}

function cut(nextHeader: number, payload: Uint8Array, size: number, id: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const part = payload.subarray(at, at + size);
    frames.push(ip6Frame(CLIENT, SERVER, 44, fragment6(nextHeader, at, at + size < payload.length, id, part)));
  }
  return frames;
}

test('an echo is answered with all its data', () => {
  const { give, events } = bench();
  const body = hex('1234 0007 00112233445566');
  equalBytes(message(give(icmp6Frame(CLIENT, SERVER, 128, 0, body))[0]), icmp6Message(SERVER, CLIENT, 129, 0, body));
  const out = events.filter((event) => event.layer === 'icmp')[1];
  assert.equal(out, {
    ...{ layer: 'icmp', kind: 'message', version: 6, dir: 'out', src: SERVER, dst: CLIENT },
    ...{ type: 129, code: 0, length: 15, id: 0x1234, seq: 7 },
  });
});

test('a large echo in fragments is answered in fragments, in any order', () => {
  const body = concat(hex('00010002'), testRandom(1).bytes(8000));
  for (const reversed of [false, true]) {
    const { give } = bench();
    const frames = cut(58, icmp6Message(CLIENT, SERVER, 128, 0, body), 1448, 0xdeadbeef);
    if (reversed) frames.reverse();
    const out = frames.flatMap((frame) => give(frame));
    assert.is(out.length, 6);
    const parts = out.map((frame) => parseIp6(frame));
    equalBytes(concat(...parts.map(({ payload }) => payload.subarray(8))), icmp6Message(SERVER, CLIENT, 129, 0, body));
    parts.forEach(({ payload, nextHeader }, i) => {
      assert.is(nextHeader, 44);
      assert.equal([...payload.subarray(0, 2)], [58, 0]);
      assert.is((payload[2]! << 8) | payload[3]!, (i * 1448) | (i < 5 ? 1 : 0));
      equalBytes(payload.subarray(4, 8), parts[0]!.payload.subarray(4, 8));
    });
    const labels = new Set(parts.map(({ flowLabel }) => flowLabel));
    assert.is(labels.size, 1);
  }
});

test('RFC 6946: an atomic fragment is a datagram of its own, also beside fragments of its name', () => {
  const { give } = bench();
  const echo = icmp6Message(CLIENT, SERVER, 128, 0, hex('00010002'));
  assert.is(give(ip6Frame(CLIENT, SERVER, 44, fragment6(58, 0, true, 7, new Uint8Array(16)))).length, 0);
  assert.is(give(ip6Frame(CLIENT, SERVER, 44, fragment6(58, 0, false, 7, echo))).length, 1);
});

test('RFC 5722: an overlap drops the datagram in silence, also later', () => {
  const b = bench();
  const echo = icmp6Message(CLIENT, SERVER, 128, 0, concat(hex('00010002'), new Uint8Array(40)));
  b.give(ip6Frame(CLIENT, SERVER, 44, fragment6(58, 0, true, 7, echo.subarray(0, 24))));
  b.give(ip6Frame(CLIENT, SERVER, 44, fragment6(58, 16, false, 7, echo.subarray(16))));
  for (const frame of cut(58, echo, 24, 7)) assert.is(b.give(frame).length, 0);
  b.stack.advance(100_000_000);
  assert.is(b.drain().length, 0);
  assert.ok(b.reasons().includes('fragments overlap'));
});

test('RFC 8200 §4.5: time exceeded after 60 s, when the first fragment is there', () => {
  const b = bench();
  const first = ip6Frame(CLIENT, SERVER, 44, fragment6(17, 0, true, 7, new Uint8Array(1400)));
  b.give(first, 1_000_000);
  b.give(ip6Frame(CLIENT, SERVER, 44, fragment6(17, 1400, true, 8, new Uint8Array(1400))), 1_000_000);
  b.stack.advance(200_000_000);
  const out = b.drain();
  assert.is(out.length, 1);
  assert.is(out[0]!.atUs, 61_000_000);
  assert.is(out[0]!.frame.length, 1280, 'as much is quoted as fits the smallest MTU');
  const told = message(out[0]!.frame);
  equalBytes(told.subarray(0, 2), hex('0301'));
  equalBytes(told.subarray(4, 8), hex('00000000'));
  equalBytes(told.subarray(8), first.subarray(0, 1232));
});

test('RFC 8200 §4.5: a fragment with a wrong length or beyond 65,535 is told to its source', () => {
  const { give } = bench();
  const odd = ip6Frame(CLIENT, SERVER, 44, fragment6(17, 0, true, 7, new Uint8Array(12)));
  const told = message(give(odd)[0]);
  equalBytes(told.subarray(0, 8), concat(hex('0400'), told.subarray(2, 4), hex('00000004')));
  equalBytes(told.subarray(8), odd);
  const beyond = ip6Frame(CLIENT, SERVER, 44, fragment6(17, 65_528, false, 7, new Uint8Array(8)));
  equalBytes(message(give(beyond)[0]).subarray(4, 8), hex('0000002a'));
});

test('RFC 7112 §5: a first fragment without all headers is told with code 3', () => {
  const { give, reasons } = bench();
  const options = hex('06 00 0104 00000000');
  for (const [first, payload] of [
    [6, new Uint8Array(16)],
    [60, concat(options, new Uint8Array(16))],
    [60, options],
    [17, new Uint8Array(0)],
  ] as const) {
    const out = give(ip6Frame(CLIENT, SERVER, 44, fragment6(first, 0, true, 7, payload)));
    if (payload.length === 0) assert.is(out.length, 0);
    else equalBytes(message(out[0]).subarray(0, 2), hex('0403'));
  }
  assert.is(reasons().filter((reason) => reason.includes('without all of its headers')).length, 3);
  const whole = concat(options, new Uint8Array(24));
  assert.is(give(ip6Frame(CLIENT, SERVER, 44, fragment6(60, 0, true, 7, whole))).length, 0);
});

test('options within and in front of fragments are walked through; the reassembled header says what follows', () => {
  const { give } = bench();
  const hopByHop = hex('2c 00 0104 00000000');
  const inner = hex('3a 00 0104 00000000');
  const payload = concat(inner, icmp6Message(CLIENT, SERVER, 128, 0, hex('00010002 a1a2a3a4 a5a6a7a8 a9')));
  const part = (at: number, to: number, more: boolean): Uint8Array =>
    ip6Frame(CLIENT, SERVER, 0, concat(hopByHop, fragment6(60, at, more, 9, payload.subarray(at, to))));
  assert.is(give(part(16, payload.length, false)).length, 0);
  assert.is(message(give(part(0, 16, true))[0]).length, payload.length - 8);
  // The same, of a protocol that is not served: the error quotes the whole, whose header says so.
  give(ip6Frame(CLIENT, SERVER, 0, concat(hopByHop, fragment6(99, 0, true, 10, new Uint8Array(16)))));
  const [out] = give(ip6Frame(CLIENT, SERVER, 0, concat(hopByHop, fragment6(99, 16, false, 10, new Uint8Array(8)))));
  const told = message(out);
  equalBytes(told.subarray(0, 2), hex('0401'));
  equalBytes(told.subarray(4, 8), hex('00000028'));
  equalBytes(told.subarray(8 + 40, 8 + 48), hex('63 00 0104 00000000'));
  assert.is(told.length, 8 + 40 + 8 + 24);
});

test('what cannot be processed is told by parameter problem', () => {
  const { give } = bench();
  const told = (nextHeader: number, payload: Uint8Array): string => {
    const bytes = message(give(ip6Frame(CLIENT, SERVER, nextHeader, payload))[0]);
    return `${bytes[0]} ${bytes[1]} ${new DataView(bytes.buffer, bytes.byteOffset).getUint32(4)}`;
  };
  assert.is(told(50, new Uint8Array(24)), '4 1 6', 'ESP');
  assert.is(told(43, hex('3a 00 00 01 00000000 8000000000000000')), '4 0 42', 'routing header type 0');
  assert.is(told(60, hex('3a 00 85 04 00000000 8000000000000000')), '4 2 42', 'an option');
});

test('UDP is refused by port unreachable that quotes it, damaged or unchecked UDP is not', () => {
  const { give, reasons } = bench();
  const udp = withChecksum6(CLIENT, SERVER, 17, hex('14e9 0035 000c 0000 01020304'), 6);
  const frame = ip6Frame(CLIENT, SERVER, 17, udp);
  const told = message(give(frame)[0]);
  equalBytes(told.subarray(0, 2), hex('0104'));
  equalBytes(told.subarray(8), frame);
  const damaged = frame.slice();
  damaged[50]! ^= 1;
  assert.is(give(damaged).length, 0);
  assert.is(give(ip6Frame(CLIENT, SERVER, 17, hex('14e9 0035 000c 0000 01020304'))).length, 0);
  assert.is(give(ip6Frame(CLIENT, SERVER, 17, hex('14e9 0035 00ff 0000'))).length, 0);
  assert.is(give(ip6Frame(CLIENT, SERVER, 17, hex('14e9'))).length, 0);
  assert.is(reasons().length, 5);
});

test('RFC 4443 §2.4 e: no error about an error or a redirect, behind whatever headers', () => {
  const { give } = bench();
  const bad = hex('3a 00 85 04 00000000');
  for (const type of [1, 2, 3, 4, 137]) {
    const error = icmp6Message(CLIENT, SERVER, type, 0, new Uint8Array(12));
    assert.is(give(ip6Frame(CLIENT, SERVER, 60, concat(bad, error))).length, 0, `type ${type}`);
  }
  const echo = icmp6Message(CLIENT, SERVER, 128, 0, new Uint8Array(12));
  assert.is(give(ip6Frame(CLIENT, SERVER, 60, concat(bad, echo))).length, 1);
});

test('errors of both versions share one rate', () => {
  const { give } = bench();
  const udp = ip6Frame(CLIENT, SERVER, 17, withChecksum6(CLIENT, SERVER, 17, hex('14e9 0035 0008 0000'), 6));
  let sent = 0;
  for (let i = 0; i < 200; i++) sent += give(udp).length;
  assert.is(sent, limits.ip.icmpErrorBurst);
});

test('what is not for us or from nobody is dropped; multicast without a warning', () => {
  const { give, reasons, events } = bench();
  const echo = hex('0001');
  for (const [source, destination] of [
    [CLIENT, 'fd00::3'],
    ['ff02::1', SERVER],
    ['::', SERVER],
    ['::1', SERVER],
    [SERVER, SERVER],
    ['::', 'ff02::16'],
    ['fe80::1', 'ff02::2'],
  ] as const) {
    assert.is(give(icmp6Frame(source, destination, 128, 0, echo)).length, 0);
  }
  assert.equal(reasons(), [
    'not our address',
    'source is not the address of a host',
    'source is not the address of a host',
    'source is not the address of a host',
    'source is our own address',
    'multicast',
    'multicast',
  ]);
  const warnings = events.filter((event) => event.kind === 'drop' && event.severity === 'warning');
  assert.is(warnings.length, 5);
});

test('neighbour discovery and damaged messages are dropped with a reason', () => {
  const { give, reasons } = bench();
  give(icmp6Frame(CLIENT, SERVER, 135, 0, new Uint8Array(20)));
  const damaged = icmp6Frame(CLIENT, SERVER, 128, 0, hex('00010002'));
  damaged[44]! ^= 1;
  give(damaged);
  give(ip6Frame(CLIENT, SERVER, 58, hex('8000')));
  give(hex('6000'));
  assert.equal(reasons(), [
    'type 135 is not answered',
    'checksum: does not match the message',
    'checksum: 2 bytes wanted, 0 left',
    'versionClassAndFlowLabel: 4 bytes wanted, 2 left',
  ]);
});

test('a stack without an IPv6 address does not speak it, and one with it needs the MTU for it', () => {
  const services = new Map();
  const plain = createStack({ localAddress: '10.0.0.2', mtu: 1500, services }, { random: hashRandomSource() });
  plain.receive(0, icmp6Frame(CLIENT, SERVER, 128, 0, hex('0001')));
  assert.is(plain.poll(), undefined);
  for (const [localAddress6, mtu] of [
    [SERVER, 1279],
    ['ff02::1', 1500],
    ['::1', 1500],
    ['fd00', 1500],
  ] as const) {
    assert.throws(
      () => createStack({ localAddress: '10.0.0.2', localAddress6, mtu, services }, { random: hashRandomSource() }),
      (error: unknown) => error instanceof RangeError,
    );
  }
});

test('TCP over IPv6: both ways, whole, over a network that loses and reorders; names and labels are as they should be', () => {
  const flows: string[] = [];
  const create = (_nowUs: number, flow: string): StubSession => {
    flows.push(flow);
    return new StubSession({ echo: true, source: 30_000, closeAfterInput: true });
  };
  for (const seed of [1, 2, 3]) {
    const stack = createStack(
      { localAddress: '10.0.0.2', localAddress6: SERVER_AS_PEER_SEES, mtu: 1500, services: new Map([[80, create]]) },
      { random: hashRandomSource() },
    );
    const peer = new TcpPeer({
      ...{ address: '10.0.0.1', server: '10.0.0.2', port: 49_152, serverPort: 80, isn: 7 },
      ...{ upload: 25_000, window: 30_000, mss: 1440, closeFirst: true },
    });
    exchange(asIpv4(stack), [peer], { seed, loss: 30, duplicate: 30, reorder: 100, latencyUs: 2000 });
    assert.is(peer.state, 'done');
    assert.is(peer.received, 55_000);
  }
  assert.is(flows[0], '[fd00::1]:49152>[fd00::2]:80#0');
});

/** asIpv4 writes 10.0.0.2 as fd00::0:0:2. */
const SERVER_AS_PEER_SEES = 'fd00:0:0::0:2';

test('random frames never throw and are never answered by more than one frame', () => {
  const { give } = bench();
  const random = testRandom(5);
  for (let i = 0; i < 4000; i++) {
    const payload = random.bytes(random.below(80));
    const frame = ip6Frame(CLIENT, SERVER, [0, 6, 17, 43, 44, 58, 60, 59][random.below(8)]!, payload);
    if (i % 4 === 0) frame[random.below(frame.length)]! ^= 1 << random.below(8);
    assert.ok(give(frame, i * 1000).length <= 1);
  }
});

test.run();
