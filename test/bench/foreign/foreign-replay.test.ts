// Captures that others could have taken of our recorded runs: by tcpdump's clock, merged by offload, with other link layers, with
// packets missing. All replay, or say what is different or missing.

import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findIdentity } from '../../../src/bench/foreign/identity.js';
import { type ForeignResult, foreignLines, replayForeign } from '../../../src/bench/foreign-replay.js';
import { inputEvent } from '../../../src/bench/recorders.js';
import { loadRecording } from '../../../src/bench/recording.js';
import { PacketSynthesis, type SocketEvent } from '../../../src/bench/synthesis.js';
import type { StreamInput } from '../../../src/core/streams.js';
import { assembleStack, type RunConfig } from '../../../src/io/assemble.js';
import { CaptureError } from '../../../src/io/capture.js';
import { FileError } from '../../../src/io/errors.js';
import { concat } from '../../support/bytes.js';
import { pcapFile, scratch } from '../../support/captures.js';
import { projectRoot, wirebench } from '../../support/live.js';
import { loadRuns, makeCore } from '../../support/recorded.js';

const test = suite('replay of captures by others');
const folder = join(projectRoot, 'fixtures/captures');
const files = scratch();

async function replay(file: string, config: string): Promise<ForeignResult> {
  return replayForeign(file, (await findIdentity(file, { configFile: config }))!);
}

interface Captured {
  readonly dir: 'in' | 'out';
  readonly unixUs: number;
  readonly data: Uint8Array;
}

/** A recorded run as a capturer beside it would have had it. */
async function captured(recording: string): Promise<Captured[]> {
  const { manifest, timeline } = await loadRecording(recording);
  const packets = timeline.flatMap((item) => (item.kind === 'packet' ? [item] : []));
  return packets.map(({ dir, atUs, data }) => ({ dir, unixUs: manifest.startUnixUs + atUs, data: data.slice() }));
}

function written(
  name: string,
  packets: readonly Captured[],
  network = 101,
  head: Uint8Array = new Uint8Array(0),
): string {
  const records = packets.map(
    ({ unixUs, data }) => [Math.floor(unixUs / 1e6), unixUs % 1e6, concat(head, data)] as [number, number, Uint8Array],
  );
  return files.write(name, pcapFile(records, { network, snapLength: 262_144 }));
}

test('what tcpdump took beside a recording replays with its manifest, to the packet', async () => {
  for (const [name, packets] of [
    ['h2', 7],
    ['h1-plain', 4],
  ] as const) {
    const result = await replay(join(folder, `${name}.tcpdump.pcap`), join(folder, `${name}.pcapng`));
    assert.ok(result.identical, foreignLines(name, result).join('\n'));
    assert.is(result.comparison.exact, packets);
    assert.is(result.comparison.outbound, packets);
  }
});

test('what lies beside the capture is found: a manifest, or the recording', async () => {
  const capture = files.path('one.tcpdump.pcap');
  copyFileSync(join(folder, 'h2.tcpdump.pcap'), capture);
  assert.is(await findIdentity(capture, {}), undefined);
  copyFileSync(join(folder, 'h2.pcapng'), files.path('one.pcapng'));
  assert.is((await findIdentity(capture, {}))?.source, files.path('one.pcapng'));
  const { manifest } = await loadRecording(files.path('one.pcapng'));
  writeFileSync(files.path('one.manifest.json'), JSON.stringify(manifest));
  const identity = await findIdentity(capture, {});
  assert.is(identity?.source, files.path('one.manifest.json'));
  assert.ok((await replayForeign(capture, identity!)).identical);
});

test('every recording replays without its directions, events and exact times', async () => {
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.pcapng'))) {
    const recording = join(folder, name);
    let late = 0;
    // A capturer stamps before the server reads: by 0 to 900 µs here.
    const packets = (await captured(recording)).map((packet) => {
      late = (late * 7 + 311) % 900;
      return { ...packet, unixUs: packet.unixUs - late };
    });
    packets.forEach((packet, at) => {
      if (at > 0 && packet.unixUs < packets[at - 1]!.unixUs)
        packets[at] = { ...packet, unixUs: packets[at - 1]!.unixUs };
    });
    const result = await replay(written(name, packets), recording);
    assert.ok(result.identical, foreignLines(name, result).join('\n'));
    assert.ok(result.comparison.streams > 0, name);
  }
});

/** tcp mode: what a capturer sees of a server that read the segments `joins` together with those before them. */
async function readTogether(joins: ReadonlySet<number>): Promise<Captured[]> {
  const run = (await loadRuns()).find(({ name }) => name === 'tcp-mode-h2')!;
  const core = makeCore(run.identity);
  const wire = new PacketSynthesis();
  const packets: Captured[] = [];
  const see = (atUs: number, event: SocketEvent): void => {
    const unixUs = run.identity.startUnixUs + atUs;
    for (const { dir, data } of wire.packets(event)) packets.push({ dir, unixUs, data: data.slice() });
  };
  let segments = 0;
  let held: Uint8Array = new Uint8Array(0);
  const give = (atUs: number, input: StreamInput): void => {
    core.give({ kind: 'stream', atUs, input });
    for (const { what, bytes } of core.drain()) {
      if (!what.startsWith('data')) continue;
      see(atUs, { kind: 'data', flow: 0, dir: 'out', bytes });
      core.give({ kind: 'stream', atUs, input: { kind: 'acknowledged', stream: 0, count: bytes.length } });
      core.drain();
    }
  };
  for (const timed of run.inputs) {
    if (timed.kind !== 'stream' || timed.input.kind === 'acknowledged') continue;
    const { atUs, input } = timed;
    if (input.kind !== 'data') {
      if (input.kind === 'open') see(atUs, inputEvent(input));
      if (input.kind === 'open') give(atUs, input);
      continue;
    }
    see(atUs, inputEvent(input));
    held = concat(held, input.bytes);
    if (joins.has(++segments)) continue;
    give(atUs, { ...input, bytes: held });
    held = new Uint8Array(0);
  }
  assert.ok(segments > 4);
  return packets;
}

test('tcp mode: which segments the server read at once is found out, whatever their times say', async () => {
  const recording = join(folder, 'tcp-mode-h2.pcapng');
  const bytesOf = (packets: readonly Captured[]): string =>
    Buffer.concat(packets.flatMap(({ dir, data }) => (dir === 'out' ? [data] : []))).toString('hex');
  const apart = bytesOf(await readTogether(new Set()));
  let different = 0;
  for (const joins of [[], [1], [2], [3], [4], [2, 4], [1, 2, 3], [3, 4]]) {
    const packets = await readTogether(new Set(joins));
    if (bytesOf(packets) !== apart) different++;
    const result = await replay(written(`together-${joins.join('-')}`, packets), recording);
    assert.ok(result.identical, `${joins}: ${foreignLines('', result).join('\n')}`);
  }
  assert.ok(different >= 4, `${different} of them are others`);
});

test('the start time is recovered when only config and seed are known', async () => {
  for (const name of ['h2', 'tls12-ticket', 'tls13-resumed', 'tls13-h2']) {
    const recording = join(folder, `${name}.pcapng`);
    const { manifest } = await loadRecording(recording);
    const { config, seed } = manifest;
    const manifestFile = files.write('no-start.json', Buffer.from(JSON.stringify({ config, seed })));
    const result = await replay(written('no-start.pcap', await captured(recording)), manifestFile);
    assert.ok(result.identical, foreignLines(name, result).join('\n'));
    if (result.mode === 'tun') assert.ok(Math.abs(result.startUnixUs - manifest.startUnixUs) < 10_000, name);
  }
});

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const u32 = (bytes: Uint8Array, at: number): number => (u16(bytes, at) * 0x1_0000 + u16(bytes, at + 2)) >>> 0;
const headerBytes = (bytes: Uint8Array): number => 20 + (bytes[32]! >>> 4) * 4;

/** Outbound segments that follow each other become one packet of up to 64 kB, as the kernel shows them to a capturer. */
function merged(packets: readonly Captured[]): Captured[] {
  const out: Captured[] = [];
  for (const packet of packets) {
    const before = out.at(-1);
    const { data } = packet;
    const follows =
      before?.dir === 'out' &&
      packet.dir === 'out' &&
      data.length > headerBytes(data) &&
      u32(data, 24) === (u32(before.data, 24) + before.data.length - headerBytes(before.data)) >>> 0 &&
      before.data.length + data.length < 65_000;
    if (!follows) {
      out.push({ ...packet });
      continue;
    }
    const all = concat(before.data, data.subarray(headerBytes(data)));
    all[2] = all.length >>> 8;
    all[3] = all.length & 0xff;
    out[out.length - 1] = { ...before, data: all };
  }
  // The checksum is the card's to fill in: the field holds something else, or nothing.
  return out.map((packet) => {
    packet.data[36] = 0;
    packet.data[37] = 0;
    return packet;
  });
}

test('merged by offload, checksums left to the card', async () => {
  for (const name of ['h2-download-1m', 'h2-post-300k']) {
    const recording = join(folder, `${name}.pcapng`);
    const whole = await captured(recording);
    const packets = merged(whole);
    assert.ok(packets.length < whole.length);
    const result = await replay(written('merged.pcap', packets), recording);
    assert.ok(result.identical, foreignLines(name, result).join('\n'));
    assert.is(result.repaired, packets.length);
    assert.ok(result.comparison.merged > 0, foreignLines(name, result).join('\n'));
  }
});

test('other link layers, and gzip', async () => {
  const recording = join(folder, 'h2.pcapng');
  const packets = await captured(recording);
  const ethernet = Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 5, 8, 0);
  const cooked = Uint8Array.of(0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0);
  for (const [network, head] of [
    [1, ethernet],
    [113, cooked],
    [0, Uint8Array.of(2, 0, 0, 0)],
  ] as const) {
    const file = written(`link-${network}.pcap`, packets, network, head);
    const result = await replay(file, recording);
    assert.ok(result.identical, foreignLines(file, result).join('\n'));
    assert.is(result.comparison.exact, 7);
    const zipped = files.write(`link-${network}.pcap.gz`, gzipSync(readFileSync(file)));
    assert.ok((await replay(zipped, recording)).identical);
  }
});

test('with any one packet missing it replays, or says that the beginning is', async () => {
  const recording = join(folder, 'h2.pcapng');
  const packets = await captured(recording);
  for (const [at, { dir }] of packets.entries()) {
    const file = written(
      'missing.pcap',
      packets.filter((_, index) => index !== at),
    );
    if (at === 0) {
      const refusal = await replay(file, recording).catch((error: unknown) => error);
      assert.instance(refusal, CaptureError);
      assert.match((refusal as CaptureError).message, /connections began before the capture/);
      continue;
    }
    const result = await replay(file, recording);
    assert.ok(result.identical, `without ${at + 1}: ${foreignLines(file, result).join('\n')}`);
    if (dir === 'in' && packets[at]!.data.length > 60) {
      assert.match(result.comparison.notes.join('\n'), /the capture lacks bytes of the client/);
    }
  }
});

test('a capture that ends early is compared up to there', async () => {
  const recording = join(folder, 'h2-download-1m.pcapng');
  const packets = (await captured(recording)).slice(0, 300);
  const result = await replay(written('early.pcap', packets), recording);
  assert.ok(result.identical, foreignLines('early', result).join('\n'));
  assert.ok(result.comparison.bytes > 100_000);
});

test('acknowledgments that are missing are made up, and that is said', async () => {
  const recording = join(folder, 'h2-download-1m.pcapng');
  const packets = (await captured(recording)).filter(
    ({ dir, data }, at) => dir === 'out' || data.length > 60 || at % 5 === 0,
  );
  const result = await replay(written('acks.pcap', packets), recording);
  assert.match(result.comparison.notes.join('\n'), /were made up/);
});

test('a connection from before the capture is left out, those after it are compared', async () => {
  const recording = join(folder, 'tls12-ticket.pcapng');
  const packets = (await captured(recording)).slice(1);
  const result = await replay(written('late.pcap', packets), recording);
  assert.is(result.comparison.streams, 1);
  assert.ok(result.comparison.notes.includes('1 connection began before the capture'), result.comparison.notes.join());
});

test('that the server was told to end is seen by what came of it', async () => {
  // The answer waits for 150 ms; the server is ended after 50.
  const recording = join(folder, 'h2-delay.pcapng');
  const { manifest, timeline } = await loadRecording(recording);
  const inputs = timeline.flatMap((item) => (item.kind === 'packet' && item.dir === 'in' ? [item] : [])).slice(0, 7);
  const seed = Uint8Array.from(Buffer.from(manifest.seed, 'hex'));
  const stack = assembleStack({ config: manifest.config as RunConfig, seed, startUnixUs: manifest.startUnixUs });
  const packets: Captured[] = [];
  const drain = (): void => {
    for (let out = stack.poll(); out !== undefined; out = stack.poll()) {
      packets.push({ dir: 'out', unixUs: manifest.startUnixUs + out.atUs, data: out.frame.slice() });
    }
  };
  for (const { atUs, data } of inputs) {
    packets.push({ dir: 'in', unixUs: manifest.startUnixUs + atUs, data });
    stack.receive(atUs, data);
    drain();
  }
  const before = packets.length;
  stack.close(inputs.at(-1)!.atUs + 50_000);
  drain();
  assert.ok(packets.length > before);
  const result = await replay(written('ended.pcap', packets), recording);
  assert.ok(result.identical, foreignLines('ended', result).join('\n'));
  assert.ok(
    result.comparison.notes.includes(`when the server was told to end: taken to be before packet ${before + 1}`),
  );
});

test('damaged captures are read as far as they go, or refused with a typed error', async () => {
  const recording = join(folder, 'h2.pcapng');
  const identity = (await findIdentity('x.pcap', { configFile: recording }))!;
  const whole = readFileSync(join(folder, 'h2.tcpdump.pcap'));
  let seed = 1;
  const draw = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  let replayed = 0;
  for (let round = 0; round < 150; round++) {
    const bytes = Uint8Array.from(whole);
    for (let change = draw(6); change >= 0; change--) bytes[24 + draw(bytes.length - 24)] = draw(256);
    const file = files.write('damaged.pcap', round % 3 === 0 ? bytes.subarray(0, draw(bytes.length)) : bytes);
    try {
      foreignLines(file, await replayForeign(file, identity));
      replayed++;
    } catch (error) {
      assert.instance(error, CaptureError, String((error as Error).stack));
    }
  }
  assert.ok(replayed > 30, `${replayed}`);
});

test('another seed is told by the sequence numbers', async () => {
  const result = await replay(join(folder, 'h1-plain.tcpdump.pcap'), join(folder, 'h2.pcapng'));
  assert.not.ok(result.identical);
  assert.match(foreignLines('f', result)[0]!, 'no sequence number of the capture is one of this seed');
});

test('another config is named by layer, field and section', async () => {
  const { manifest } = await loadRecording(join(folder, 'h2.pcapng'));
  const capture = join(folder, 'h2.tcpdump.pcap');
  type Config = { mtu: number; tls: { alpnProtocols: string[] } };
  const changed = async (change: (config: Config) => void): Promise<string[]> => {
    const copy = structuredClone(manifest) as typeof manifest & { config: Config };
    change(copy.config);
    const result = await replay(capture, files.write('changed.json', Buffer.from(JSON.stringify(copy))));
    assert.not.ok(result.identical);
    return foreignLines(capture, result);
  };
  const alpn = await changed((config) => {
    config.tls.alpnProtocols = ['http/1.1'];
  });
  assert.is(
    alpn[0],
    'packet 5 TLS tls.handshake.extensions_alpn_str in ServerHello: recorded "h2", now "http/1.1" (RFC 7301 §3.1)',
  );
  const mtu = await changed((config) => {
    config.mtu = 1400;
  });
  assert.match(mtu[0]!, /packet 2 .* TCP SYN-ACK: recorded mss 1460, now mss 1360 \(RFC 9293/);
});

test('a byte that was changed is found', async () => {
  const recording = join(folder, 'h1-plain.pcapng');
  const packets = await captured(recording);
  const answer = packets.find(({ dir, data }) => dir === 'out' && data.length > 500)!;
  answer.data[answer.data.length - 5]! ^= 1;
  // The capturer does not mind, and neither do we: its checksum is as wrong as it was left to a card.
  const result = await replay(written('changed.pcap', packets), recording);
  assert.not.ok(result.identical);
  assert.match(foreignLines('f', result).join('\n'), /byte \d+ of what the server sent: recorded 0x/);
});

test('what is missing or wrong is said with what to do', async () => {
  const bad = (text: string): string => files.write('bad.json', Buffer.from(text));
  const refused = async (configFile: string): Promise<string> => {
    try {
      await findIdentity('x.pcap', { configFile });
    } catch (error) {
      assert.instance(error, FileError);
      return (error as FileError).message;
    }
    return 'nothing';
  };
  const { manifest } = await loadRecording(join(folder, 'h2.pcapng'));
  const config = manifest.config as Record<string, unknown>;
  assert.match(await refused(files.path('none.json')), /cannot be read \(ENOENT\)/);
  assert.match(await refused(bad('{')), /neither JSON/);
  assert.match(await refused(bad('{"config":{}}')), /says no seed|no mode/);
  assert.match(await refused(bad(JSON.stringify({ ...manifest, seed: 'x' }))), /64 hex digits/);
  assert.match(await refused(bad(JSON.stringify({ ...manifest, startUnixUs: -1 }))), /no time/);
  assert.match(await refused(bad(JSON.stringify(config))), /says no seed/);
  assert.match(
    await refused(bad(JSON.stringify({ ...manifest, config: { ...config, tlsPorts: 'x' } }))),
    /lacks ports/,
  );
  assert.match(await refused(bad(JSON.stringify({ ...manifest, config: { ...config, key: 1 } }))), /lacks certificate/);
  assert.match(
    await refused(bad(JSON.stringify({ ...manifest, config: { ...config, outside: true } }))),
    /from outside/,
  );
  const elsewhere = bad(JSON.stringify({ ...manifest, config: { ...config, address: '192.0.2.1' } }));
  try {
    await replay(join(folder, 'h2.tcpdump.pcap'), elsewhere);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, CaptureError);
    assert.match((error as CaptureError).message, /nothing to or from 192\.0\.2\.1/);
  }
});

test('a manifest that no server can be made of cannot be read', async () => {
  const capture = files.path('broken.tcpdump.pcap');
  copyFileSync(join(folder, 'h2.tcpdump.pcap'), capture);
  const { manifest } = await loadRecording(join(folder, 'h2.pcapng'));
  for (const [broken, why] of [
    [{ certificate: 'x', key: 'y' }, /broken\.manifest\.json: no server can be made of its config: /],
    [{ address: 'nowhere' }, /no server can be made of its config: /],
    [{ mode: 'tcp', key: 'y' }, /no server can be made of its config: /],
  ] as const) {
    const config = { ...(manifest.config as RunConfig), ...broken };
    writeFileSync(files.path('broken.manifest.json'), JSON.stringify({ ...manifest, config }));
    const { code, stderr } = await wirebench(['replay', capture]);
    assert.is(code, 3, stderr);
    assert.match(stderr, why);
  }
});

test.run();
