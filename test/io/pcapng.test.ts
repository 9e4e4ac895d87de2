import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { captureLimits, type Packet, readCapture, SECRETS_TLS_KEY_LOG } from '../../src/io/capture.js';
import { ascii, concat, equalBytes, hex, testRandom, text } from '../support/bytes.js';
import { pcapngBlocks, readAll, scratch } from '../support/captures.js';

const files = scratch();
const A = hex('4500 0014 01');
const IF_NAME = 2;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;
const FLAGS = 2;
const COMMENT = 1;

async function packetsOf(...blocks: Uint8Array[]): Promise<readonly Packet[]> {
  return (await readCapture(files.write('packets.pcapng', concat(...blocks)))).packets;
}

const reading = suite('pcapng');

for (const littleEndian of [true, false]) {
  const order = littleEndian ? 'little-endian' : 'big-endian';
  const b = pcapngBlocks(littleEndian);

  reading(`reads every block that it knows, ${order}`, async () => {
    const file = files.write(
      'all.pcapng',
      concat(
        b.section(
          b.option(2, ascii('hardware')),
          b.option(3, ascii('os')),
          b.option(4, ascii('dumpcap')),
          b.option(COMMENT, ascii('one')),
          b.end,
        ),
        b.interface(1, 0, b.option(IF_NAME, ascii('eth0')), b.option(IF_TSRESOL, hex('09')), b.end),
        b.enhanced(0, 1_700_000_000_123_456_789n, A, b.option(FLAGS, b.u32(1)), b.option(COMMENT, ascii('in')), b.end),
        b.secrets(SECRETS_TLS_KEY_LOG, ascii('CLIENT_RANDOM 00 11\n')),
        b.custom(0x0bad, 32473, ascii('copy')),
        b.custom(0x40000bad, 7, ascii('once')),
        b.simple(A.length, A),
      ),
    );
    const { items, error } = await readAll(file);
    assert.is(error, undefined);
    assert.equal(
      items.map((item) => item.kind),
      ['section', 'interface', 'packet', 'secrets', 'custom', 'custom', 'packet'],
    );
    const [section, iface, packet, secrets, copyable, once, simple] = items as [
      never,
      never,
      Packet,
      never,
      never,
      never,
      Packet,
    ];
    assert.equal(section, {
      kind: 'section',
      fileOffset: 0,
      hardware: 'hardware',
      os: 'os',
      application: 'dumpcap',
      comment: 'one',
    });
    assert.is((iface as { name: string }).name, 'eth0');
    assert.is((iface as { linkType: number }).linkType, 1);
    assert.is(packet.timeNs, 1_700_000_000_123_456_789n);
    assert.is(packet.direction, 'in');
    assert.is(packet.comment, 'in');
    assert.is(packet.linkType, 1);
    equalBytes(packet.data, A);
    assert.is((secrets as { secretsType: number }).secretsType, SECRETS_TLS_KEY_LOG);
    assert.is(text((secrets as { data: Uint8Array }).data), 'CLIENT_RANDOM 00 11\n');
    assert.equal(
      { ...(copyable as object), data: 0, fileOffset: 0 },
      { kind: 'custom', enterprise: 32473, copyable: true, data: 0, fileOffset: 0 },
    );
    assert.equal(
      { ...(once as object), data: 0, fileOffset: 0 },
      { kind: 'custom', enterprise: 7, copyable: false, data: 0, fileOffset: 0 },
    );
    assert.is(text((once as { data: Uint8Array }).data), 'once');
    assert.is(simple.timeNs, undefined);
    assert.is(simple.index, 2);
    equalBytes(simple.data, A);
  });

  reading(`reads the obsolete Packet Block, ${order}`, async () => {
    const old = b.block(
      2,
      b.u16(1, 999),
      b.u32(0, 1_500_000, A.length, 60),
      b.pad(A),
      b.option(FLAGS, b.u32(2)),
      b.end,
    );
    const [packet] = await packetsOf(b.section(), b.interface(1, 0), b.interface(101, 0), old);
    assert.is(packet!.timeNs, 1_500_000_000n);
    assert.is(packet!.linkType, 101);
    assert.is(packet!.originalLength, 60);
    assert.is(packet!.direction, 'out');
    equalBytes(packet!.data, A);
  });

  reading(`applies if_tsresol and if_tsoffset, ${order}`, async () => {
    const cases: [resolution: string | undefined, offset: bigint | undefined, units: bigint, timeNs: bigint][] = [
      [undefined, undefined, 1_700_000_000_000_001n, 1_700_000_000_000_001_000n],
      ['06', undefined, 7n, 7_000n],
      ['00', undefined, 7n, 7_000_000_000n],
      ['03', 1_700_000_000n, 7n, 1_700_000_000_007_000_000n],
      ['09', undefined, 1_700_000_000_123_456_789n, 1_700_000_000_123_456_789n],
      ['0c', undefined, 1_999_999n, 1_999n],
      ['7f', undefined, 7n, 0n],
      ['80', undefined, 7n, 7_000_000_000n],
      ['8a', undefined, 1024n + 512n, 1_500_000_000n],
      ['a0', undefined, (3n << 32n) | 0x8000_0000n, 3_500_000_000n],
      ['06', -10n, 11_000_000n, 1_000_000_000n],
    ];
    for (const [resolution, offset, units, timeNs] of cases) {
      const options = [];
      if (resolution !== undefined) options.push(b.option(IF_TSRESOL, hex(resolution)));
      if (offset !== undefined) options.push(b.option(IF_TSOFFSET, b.u64(BigInt.asUintN(64, offset))));
      const [packet] = await packetsOf(b.section(), b.interface(101, 0, ...options), b.enhanced(0, units, A));
      assert.is(packet!.timeNs, timeNs, `resolution ${resolution}`);
    }
  });
}

reading('sections of both byte orders in one file have interfaces of their own', async () => {
  const le = pcapngBlocks(true);
  const be = pcapngBlocks(false);
  const packets = await packetsOf(
    le.section(),
    le.interface(1, 0),
    le.interface(113, 0),
    le.enhanced(1, 1n, A),
    be.section(),
    be.interface(101, 0),
    be.enhanced(0, 2n, A),
    le.section(),
    le.interface(228, 0),
    le.enhanced(0, 3n, A),
  );
  assert.equal(
    packets.map((packet) => [packet.index, packet.linkType, packet.timeNs]),
    [
      [1, 113, 1000n],
      [2, 101, 2000n],
      [3, 228, 3000n],
    ],
  );
});

const b = pcapngBlocks(true);
const BEGIN = concat(b.section(), b.interface(101, 0));

reading('name resolution, statistics, unknown and local blocks are skipped', async () => {
  const packets = await packetsOf(
    BEGIN,
    b.block(4, hex('00000000')),
    b.block(5, b.u32(0, 0, 0)),
    b.block(9, ascii('journal.')),
    b.block(0x8000_0001, hex('01020304')),
    b.block(0x0000_0bae),
    b.enhanced(0, 1n, A),
  );
  assert.is(packets.length, 1);
});

reading('direction comes from the two low bits of the flags; 0 and 3 say nothing', async () => {
  const directions = [];
  for (const flags of [0, 1, 2, 3, 0x0401, 0x8000_0002]) {
    const [packet] = await packetsOf(BEGIN, b.enhanced(0, 1n, A, b.option(FLAGS, b.u32(flags))));
    directions.push(packet!.direction);
  }
  assert.equal(directions, [undefined, 'in', 'out', undefined, 'in', 'out']);
});

reading('a Simple Packet Block is as long as the snap length of the first interface allows', async () => {
  const [packet] = await packetsOf(b.section(), b.interface(101, 5), b.simple(1500, A));
  assert.is(packet!.originalLength, 1500);
  equalBytes(packet!.data, A);
});

reading('several comments are all kept; broken UTF-8 is repaired', async () => {
  const [packet] = await packetsOf(
    BEGIN,
    b.enhanced(
      0,
      1n,
      A,
      b.option(COMMENT, ascii('one')),
      b.option(2988, hex('00000007')),
      b.option(COMMENT, hex('c3b6ff')),
      b.end,
    ),
  );
  assert.is(packet!.comment, 'one\nö\ufffd');
});

reading('options behind the end of options are not read', async () => {
  const [packet] = await packetsOf(BEGIN, b.enhanced(0, 1n, A, b.end, b.option(COMMENT, ascii('late'))));
  assert.is(packet!.comment, undefined);
});

reading('minor version 2 means the same as 0', async () => {
  const section = b.section();
  new DataView(section.buffer).setUint16(14, 2, true);
  assert.is((await packetsOf(section, b.interface(101, 0), b.enhanced(0, 1n, A))).length, 1);
});

reading('a block larger than a chunk of reading is whole', async () => {
  const data = testRandom(3).bytes(3 * captureLimits.chunkBytes + 5);
  const packets = await packetsOf(BEGIN, b.enhanced(0, 1n, A), b.enhanced(0, 2n, data), b.enhanced(0, 3n, A));
  assert.is(packets.length, 3);
  equalBytes(packets[1]!.data, data);
  equalBytes(packets[0]!.data, A);
});

const errors = suite('pcapng errors');

/** Reads the blocks; there must be an error, of this kind and text, behind `packets` packets. */
async function fails(blocks: Uint8Array, kind: string, pattern: RegExp, offset: number, packets = 0): Promise<void> {
  const result = await readAll(files.write('fails.pcapng', blocks));
  assert.is(result.error?.kind, kind, `${pattern}`);
  assert.match(result.error!.message, pattern);
  assert.is(result.error?.offset, offset, `${pattern}`);
  assert.is(result.packets.length, packets);
}

/** The block with one 32-bit field changed. */
function patched(block: Uint8Array, at: number, value: number): Uint8Array {
  const copy = block.slice();
  new DataView(copy.buffer).setUint32(at < 0 ? copy.length + at : at, value, true);
  return copy;
}

const PACKET = b.enhanced(0, 1n, A);
const AT = BEGIN.length;

errors('block lengths: too small, no multiple of 4, beyond the limit, unlike the trailing one', async () => {
  await fails(
    concat(BEGIN, PACKET, patched(PACKET, 4, 8)),
    'corrupt',
    /a block length of 8/,
    AT + PACKET.length + 4,
    1,
  );
  await fails(concat(BEGIN, patched(PACKET, 4, PACKET.length + 1)), 'corrupt', /multiple of 4/, AT + 4);
  await fails(
    concat(BEGIN, patched(PACKET, 4, captureLimits.blockBytes + 4)),
    'too-large',
    /more than 16777216/,
    AT + 4,
  );
  await fails(
    concat(BEGIN, patched(PACKET, -4, 44)),
    'corrupt',
    /begins with length 40 and ends with 44/,
    AT + PACKET.length - 4,
  );
});

errors('a block of just the limit is read', async () => {
  const largest = b.block(0x8000_0001, new Uint8Array(captureLimits.blockBytes - 12));
  assert.is((await packetsOf(BEGIN, largest, PACKET)).length, 1);
});

errors('a length that the file does not hold is a cut-off block', async () => {
  await fails(
    concat(BEGIN, PACKET, patched(PACKET, 4, captureLimits.blockBytes)),
    'truncated',
    /wants 16777216 bytes, 40 left/,
    AT + PACKET.length,
    1,
  );
});

errors('the first block decides the byte order, and must', async () => {
  await fails(patched(b.section(), 8, 0), 'corrupt', /byte-order magic/, 8);
  await fails(concat(BEGIN, patched(b.section(), 8, 0x1a2b3c4e)), 'corrupt', /byte-order magic/, AT + 8);
});

errors('other versions are named', async () => {
  await fails(patched(b.section(), 12, 0x0000_0002), 'unsupported', /version 2\.0/, 12);
  await fails(patched(b.section(), 12, 0x0001_0001), 'unsupported', /version 1\.1/, 12);
});

errors('packets of interfaces that were not described', async () => {
  await fails(concat(b.section(), PACKET), 'corrupt', /interface 0, where 0 are described/, 28);
  await fails(concat(b.section(), b.simple(5, A)), 'corrupt', /interface 0/, 28);
  await fails(
    concat(BEGIN, PACKET, b.enhanced(1, 1n, A)),
    'corrupt',
    /interface 1, where 1 are/,
    AT + PACKET.length,
    1,
  );
  // A new section begins without any.
  await fails(concat(BEGIN, b.section(), PACKET), 'corrupt', /interface 0/, AT + 28);
});

errors('blocks too short for their fields or their data', async () => {
  await fails(b.block(0x0a0d0d0a, b.u32(0x1a2b3c4d, 1)), 'corrupt', /section header block holds 8 bytes, 16/, 0);
  for (const [type, name] of [
    [1, 'interface description'],
    [2, 'packet'],
    [3, 'simple packet'],
    [6, 'enhanced packet'],
    [10, 'decryption secrets'],
    [0xbad, 'custom'],
  ] as const) {
    await fails(concat(BEGIN, b.block(type)), 'corrupt', new RegExp(`the ${name} block holds 0 bytes`), AT);
  }
  await fails(concat(BEGIN, patched(PACKET, 20, 9)), 'corrupt', /9 bytes of data in a block with room for 8/, AT);
  await fails(concat(BEGIN, patched(PACKET, 20, 0xffff_ffff)), 'corrupt', /4294967295 bytes of data/, AT);
  await fails(concat(BEGIN, patched(b.simple(5, A), 8, 0xffff_ffff)), 'corrupt', /4294967295 bytes of data/, AT);
  await fails(concat(BEGIN, patched(b.secrets(1, A), 12, 9)), 'corrupt', /9 bytes of data/, AT);
});

errors('options: beyond the block, of a wrong length, too many', async () => {
  const overlong = b.enhanced(0, 1n, A, concat(b.u16(COMMENT, 9), ascii('12345678')));
  await fails(concat(BEGIN, overlong), 'corrupt', /option 1 wants 9 bytes, 8 are left/, AT + 36);
  await fails(
    concat(BEGIN, b.enhanced(0, 1n, A, b.option(FLAGS, hex('01')))),
    'corrupt',
    /flags word has 1 bytes, not 4/,
    AT,
  );
  await fails(
    concat(b.section(), b.interface(1, 0, b.option(IF_TSRESOL, hex('0606')))),
    'corrupt',
    /if_tsresol has 2/,
    28,
  );
  await fails(
    concat(b.section(), b.interface(1, 0, b.option(IF_TSOFFSET, hex('06')))),
    'corrupt',
    /if_tsoffset has 1/,
    28,
  );
  const many = (count: number): Uint8Array =>
    b.enhanced(0, 1n, A, ...Array.from({ length: count }, () => b.option(COMMENT, hex(''))));
  assert.is((await packetsOf(BEGIN, many(captureLimits.options))).length, 1);
  await fails(concat(BEGIN, many(captureLimits.options + 1)), 'too-large', /more than 1024 options/, AT);
});

errors('interfaces of a section are bounded', async () => {
  const one = b.interface(101, 0);
  const all = concat(...Array.from({ length: captureLimits.interfaces }, () => one));
  const last = b.enhanced(captureLimits.interfaces - 1, 1n, A);
  const whole = concat(b.section(), all, last);
  await fails(concat(whole, one), 'too-large', /more than 65536 interfaces/, whole.length, 1);
});

errors('cut at every byte: the whole packets come, then the error', async () => {
  const blocks = [
    b.section(),
    b.interface(101, 0),
    PACKET,
    b.secrets(1, A),
    b.custom(0xbad, 1, hex('00000000')),
    PACKET,
  ];
  const whole = concat(...blocks);
  const ends: number[] = [];
  for (const block of blocks) ends.push((ends.at(-1) ?? 0) + block.length);
  for (let length = 0; length < whole.length; length++) {
    const { items, error } = await readAll(files.write('cut.pcapng', whole.subarray(0, length)));
    const before = ends.filter((end) => end <= length).length;
    assert.is(items.length, before, `cut at ${length}`);
    if (length < 4) assert.is(error?.kind, 'not-a-capture');
    else if (ends.includes(length)) assert.is(error, undefined, `cut at ${length}`);
    else {
      assert.is(error?.kind, 'truncated', `cut at ${length}`);
      assert.is(error?.offset, before === 0 ? 0 : ends[before - 1]!, `cut at ${length}`);
    }
  }
});

errors('the message of a cut names file, offset, bytes and what was read', async () => {
  const file = files.write('told.pcapng', concat(BEGIN, PACKET, PACKET.subarray(0, 36)));
  assert.is(
    (await readAll(file)).error?.message,
    `${file}: offset ${AT + 40}: the last block is cut off (wants 40 bytes, 36 left); everything before it was read (1 packet). ` +
      'Record again, or keep the whole blocks with `editcap FILE NEWFILE`',
  );
});

errors('1000 mutated files: items, then at most one CaptureError', async () => {
  const random = testRandom(11);
  const be = pcapngBlocks(false);
  const original = concat(
    b.section(b.option(4, ascii('x')), b.end),
    b.interface(101, 0, b.option(IF_TSRESOL, hex('09')), b.end),
    PACKET,
    b.enhanced(0, 99n, random.bytes(77), b.option(FLAGS, b.u32(1)), b.option(COMMENT, ascii('why')), b.end),
    b.secrets(SECRETS_TLS_KEY_LOG, ascii('CLIENT_RANDOM 00 11\n')),
    b.custom(0xbad, 32473, ascii('copy')),
    be.section(),
    be.interface(1, 60),
    be.simple(20, random.bytes(20)),
    be.enhanced(0, 100n, random.bytes(30)),
  );
  let ended = 0;
  for (let round = 0; round < 1000; round++) {
    const bytes = original.slice(0, random.below(4) === 0 ? random.below(original.length) : original.length);
    for (let changes = 1 + random.below(4); changes > 0 && bytes.length > 0; changes--) {
      bytes[random.below(bytes.length)] = random.u32();
    }
    const { items, error } = await readAll(files.write('mutated.pcapng', bytes));
    if (error !== undefined) ended++;
    let offset = -1;
    for (const item of items) {
      assert.ok(item.fileOffset > offset, 'offsets rise');
      offset = item.fileOffset;
    }
  }
  assert.ok(ended > 200, `${ended} of the mutated files ended in an error`);
});

reading.run();
errors.run();
