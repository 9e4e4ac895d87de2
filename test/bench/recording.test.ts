import * as fs from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ENTERPRISE,
  loadRecording,
  RecordingError,
  type RecordingItem,
  type RecordingManifest,
  RecordingWriter,
  readRecording,
  recordingLimits,
} from '../../src/bench/recording.js';
import { CaptureError, LINKTYPE, readCapture } from '../../src/io/capture.js';
import { ascii, concat, equalBytes, hex, testRandom } from '../support/bytes.js';
import { pcapFile, pcapngBlocks, run, scratch } from '../support/captures.js';

const files = scratch();
const SEED = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';
const START = 1_700_000_000_123_456;
const MANIFEST: RecordingManifest = {
  format: 1,
  wirebench: '0.1.0',
  node: '20.20.2',
  seed: SEED,
  config: { port: 443, name: 'Grüße', list: [1, 2, 3] },
  startUnixUs: START,
};
const A = hex('4500 0014 0000 0000 40fd 0000 0a00 0001 0a00 0002');
const B = hex('4500 0015 0000 0000 40fd 0000 0a00 0002 0a00 0001 77');

/** The items, and the error where reading ended with one. */
async function read(file: string): Promise<{ items: RecordingItem[]; error: CaptureError | undefined }> {
  const items: RecordingItem[] = [];
  try {
    for await (const item of readRecording(file)) items.push(item);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return { items, error };
  }
  return { items, error: undefined };
}

/** Kind and time of each item, secrets by their first letters: `packet in 5`. */
function told(items: readonly RecordingItem[]): string[] {
  return items.map((item) => {
    switch (item.kind) {
      case 'packet':
        return `packet ${item.dir} ${item.atUs}`;
      case 'event':
        return `event ${item.event} ${item.atUs}`;
      case 'secrets':
        return `secrets ${item.text.trimEnd()}`;
      default:
        return item.kind;
    }
  });
}

function record(name: string, fill: (writer: RecordingWriter) => void): string {
  const file = files.path(name);
  const writer = new RecordingWriter(file, MANIFEST);
  fill(writer);
  writer.close();
  return file;
}

const formats = suite('recording');

formats('what was written is read: manifest first, then everything in order', async () => {
  const file = record('all.pcapng', (writer) => {
    writer.packet(0, 'in', A);
    writer.packet(3211, 'out', B);
    writer.event({ event: 'close', atUs: 5000, detail: { why: ['SIGINT'] } });
    writer.packet(4000, 'out', A);
    writer.event({ event: 'end', atUs: 9000 });
  });
  const { items, error } = await read(file);
  assert.is(error, undefined);
  assert.equal((items[0] as { manifest: unknown }).manifest, MANIFEST);
  assert.equal(told(items), [
    'manifest',
    'packet in 0',
    'packet out 3211',
    'event close 5000',
    'packet out 4000',
    'event end 9000',
  ]);
  const packets = items.filter((item) => item.kind === 'packet');
  equalBytes(packets[1]!.data, B);
  assert.equal(
    packets.map((packet) => [packet.index, packet.frameNumber]),
    [
      [1, 2],
      [2, 3],
      [3, 5],
    ],
  );
  assert.equal((items[3] as { detail: unknown }).detail, { why: ['SIGINT'] });
});

formats('is a pcapng of raw IP, with the program that wrote it, directions and absolute microseconds', async () => {
  const file = record('plain.pcapng', (writer) => writer.packet(44, 'out', B));
  const { items, packets } = await readCapture(file);
  assert.equal(
    items.map((item) => item.kind),
    ['section', 'interface', 'custom', 'packet'],
  );
  assert.is((items[0] as { application: string }).application, 'wirebench 0.1.0');
  assert.is((items[2] as { enterprise: number }).enterprise, ENTERPRISE);
  assert.is(packets[0]!.linkType, LINKTYPE.RAW);
  assert.is(packets[0]!.direction, 'out');
  assert.is(packets[0]!.timeNs, BigInt(START + 44) * 1000n);
});

formats('loadRecording gives manifest, timeline and key log', async () => {
  const file = record('load.pcapng', (writer) => {
    writer.secret('CLIENT_RANDOM aa bb');
    writer.packet(1, 'in', A);
    writer.secret('CLIENT_RANDOM cc dd');
    writer.event({ event: 'end', atUs: 2 });
  });
  const recording = await loadRecording(file);
  assert.equal(recording.manifest, MANIFEST);
  assert.equal(told(recording.timeline), ['packet in 1', 'event end 2']);
  assert.is(recording.keyLog, 'CLIENT_RANDOM aa bb\nCLIENT_RANDOM cc dd\n');
});

formats('a run without packets is a recording', async () => {
  const { items, error } = await read(record('empty.pcapng', () => {}));
  assert.is(error, undefined);
  assert.equal(told(items), ['manifest']);
});

formats('times are exact over years and far into the epoch', async () => {
  const times = [0, 1, 999_999, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 10 ** 15];
  const file = record('times.pcapng', (writer) => {
    for (const atUs of times) writer.packet(atUs, 'in', A);
  });
  const { items } = await read(file);
  assert.equal(
    items.slice(1).map((item) => (item as { atUs: number }).atUs),
    times,
  );
});

formats('secrets go in front of the inbound packets of their instant', async () => {
  const file = record('secrets.pcapng', (writer) => {
    writer.packet(1, 'in', A);
    writer.packet(2, 'in', A);
    writer.packet(2, 'in', B);
    writer.secret('first');
    writer.secret('second');
    writer.packet(2, 'in', A);
    writer.packet(2, 'out', B);
    writer.secret('after output');
    writer.packet(3, 'in', A);
    writer.event({ event: 'close', atUs: 3 });
    writer.secret('after event');
  });
  assert.equal(told((await read(file)).items), [
    'manifest',
    'packet in 1',
    'secrets first',
    'secrets second',
    'packet in 2',
    'packet in 2',
    'packet in 2',
    'packet out 2',
    'secrets after output',
    'packet in 3',
    'event close 3',
    'secrets after event',
  ]);
});

formats('secrets find their packet across the chunks of writing, too', async () => {
  const packet = concat(A, new Uint8Array(1400));
  const file = record('spill.pcapng', (writer) => {
    for (let atUs = 0; atUs < 500; atUs++) {
      writer.packet(atUs, 'in', packet);
      writer.secret(`line ${atUs}`);
    }
  });
  assert.ok(fs.statSync(file).size > 4 * recordingLimits.chunkBytes);
  const expected = Array.from({ length: 500 }, (_, at) => [`secrets line ${at}`, `packet in ${at}`]).flat();
  assert.equal(told((await read(file)).items), ['manifest', ...expected]);
});

formats('inbound packets of one instant are held back up to a bound', async () => {
  const packet = concat(A, new Uint8Array(60_000));
  const file = files.path('held.pcapng');
  const writer = new RecordingWriter(file, MANIFEST);
  const count = Math.ceil(recordingLimits.heldBytes / packet.length);
  const before = writer.writtenBytes;
  for (let at = 0; at < count; at++) writer.packet(7, 'in', packet);
  assert.is(writer.writtenBytes, before);
  writer.packet(7, 'in', packet);
  assert.ok(writer.writtenBytes - before >= recordingLimits.heldBytes);
  writer.secret('late');
  writer.close();
  const { items } = await read(file);
  assert.is(items.length, count + 3);
  assert.is(items.at(-1)!.kind, 'packet');
  assert.is(items.at(-2)!.kind, 'secrets');
});

formats('after each flush the file is whole, and it is not written for each packet', async () => {
  const file = files.path('flush.pcapng');
  const writer = new RecordingWriter(file, MANIFEST);
  assert.equal(told((await read(file)).items), ['manifest']);
  const size = fs.statSync(file).size;
  const random = testRandom(1);
  for (let at = 1; at <= 20; at++) {
    writer.packet(at, at % 2 ? 'in' : 'out', random.bytes(random.below(900)));
    if (at === 19) assert.is(fs.statSync(file).size, size);
  }
  writer.flush();
  const { items, error } = await read(file);
  assert.is(error, undefined);
  assert.is(items.length, 21);
  assert.is(fs.statSync(file).size, writer.writtenBytes);
  writer.close();
  writer.close();
});

formats('the same run gives the same file', () => {
  const fill = (writer: RecordingWriter): void => {
    writer.packet(1, 'in', A);
    writer.secret('x');
    writer.event({ event: 'end', atUs: 2 });
  };
  equalBytes(fs.readFileSync(record('same1.pcapng', fill)), fs.readFileSync(record('same2.pcapng', fill)));
});

formats('writes to a descriptor that stays open', async () => {
  const file = files.path('descriptor.pcapng');
  const fd = fs.openSync(file, 'w');
  const writer = new RecordingWriter(fd, MANIFEST);
  writer.packet(1, 'in', A);
  writer.close();
  // Still open: the descriptor can be used.
  fs.ftruncateSync(fd, fs.statSync(file).size);
  fs.closeSync(fd);
  assert.equal(told((await read(file)).items), ['manifest', 'packet in 1']);
});

const refusals = suite('recording errors');

refusals('an existing file is overwritten, a new one is for its owner only', async () => {
  const file = files.path('existing.pcapng');
  fs.writeFileSync(file, new Uint8Array(100_000), { mode: 0o644 });
  new RecordingWriter(file, MANIFEST).close();
  assert.equal(told((await read(file)).items), ['manifest']);
  assert.is(fs.statSync(record('owner.pcapng', () => {})).mode & 0o777, 0o600);
});

function refused(work: () => unknown): RecordingError {
  try {
    work();
  } catch (error) {
    assert.instance(error, RecordingError);
    return error as RecordingError;
  }
  return assert.unreachable('nothing was refused') as never;
}

refusals('a path that cannot be written is refused before the run', () => {
  fs.mkdirSync(files.path('directory'));
  const directory = refused(() => new RecordingWriter(files.path('directory'), MANIFEST));
  assert.is(directory.code, 'EISDIR');
  assert.is(
    directory.message,
    `${files.path('directory')}: the recording cannot be written: this is a directory (EISDIR). Name a file in it`,
  );
  assert.match(
    refused(() => new RecordingWriter(files.path('no/where'), MANIFEST)).message,
    /directory does not exist/,
  );
  fs.writeFileSync(files.path('file'), '');
  assert.is(refused(() => new RecordingWriter(files.path('file/x'), MANIFEST)).code, 'ENOTDIR');
});

refusals('a full disk is a typed error, again at every call after it', () => {
  if (!fs.existsSync('/dev/full')) return console.log('skipped, for lack of /dev/full');
  assert.is(refused(() => new RecordingWriter('/dev/full', MANIFEST)).code, 'ENOSPC');
});

refusals('when the disk fills up, the file ends with a whole block', async () => {
  // A limit on the size of files stands for the full disk: the kernel then writes a part and refuses the rest.
  const file = files.path('full.pcapng');
  const script = `
    process.on('SIGXFSZ', () => {});
    const { RecordingWriter } = await import(${JSON.stringify(new URL('../../src/bench/recording.js', import.meta.url).href)});
    const writer = new RecordingWriter(${JSON.stringify(file)}, ${JSON.stringify(MANIFEST)});
    const errors = [];
    for (let at = 0; at < 400; at++) {
      try { writer.packet(at, 'out', new Uint8Array(1000)); } catch (error) { errors.push(error); }
    }
    try { writer.flush(); } catch (error) { errors.push(error); }
    writer.close();
    console.log(errors.length > 1, new Set(errors).size, errors[0].name, errors[0].code, writer.writtenBytes);
  `;
  const out = run(
    'sh',
    '-c',
    'unset NODE_V8_COVERAGE; ulimit -f 150; exec "$0" --input-type=module -e "$1"',
    process.execPath,
    script,
  ).trim();
  const [repeated, distinct, name, code, written] = out.split(' ');
  assert.equal([repeated, distinct, name, code], ['true', '1', 'RecordingError', 'EFBIG']);
  const { items, error } = await read(file);
  assert.is(error, undefined, error?.message);
  assert.is(fs.statSync(file).size, Number(written));
  assert.ok(items.length > 50 && items.length < 160, `${items.length} items`);
});

refusals('a closed recording takes nothing more', () => {
  const writer = new RecordingWriter(files.path('closed.pcapng'), MANIFEST);
  writer.close();
  for (const work of [
    () => writer.packet(1, 'in', A),
    () => writer.secret('x'),
    () => writer.event({ event: 'end', atUs: 1 }),
    () => writer.flush(),
  ]) {
    assert.is(refused(work).code, 'closed');
  }
});

const b = pcapngBlocks(true);
const BEGIN = [b.section(), b.interface(LINKTYPE.RAW, 0)];

function ours(text: string, enterprise = ENTERPRISE): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return b.custom(0xbad, enterprise, concat(bytes, new Uint8Array((4 - (bytes.length % 4)) % 4).fill(0x20)));
}

const manifest = (changes: object = {}): Uint8Array =>
  ours(`wirebench manifest\n${JSON.stringify({ ...MANIFEST, ...changes })}`);
const at = (atUs: number): bigint => BigInt(START + atUs);
const FLAG = (bits: number): Uint8Array => b.option(2, b.u32(bits));

async function fails(blocks: Uint8Array[], kind: string, pattern: RegExp, items = 0): Promise<void> {
  const result = await read(files.write('fails.pcapng', concat(...blocks)));
  assert.is(result.error?.kind, kind, `${pattern}: ${result.error?.message}`);
  assert.match(result.error!.message, pattern);
  assert.is(result.items.length, items, String(pattern));
}

refusals('captures without a manifest are no recordings, and it says so', async () => {
  const pattern = /no wirebench recording.*wirebench serve --record/;
  await fails([pcapFile([[1, 2, A]])], 'not-a-recording', pattern);
  await fails([pcapFile([])], 'not-a-recording', pattern);
  await fails(BEGIN, 'not-a-recording', pattern);
  await fails([...BEGIN, b.enhanced(0, at(1), A, FLAG(1)), manifest()], 'not-a-recording', pattern);
  await fails([...BEGIN, b.secrets(0x544c534b, ascii('x\n')), manifest()], 'not-a-recording', pattern);
  await fails([...BEGIN, ours('wirebench event\n{"event":"end","atUs":1}')], 'not-a-recording', pattern);
  await fails([...BEGIN, ours(`wirebench manifest\n${JSON.stringify(MANIFEST)}`, 7)], 'not-a-recording', pattern);
  await fails([ascii('{"not": "a capture"}')], 'not-a-capture', /neither pcap nor pcapng/);
});

refusals('a newer format is named, with the version that wrote it', async () => {
  const newer = { format: 3, wirebench: '9.9.9', seed: 5, other: [] };
  await fails(
    [...BEGIN, ours(`wirebench manifest\n${JSON.stringify(newer)}`)],
    'newer-format',
    /format 3, written by wirebench 9\.9\.9; this one knows up to 2\. Use that version/,
  );
});

refusals('a manifest with a wrong field is corrupt', async () => {
  await fails([...BEGIN, ours('wirebench manifest\n{"format":1')], 'corrupt', /not a JSON object/);
  await fails([...BEGIN, ours('wirebench manifest\n[]')], 'corrupt', /not a JSON object/);
  for (const [changes, pattern] of [
    [{ format: '1' }, /no format number/],
    [{ format: 0 }, /no format number/],
    [{ wirebench: 1 }, /wirebench is not a text/],
    [{ node: 20 }, /node is not a text/],
    [{ seed: 'abc' }, /seed is not 64 hex digits/],
    [{ seed: SEED.toUpperCase() }, /seed is not 64 hex digits/],
    [{ startUnixUs: 1.5 }, /startUnixUs is not a time/],
    [{ startUnixUs: -1 }, /startUnixUs is not a time/],
    [{ config: undefined }, /config is missing/],
  ] as const) {
    await fails([...BEGIN, manifest(changes)], 'corrupt', pattern);
  }
  await fails([...BEGIN, manifest(), manifest()], 'corrupt', /a second manifest/, 1);
});

refusals('events with a wrong field are corrupt', async () => {
  await fails([...BEGIN, manifest(), ours('wirebench event\nnull')], 'corrupt', /event is not a JSON object/, 1);
  await fails([...BEGIN, manifest(), ours('wirebench event\n{"atUs":1}')], 'corrupt', /an event has no name/, 1);
  await fails(
    [...BEGIN, manifest(), ours('wirebench event\n{"event":"end","atUs":-1}')],
    'corrupt',
    /event end has no time/,
    1,
  );
});

refusals('packets that a replay could not use are corrupt', async () => {
  const begin = [...BEGIN, manifest()];
  await fails([...begin, b.enhanced(0, at(1), A)], 'corrupt', /packet 1 has no direction/, 1);
  await fails([...begin, b.enhanced(0, at(-1), A, FLAG(1))], 'corrupt', /time of packet 1 is not one of this run/, 1);
  await fails([...begin, b.simple(A.length, A)], 'corrupt', /packet 1 has no direction/, 1);
  await fails([...begin, b.enhanced(0, 2n ** 64n - 1n, A, FLAG(1))], 'corrupt', /out of range/, 1);
  const cut = b.enhanced(0, at(1), A, FLAG(1));
  new DataView(cut.buffer).setUint32(24, 1500, true);
  await fails([...begin, cut], 'corrupt', /packet 1 was cut from 1500 to 20 bytes/, 1);
  const ethernet = [b.section(), b.interface(1, 0), manifest()];
  await fails([...ethernet, b.enhanced(0, at(1), A, FLAG(1))], 'corrupt', /link type 1, not raw IP/, 1);
  const nanoseconds = [b.section(), b.interface(101, 0, b.option(9, hex('09'))), manifest()];
  await fails([...nanoseconds, b.enhanced(0, at(1) * 1000n + 1n, A, FLAG(1))], 'corrupt', /not one of this run/, 1);
  const two = [b.enhanced(0, at(5), A, FLAG(1)), b.enhanced(0, at(4), A, FLAG(1))];
  await fails([...begin, ...two], 'corrupt', /time runs backwards, from 5 to 4 µs.*\(1 packet\)/, 2);
});

refusals('what others put into the file is passed over', async () => {
  const file = files.write(
    'others.pcapng',
    concat(
      b.section(),
      ours('of an example', 32473),
      b.interface(101, 0),
      manifest(),
      ours('wirebench something newer\n'),
      b.custom(0x40000bad, 1, hex('00000000')),
      b.secrets(0x57474b4c, ascii('wireguard')),
      b.enhanced(0, at(1), A, FLAG(1)),
    ),
  );
  const { items, error } = await read(file);
  assert.is(error, undefined);
  assert.equal(told(items), ['manifest', 'packet in 1']);
  assert.is((items[1] as { frameNumber: number }).frameNumber, 5);
});

refusals('a recording cut at every byte gives its whole items, then the error', async () => {
  const bytes = fs.readFileSync(
    record('cut.pcapng', (writer) => {
      writer.packet(1, 'in', A);
      writer.secret('s');
      writer.packet(2, 'out', B);
      writer.event({ event: 'end', atUs: 3 });
    }),
  );
  const whole = (await read(files.path('cut.pcapng'))).items;
  const ends = [...whole.slice(1).map((item) => item.fileOffset), bytes.length];
  for (let length = 0; length < bytes.length; length++) {
    const { items, error } = await read(files.write('cut2.pcapng', bytes.subarray(0, length)));
    assert.is(items.length, ends.filter((end) => end <= length).length, `cut at ${length}`);
    if (!ends.includes(length)) assert.ok(error !== undefined, `cut at ${length}`);
  }
});

refusals('1000 mutated recordings: items, then at most one CaptureError', async () => {
  const original = fs.readFileSync(
    record('mutate.pcapng', (writer) => {
      for (let time = 0; time < 10; time++) writer.packet(time, time % 2 ? 'out' : 'in', time % 3 ? A : B);
      writer.secret('s');
      writer.event({ event: 'end', atUs: 30 });
    }),
  );
  const random = testRandom(13);
  for (let round = 0; round < 1000; round++) {
    const bytes = Uint8Array.from(original);
    for (let changes = 1 + random.below(3); changes > 0; changes--) bytes[random.below(bytes.length)] = random.u32();
    const { items } = await read(files.write('mutated.pcapng', bytes));
    if (items.length > 0) assert.is(items[0]!.kind, 'manifest');
  }
});

refusals('loadRecording is bounded', async () => {
  const file = record('bounded.pcapng', (writer) => {
    for (let time = 0; time < 10; time++) writer.packet(time, 'in', A);
  });
  try {
    await loadRecording(file, 1000);
    assert.unreachable('it was loaded');
  } catch (error) {
    assert.is((error as CaptureError).kind, 'too-large');
  }
  assert.is((await loadRecording(file, 2000)).timeline.length, 10);
});

refusals('a config that is no JSON throws before the file is touched', () => {
  const config: { self?: unknown } = {};
  config.self = config;
  assert.throws(() => new RecordingWriter(files.path('circular.pcapng'), { ...MANIFEST, config }), TypeError);
  assert.not.ok(fs.existsSync(files.path('circular.pcapng')));
});

formats.run();
refusals.run();
