// The IPv6 header, its extension headers, and the ICMPv6 messages as wire formats: hex in, fields out, and what is wrong.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError } from '../../../src/core/bytes/reader.js';
import { type Chain, emptyChain, walkChain } from '../../../src/core/ip/extensions6.js';
import { decodeIcmp6, decodeQuoted6, isIcmp6Error } from '../../../src/core/ip/icmp6.js';
import { decodePacket6, writeFragmentHeader, writeIpv6Header } from '../../../src/core/ip/packet6.js';
import { limits } from '../../../src/core/limits.js';
import { concat, equalBytes, hex } from '../../support/bytes.js';
import { address6Bytes, fragment6, icmp6Frame, ip6Frame } from '../../support/frames6.js';

const test = suite('ipv6 packet');

const FRAME = concat(hex('62312345 0004 06 40'), address6Bytes('fd00::1'), address6Bytes('fd00::2'), hex('01020304'));

function refused(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ParseError) return error.what;
    throw error;
  }
  throw new Error('it was accepted');
}

test('reads every field', () => {
  assert.equal(decodePacket6(FRAME), { ecn: 3, flowLabel: 0x1_2345, nextHeader: 6, hopLimit: 64, payloadEnd: 44 });
  assert.is(decodePacket6(concat(FRAME, hex('ffff'))).payloadEnd, 44, 'the rest is padding');
});

test('what is written is what was read', () => {
  const frame = new Uint8Array(44).fill(0xee);
  writeIpv6Header(frame, 0, 4, 6, address6Bytes('fd00::1'), address6Bytes('fd00::2'), 3, 0x1_2345);
  equalBytes(frame.subarray(0, 40), concat(hex('60312345'), FRAME.subarray(4, 40)));
});

test('every truncation, another version and a payload beyond the frame raise ParseError', () => {
  for (let length = 0; length < FRAME.length; length++) refused(() => decodePacket6(FRAME.subarray(0, length)));
  assert.match(
    refused(() => decodePacket6(concat(hex('45'), FRAME.subarray(1)))),
    'version: 4',
  );
  assert.match(
    refused(() => decodePacket6(FRAME.subarray(0, 43))),
    'payloadLength: 4',
  );
});

// ---- the chain ----

/** Walks headers that begin at 40, behind a fixed header whose next header is `first`. */
function walk(first: number, headers: Uint8Array, reassembled = false): Chain {
  const bytes = concat(new Uint8Array(40), headers);
  return walkChain(bytes, 40, bytes.length, first, 6, reassembled, emptyChain());
}

/** Options header: next header, PadN to 8. */
const OPTIONS = (next: number): Uint8Array => concat(Uint8Array.of(next, 0), hex('0104 00000000'));

test('no extension header: the payload begins behind the fixed header', () => {
  const chain = walk(6, hex('0102'));
  assert.is(chain.verdict, 'upper');
  assert.equal([chain.protocol, chain.at, chain.nextHeaderAt], [6, 40, 6]);
});

test('options, a used-up routing header and an atomic fragment are walked through', () => {
  const routing = hex('3c 00 00 00 00000000');
  const chain = walk(0, concat(OPTIONS(43), routing, OPTIONS(44), fragment6(6, 0, false, 9, new Uint8Array(20))));
  assert.is(chain.verdict, 'upper', chain.reason);
  assert.equal([chain.protocol, chain.at, chain.nextHeaderAt], [6, 72, 64]);
});

test('a fragment ends the walk', () => {
  const chain = walk(0, concat(OPTIONS(44), fragment6(17, 1448, true, 0xdeadbeef, new Uint8Array(8))));
  assert.is(chain.verdict, 'fragment');
  assert.equal(
    [chain.at, chain.fragmentOffset, chain.moreFragments, chain.id, chain.nextHeaderAt],
    [48, 1448, true, 0xdeadbeef, 40],
  );
});

/** RFC 8200 §4.1, §4.2, §4.4, §4.5, RFC 8504 §5.3. */
const WRONG: readonly (readonly [what: string, chain: Chain, verdict: Chain['verdict'], code?: number, at?: number])[] =
  [
    ['hop-by-hop options are not first', walk(60, OPTIONS(0)), 'problem', 1, 40],
    ['hop-by-hop options within a fragment', walk(0, OPTIONS(6), true), 'problem', 1, 6],
    ['routing type 0 with segments left', walk(43, hex('06 00 00 01 00000000')), 'problem', 0, 42],
    ['routing type 4 with segments left', walk(43, hex('06 00 04 02 00000000')), 'problem', 0, 42],
    ['an option beyond its header', walk(60, hex('06 00 01 05 00000000')), 'problem', 0, 43],
    ['an option without a length', walk(60, hex('06 00 01 03 000000 05')), 'problem', 0, 48],
    ['an unknown option to be dropped', walk(60, hex('06 00 45 04 00000000')), 'drop'],
    ['an unknown option to be told', walk(60, hex('06 00 85 04 00000000')), 'problem', 2, 42],
    ['an unknown option to be told to one host', walk(0, hex('06 00 c2 04 00010000')), 'problem', 2, 42],
    ['no next header', walk(59, hex('01')), 'drop'],
    ['nothing behind the header', walk(60, hex('06 00 01')), 'incomplete'],
    ['a header that goes beyond the packet', walk(60, hex('06 01 0104 00000000')), 'incomplete'],
    ['a fragment in a fragment', walk(44, fragment6(44, 0, false, 1, fragment6(6, 0, true, 2, hex('00')))), 'drop'],
    ['a fragment in a reassembled datagram', walk(44, fragment6(6, 0, false, 1, hex('00')), true), 'drop'],
    ['eight octets of padding', walk(60, hex('06 01 0106 000000000000 0100 00000000')), 'drop'],
  ];

for (const [what, chain, verdict, code, at] of WRONG) {
  test(`${what}: ${verdict}`, () => {
    assert.is(chain.verdict, verdict, chain.reason);
    if (code !== undefined) assert.equal([chain.code, chain.pointer], [code, at]);
  });
}

test('an unknown option that may be skipped is skipped', () => {
  assert.is(walk(60, hex('06 00 1e 04 00000000')).verdict, 'upper');
});

test('headers, their bytes and their options are bounded', () => {
  const many = (count: number): Uint8Array =>
    concat(...Array.from({ length: count }, (_, i) => OPTIONS(i === count - 1 ? 6 : 60)), new Uint8Array(20));
  assert.is(walk(60, many(limits.ip.extensionHeaders)).verdict, 'upper');
  assert.is(walk(60, many(limits.ip.extensionHeaders + 1)).reason, 'too many extension headers');

  /** Options of 6 octets data fill 8. */
  const options = (count: number): Uint8Array =>
    concat(
      Uint8Array.of(6, count),
      hex('0104 00000000'),
      ...Array.from({ length: count }, () => hex('1e06 000000000000')),
    );
  assert.is(walk(60, concat(options(limits.ip.extensionOptions), new Uint8Array(20))).verdict, 'upper');
  assert.is(walk(60, concat(options(limits.ip.extensionOptions + 1), new Uint8Array(20))).reason, 'too many options');

  const long = (bytes: number): Uint8Array => {
    const header = new Uint8Array(bytes);
    header.set([6, bytes / 8 - 1]);
    for (let at = 2; at < bytes; at += 256) header.set([0x1e, Math.min(254, bytes - at - 2)], at);
    return header;
  };
  assert.is(walk(60, concat(long(limits.ip.extensionBytes), new Uint8Array(20))).verdict, 'upper');
  assert.is(
    walk(60, concat(long(limits.ip.extensionBytes + 8), new Uint8Array(20))).reason,
    'extension headers are too long',
  );
});

test('every truncation of a chain is incomplete, and never read beyond', () => {
  const headers = concat(OPTIONS(43), hex('3c 00 00 00 00000000'), OPTIONS(44), fragment6(6, 8, false, 9, hex('')));
  for (let length = 0; length < headers.length; length++) {
    assert.is(walk(0, headers.subarray(0, length)).verdict, 'incomplete', `${length} bytes`);
  }
});

test('a fragment header is written as it is read', () => {
  const bytes = new Uint8Array(8);
  writeFragmentHeader(bytes, 0, 58, 1448, true, 0xdeadbeef);
  equalBytes(bytes, fragment6(58, 1448, true, 0xdeadbeef, hex('')));
});

// ---- ICMPv6 ----

test('an echo is read; damage and truncation raise ParseError', () => {
  const frame = icmp6Frame('fd00::1', 'fd00::2', 128, 0, hex('1234 0007 616263'));
  assert.equal(decodeIcmp6(frame, 40, frame.length), { type: 128, code: 0, rest: 0x1234_0007 });
  for (let end = 40; end < frame.length; end++) refused(() => decodeIcmp6(frame, 40, end));
  for (let at = 8; at < frame.length; at++) {
    const damaged = frame.slice();
    damaged[at]! ^= 1;
    assert.match(
      refused(() => decodeIcmp6(damaged, 40, frame.length)),
      'checksum',
    );
  }
});

test('the quoted packet is read as far as ports and sequence number', () => {
  const quoted = ip6Frame('fd00::2', 'fd00::1', 6, hex('01bb c000 00001000'));
  const read = decodeQuoted6(quoted, 0, quoted.length);
  assert.equal(read, {
    totalLength: 48,
    sourceAt: 8,
    destinationAt: 24,
    nextHeader: 6,
    sourcePort: 443,
    destinationPort: 49_152,
    seq: 0x1000,
  });
  for (let end = 0; end < quoted.length; end++) refused(() => decodeQuoted6(quoted, 0, end));
  refused(() => decodeQuoted6(new Uint8Array(48), 0, 48));
});

test('errors and redirects are what no error is sent about', () => {
  for (const type of [1, 2, 3, 4, 127, 137]) assert.ok(isIcmp6Error(type));
  for (const type of [128, 129, 133, 135, 143]) assert.not(isIcmp6Error(type));
});

test.run();
