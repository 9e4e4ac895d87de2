import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CaptureError, captureLimits, openCapture, readCapture } from '../../src/io/capture.js';
import { equalBytes, hex, testRandom } from '../support/bytes.js';
import { pcapFile, readAll, run, scratch } from '../support/captures.js';
import { needCommands, testWith } from '../support/needs.js';

const files = scratch();
const A = hex('4500 0014');
const B = hex('6000 0000 01');

const reading = suite('pcap');

for (const littleEndian of [true, false]) {
  const order = littleEndian ? 'little-endian' : 'big-endian';

  reading(`reads ${order} microseconds exactly`, async () => {
    const file = files.write(
      'us.pcap',
      pcapFile(
        [
          [1_700_000_000, 999_999, A],
          [4_294_967_295, 1, B, 1500],
        ],
        { littleEndian },
      ),
    );
    const { packets, interfaces } = await readCapture(file);
    assert.equal(interfaces, [{ kind: 'interface', id: 0, linkType: 101, snapLength: 65535, fileOffset: 0 }]);
    assert.equal(packets.length, 2);
    const [first, second] = packets;
    assert.is(first!.timeNs, 1_700_000_000_999_999_000n);
    assert.is(first!.index, 1);
    assert.is(first!.fileOffset, 24);
    assert.is(first!.direction, undefined);
    assert.is(first!.originalLength, 4);
    equalBytes(first!.data, A);
    assert.is(second!.timeNs, 4_294_967_295_000_001_000n);
    assert.is(second!.fileOffset, 44);
    assert.is(second!.originalLength, 1500);
    equalBytes(second!.data, B);
  });

  reading(`reads ${order} nanoseconds without losing a digit`, async () => {
    const bytes = pcapFile([[1_700_000_000, 123_456_789, A]], { littleEndian, magic: 0xa1b23c4d });
    const { packets } = await readCapture(files.write('ns.pcap', bytes));
    assert.is(packets[0]!.timeNs, 1_700_000_000_123_456_789n);
    equalBytes(packets[0]!.data, A);
  });
}

reading('data is a Uint8Array and no Buffer', async () => {
  const { packets } = await readCapture(files.write('plain.pcap', pcapFile([[0, 0, A]])));
  assert.is(Object.getPrototypeOf(packets[0]!.data), Uint8Array.prototype);
});

reading('takes the link type from the lower 16 bits only', async () => {
  const { packets } = await readCapture(files.write('fcs.pcap', pcapFile([[0, 0, A]], { network: 0x2400_0001 })));
  assert.is(packets[0]!.linkType, 1);
});

reading('a file of its header only has no packets and is no error', async () => {
  const { packets, interfaces } = await readCapture(files.write('header.pcap', pcapFile([])));
  assert.is(packets.length, 0);
  assert.is(interfaces.length, 1);
});

reading('keeps packets of no bytes', async () => {
  const { packets } = await readCapture(
    files.write(
      'none.pcap',
      pcapFile([
        [1, 2, new Uint8Array(0), 60],
        [3, 4, A],
      ]),
    ),
  );
  assert.equal(
    packets.map((packet) => [packet.data.length, packet.originalLength]),
    [
      [0, 60],
      [4, 4],
    ],
  );
});

reading('packets that lie across the chunks of reading are whole, and stay valid', async () => {
  const random = testRandom(1);
  const datas = Array.from({ length: 600 }, () => random.bytes(1 + random.below(3000)));
  datas.splice(100, 0, random.bytes(captureLimits.packetBytes));
  const bytes = pcapFile(
    datas.map((data, at) => [at, at, data] as const),
    { snapLength: 0 },
  );
  assert.ok(bytes.length > 4 * captureLimits.chunkBytes);
  const { packets } = await readCapture(files.write('chunks.pcap', bytes));
  assert.is(packets.length, datas.length);
  packets.forEach((packet, at) => {
    equalBytes(packet.data, datas[at]!, `packet ${at}`);
    assert.is(packet.timeNs, BigInt(at) * 1_000_001_000n);
  });
});

testWith(reading, needCommands('mkfifo', 'sh'), 'reads from a pipe', async () => {
  const fifo = files.path('fifo');
  run('mkfifo', fifo);
  const file = files.write(
    'piped.pcap',
    pcapFile([
      [1, 2, A],
      [3, 4, B],
    ]),
  );
  const child = spawn('sh', [
    '-c',
    `head -c 50 ${file} > ${fifo}.a; (cat ${fifo}.a; sleep 0.05; tail -c +51 ${file}) > ${fifo}`,
  ]);
  const { packets } = await readCapture(fifo);
  assert.is(packets.length, 2);
  if (child.exitCode === null) await once(child, 'exit');
});

reading('ending the iteration early is allowed', async () => {
  const file = files.write(
    'early.pcap',
    pcapFile([
      [1, 2, A],
      [3, 4, B],
    ]),
  );
  let seen = 0;
  for await (const item of openCapture(file)) {
    if (item.kind !== 'packet') continue;
    seen++;
    break;
  }
  assert.is(seen, 1);
});

const errors = suite('pcap errors');

errors('cut at every byte: the whole packets come, then the error', async () => {
  const bytes = pcapFile([
    [1, 2, A],
    [3, 4, B],
    [5, 6, A],
  ]);
  const ends = [24, 44, 65, 85];
  for (let length = 0; length < bytes.length; length++) {
    const { packets, error } = await readAll(files.write('cut.pcap', bytes.subarray(0, length)));
    const whole = ends.filter((end) => end <= length).length - 1;
    assert.is(packets.length, Math.max(0, whole), `cut at ${length}`);
    if (ends.includes(length)) assert.is(error, undefined, `cut at ${length}`);
    else if (length < 4) assert.is(error?.kind, 'not-a-capture', `cut at ${length}`);
    else {
      assert.is(error?.kind, 'truncated', `cut at ${length}`);
      assert.is(error?.offset, whole < 0 ? 0 : ends[whole], `cut at ${length}`);
    }
  }
});

errors('the message names file, offset, what is wrong and what to do', async () => {
  const file = files.write(
    'told.pcap',
    pcapFile([
      [1, 2, A],
      [3, 4, B],
    ]).subarray(0, 60),
  );
  const { error } = await readAll(file);
  assert.is(
    error?.message,
    `${file}: offset 44: the last packet is cut off (wants 21 bytes, 16 left); everything before it was read (1 packet). ` +
      'Record again, or keep the whole packets with `editcap FILE NEWFILE`',
  );
});

reading(
  'whole packets beyond the snap length are read: there are writers that do not heed the one they name',
  async () => {
    const records = [A, B, A, B, B].map((data, at) => [at, 0, data] as const);
    const { packets } = await readCapture(files.write('unheeded.pcap', pcapFile(records, { snapLength: 4 })));
    assert.equal(
      packets.map(({ data, originalLength }) => [data.length, originalLength]),
      records.map(([, , { length }]) => [length, length]),
    );
  },
);

errors('a captured length beyond the snap length is corrupt where the packet is not whole', async () => {
  const { packets, error } = await readAll(
    files.write(
      'snap.pcap',
      pcapFile(
        [
          [1, 2, A],
          [3, 4, B, 9],
        ],
        { snapLength: 4 },
      ),
    ),
  );
  assert.is(packets.length, 1);
  assert.is(error?.kind, 'corrupt');
  assert.is(error?.offset, 44);
  assert.match(error!.message, 'packet 2 says 5 captured bytes');
});

errors('a captured length beyond the limit is corrupt, whatever the snap length says', async () => {
  for (const snapLength of [0, 0xffff_ffff]) {
    const bytes = pcapFile(
      [
        [1, 2, A],
        [3, 4, new Uint8Array(captureLimits.packetBytes + 1)],
      ],
      { snapLength },
    );
    const { packets, error } = await readAll(files.write('long.pcap', bytes));
    assert.is(packets.length, 1);
    assert.is(error?.kind, 'corrupt');
    assert.match(error!.message, String(captureLimits.packetBytes));
  }
});

errors('a captured length far beyond the file ends quickly', async () => {
  const bytes = pcapFile([[1, 2, new Uint8Array(60_000)]], { snapLength: 262_144 });
  new DataView(bytes.buffer).setUint32(24 + 8, 262_144, true);
  const { packets, error } = await readAll(files.write('far.pcap', bytes));
  assert.is(packets.length, 0);
  assert.is(error?.kind, 'truncated');
});

errors('other versions are named', async () => {
  const { error } = await readAll(files.write('old.pcap', pcapFile([[1, 2, A]], { version: [2, 3] })));
  assert.is(error?.kind, 'unsupported');
  assert.match(error!.message, '2.3');
});

errors('other files are told apart', async () => {
  const cases: [Uint8Array, string, RegExp][] = [
    [new Uint8Array(0), 'not-a-capture', /the file is empty/],
    [hex('d4c3'), 'not-a-capture', /only 2 bytes/],
    [hex('28b5 2ffd 00'), 'unsupported', /unzstd/],
    [hex('fd37 7a58 5a00'), 'unsupported', /unxz/],
    [hex('425a 6839 31'), 'unsupported', /bunzip2/],
    [hex('0422 4d18'), 'unsupported', /unlz4/],
    [hex('34cd b2a1 0000'), 'unsupported', /modified pcap.*editcap/],
    [hex('736e 6f6f 7000'), 'unsupported', /snoop.*editcap/],
    [hex('7f45 4c46 0201'), 'not-a-capture', /neither pcap nor pcapng \(it begins with 7f454c46\)/],
  ];
  for (const [bytes, kind, pattern] of cases) {
    const { items, error } = await readAll(files.write('other.bin', bytes));
    assert.is(items.length, 0);
    assert.is(error?.kind, kind, String(pattern));
    assert.match(error!.message, pattern);
  }
});

errors('what the file system refuses is a CaptureError', async () => {
  mkdirSync(files.path('directory'));
  assert.match((await readAll(files.path('absent'))).error!.message, /absent: there is no such file/);
  assert.match((await readAll(files.path('directory'))).error!.message, /this is a directory/);
  const file = files.write('closed.pcap', pcapFile([]));
  assert.match((await readAll(`${file}/x`)).error!.message, /a part of the path is no directory/);
  chmodSync(file, 0);
  // The superuser reads everything, so only others get here.
  if (process.getuid?.() !== 0) assert.match((await readAll(file)).error!.message, /no permission/);
});

errors('readCapture rejects a cut-off file, and one that is too large to hold', async () => {
  const bytes = pcapFile([
    [1, 2, A],
    [3, 4, B],
  ]);
  const rejected = async (file: string, maxBytes?: number): Promise<CaptureError> => {
    try {
      await readCapture(file, maxBytes);
    } catch (error) {
      return error as CaptureError;
    }
    return assert.unreachable('it was read') as never;
  };
  assert.is((await rejected(files.write('reject.pcap', bytes.subarray(0, 50)))).kind, 'truncated');
  const tooLarge = await rejected(files.write('reject.pcap', bytes), 300);
  assert.is(tooLarge.kind, 'too-large');
  assert.is(tooLarge.offset, 44);
  assert.is((await readCapture(files.path('reject.pcap'), 500)).packets.length, 2);
});

errors('1000 mutated files: packets, then at most one CaptureError', async () => {
  const random = testRandom(7);
  const datas = Array.from({ length: 12 }, (_, at) => [at, at, random.bytes(random.below(200))] as const);
  const original = pcapFile(datas, { magic: 0xa1b23c4d });
  let ended = 0;
  for (let round = 0; round < 1000; round++) {
    const bytes = original.slice(0, random.below(4) === 0 ? random.below(original.length) : original.length);
    for (let changes = 1 + random.below(4); changes > 0 && bytes.length > 0; changes--) {
      bytes[random.below(bytes.length)] = random.u32();
    }
    const { packets, error } = await readAll(files.write('mutated.pcap', bytes));
    if (error !== undefined) ended++;
    for (const [at, packet] of packets.entries()) assert.is(packet.index, at + 1);
    const held = packets.reduce((sum, packet) => sum + 16 + packet.data.length, 24);
    assert.ok(packets.length === 0 || held <= bytes.length, 'more was read than the file has');
    if (error === undefined) assert.is(held, bytes.length, 'something was lost without an error');
  }
  assert.ok(ended > 200, `${ended} of the mutated files ended in an error`);
});

const tools = suite('pcap of other tools');

testWith(
  tools,
  needCommands('text2pcap', 'editcap'),
  'reads what text2pcap and editcap write, in both resolutions',
  async () => {
    const text = files.write(
      'packet.txt',
      new TextEncoder().encode('0000 45 00 00 14 00 00 00 00 40 fd 00 00 0a 00 00 01 0a 00 00 02\n'),
    );
    run('text2pcap', '-q', '-l', '101', text, files.path('text.pcapng'));
    for (const format of ['pcap', 'nsecpcap']) {
      run('editcap', '-F', format, files.path('text.pcapng'), files.path('edited.pcap'));
      const { packets } = await readCapture(files.path('edited.pcap'));
      assert.is(packets.length, 1);
      assert.is(packets[0]!.linkType, 101);
      equalBytes(packets[0]!.data, hex('45000014 00000000 40fd0000 0a000001 0a000002'));
    }
  },
);

testWith(tools, needCommands('editcap', 'sh'), 'the advised editcap repairs a cut-off file', async () => {
  const file = files.write(
    'repair.pcap',
    pcapFile([
      [1, 2, A],
      [3, 4, B],
    ]).subarray(0, 60),
  );
  // editcap reports the cut by its status; what counts is the file it leaves.
  run('sh', '-c', `editcap ${file} ${files.path('repaired')} 2>/dev/null || true`);
  assert.is((await readCapture(files.path('repaired'))).packets.length, 1);
});

reading.run();
errors.run();
tools.run();
