// A replay that differs from its recording is described by packet, layer and field: recordings are changed in known ways,
// field by field, and the first line is read.

import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeMismatch } from '../../src/bench/compare.js';
import { inputEvent, outputEvent, StreamPackets } from '../../src/bench/recorders.js';
import type { ManifestItem, RecordedPacket, RecordingItem, RecordingManifest } from '../../src/bench/recording.js';
import { replayRecording } from '../../src/bench/replay.js';
import type { SocketEvent } from '../../src/bench/synthesis.js';
import type { StreamInput } from '../../src/core/streams.js';
import { assembleStreams, type RunConfig } from '../../src/io/assemble.js';
import { ascii, concat, hex, testRandom, text } from '../support/bytes.js';
import { scratch } from '../support/captures.js';
import { projectRoot } from '../support/live.js';
import {
  editPacket,
  packetsOf,
  payloadAt,
  payloadOf,
  RecordedTls,
  readItems,
  withChecksums,
  withPayload,
  writeItems,
} from '../support/recordings.js';

const FORM = /^packet \d+ \(\+\d+\.\d{6} s\) (IP|ICMP|TCP|TLS|H2|HTTP) [\x20-\x7e]+: recorded .+, now .+/;
const folder = scratch();
const tun = await readItems(join(projectRoot, 'fixtures/compare/tun.pcapng'));
const tcp = await readItems(join(projectRoot, 'fixtures/compare/tcp.pcapng'));

/** What is said of a recording; fails when its replay does not differ. */
async function described(items: readonly RecordingItem[], name = 'changed.pcapng'): Promise<string[]> {
  const file = writeItems(folder.path(name), items);
  const { difference } = await replayRecording(file);
  assert.ok(difference, 'the replay differs');
  const lines = await describeMismatch(file, difference);
  assert.match(lines[0]!, FORM, lines[0]);
  assert.ok(lines.length <= 4, lines.join('\n'));
  return lines;
}

/** The first line without packet number and time. */
async function named(items: readonly RecordingItem[]): Promise<string> {
  const [first] = await described(items);
  return first!.replace(/^packet \d+ \(\+[\d.]+ s\) /, '');
}

/** The outbound packet that satisfies `wanted`. */
function outbound(items: readonly RecordingItem[], wanted: (packet: RecordedPacket) => boolean): RecordedPacket {
  return packetsOf(items).find((packet) => packet.dir === 'out' && wanted(packet))!;
}

/** One bit of one byte; `fix` makes the checksums good again, as if another core had sent it. */
function flipped(items: readonly RecordingItem[], index: number, at: number, fix = true): RecordingItem[] {
  return editPacket(items, index, ({ data }) => {
    data[at]! ^= 1;
    return { data: fix ? withChecksums(data) : data };
  });
}

function withManifest(
  items: readonly RecordingItem[],
  edit: (manifest: RecordingManifest) => Partial<RecordingManifest>,
): RecordingItem[] {
  return items.map((item) =>
    item.kind === 'manifest' ? { ...item, manifest: { ...item.manifest, ...edit(item.manifest) } } : item,
  );
}

function withConfig(items: readonly RecordingItem[], config: Partial<RunConfig>): RecordingItem[] {
  return withManifest(items, (manifest) => ({ config: { ...(manifest.config as RunConfig), ...config } }));
}

const isTcp = (packet: RecordedPacket): boolean => packet.data[9] === 6;
const port = (packet: RecordedPacket, at: 20 | 22): number => (packet.data[at]! << 8) | packet.data[at + 1]!;
const begins = (packet: RecordedPacket, start: string): boolean => text(payloadOf(packet.data)).startsWith(start);
const isRecord = (packet: RecordedPacket, type: number): boolean => isTcp(packet) && payloadOf(packet.data)[0] === type;

const pong = outbound(tun, (packet) => packet.data[9] === 1);
const synAck = outbound(tun, isTcp);
const fin = outbound(tun, (packet) => isTcp(packet) && (packet.data[33]! & 1) === 1);
const page = outbound(tun, (packet) => isTcp(packet) && begins(packet, 'HTTP/1.1 200'));
const flight = outbound(tun, (packet) => isRecord(packet, 22));
const finished = outbound(tun, (packet) => isRecord(packet, 20));
const h2Port = port(flight, 22);
const ofH2 = (packet: RecordedPacket): boolean =>
  isTcp(packet) && [port(packet, 20), port(packet, 22)].includes(h2Port);
const h2 = new RecordedTls(tun, ofH2);

test('a recording that was not changed does not differ', async () => {
  for (const items of [tun, tcp]) {
    const result = await replayRecording(writeItems(folder.path('same.pcapng'), items));
    assert.is(result.difference, undefined);
  }
});

test('IP header fields are named, the checksum after its cause', async () => {
  assert.is(await named(flipped(tun, pong.index, 8)), 'IP ttl: recorded 65, now 64 (RFC 791 §3.1)');
  assert.is(await named(flipped(tun, synAck.index, 1)), 'IP tos: recorded 1, now 0 (RFC 791 §3.1)');
  assert.is(await named(flipped(tun, synAck.index, 5)), 'IP id: recorded 1, now 0 (RFC 6864 §4.1)');
  assert.match(
    await named(flipped(tun, synAck.index, 10, false)),
    /^IP checksum: recorded 0x[0-9a-f]{4}, now 0x[0-9a-f]{4} \(RFC 791 §3\.1\)$/,
  );
});

test('a changed packet whose checksum was not made good is called changed', async () => {
  const lines = await described(flipped(tun, pong.index, 8, false));
  assert.is(lines[1], 'a checksum of the recorded packet does not hold: the file was changed');
});

test('the lines behind the first tell the place and how to look on', async () => {
  const [, place, look] = await described(flipped(tun, pong.index, 8), 'with blank.pcapng');
  assert.match(
    place!,
    /^at offset \d+ of the file, byte 8 of the packet: recorded 4101[0-9a-f]{20}, now 4001[0-9a-f]{20}$/,
  );
  const file = folder.path('with blank.pcapng');
  assert.is(look, `look on with: tshark -r '${file}' -Y 'frame.number == ${pong.frameNumber}' -V`);
});

test('ICMP fields and data are named', async () => {
  assert.is(await named(flipped(tun, pong.index, 27)), 'ICMP sequenceNumber: recorded 0, now 1 (RFC 792)');
  assert.match(await named(flipped(tun, pong.index, 28 + 10)), /^ICMP data byte 10: recorded 0x\w{16}, now 0x\w{16}/);
});

test('TCP header fields and options are named', async () => {
  const line = async (index: number, at: number): Promise<string> => named(flipped(tun, index, at));
  assert.is(await line(fin.index, 35), 'TCP window: recorded 65534, now 65535 (RFC 9293 §3.8.6)');
  assert.match(await line(fin.index, 27), /^TCP seq: recorded \d+, now \d+ \(RFC 9293 §3\.4\)$/);
  assert.match(await line(fin.index, 31), /^TCP ack: recorded \d+, now \d+ \(RFC 9293 §3\.4\)$/);
  assert.is(await line(fin.index, 33), 'TCP flags: recorded ACK, now FIN ACK (RFC 9293 §3.1)');
  assert.is(await line(synAck.index, 43), 'TCP options.mss: recorded 1461, now 1460 (RFC 9293 §3.7.1)');
  assert.is(await line(synAck.index, 59), 'TCP options.windowScale: recorded 2, now 3 (RFC 7323 §2.2)');
  const checksum = await named(flipped(tun, synAck.index, 36, false));
  assert.match(checksum, /^TCP checksum: recorded 0x\w{4}, now 0x\w{4} \(RFC 9293 §3\.1\)$/);
});

test('another seed shows in the initial sequence number', async () => {
  const line = await named(withManifest(tun, () => ({ seed: '00'.repeat(32) })));
  assert.match(line, /^TCP seq: recorded \d+, now \d+ \(RFC 6528 §3\)$/);
});

test('a packet at another time is named by both times', async () => {
  const at = (us: number): string => `+0.${String(us).padStart(6, '0')} s`;
  const changed = editPacket(tun, finished.index, ({ atUs }) => ({ atUs: atUs + 89 }));
  const [first] = await described(changed);
  const { index, atUs } = finished;
  assert.is(first, `packet ${index} (${at(atUs + 89)}) IP time: recorded ${at(atUs + 89)}, now ${at(atUs)}`);
});

test('a packet that is not in the recording is named by what it is and what it carries', async () => {
  const lines = await described(editPacket(tun, flight.index, () => undefined));
  assert.match(lines[0]!, /TCP segment: recorded nothing, now PSH ACK seq \d+ ack \d+ with \d+ bytes/);
  assert.is(lines[1], 'it carries TLS ServerHello');
  // The packet that follows it has the number behind its own, less the one that was taken out.
  assert.match(lines[2]!, /^it comes before packet \d+, which is at offset \d+ of the file$/);
});

test('a packet that is not sent any more is named by what it is', async () => {
  const doubled = tun.flatMap((item) => (item.kind === 'packet' && item.index === pong.index ? [item, item] : [item]));
  assert.is(await named(doubled), 'ICMP message: recorded echo reply to 10.0.0.1, now nothing (RFC 792)');
});

test('a packet too many or too few at the end is named as well', async () => {
  const last = packetsOf(tun).findLast((packet) => packet.dir === 'out')!;
  const less = await described(editPacket(tun, last.index, () => undefined));
  assert.match(less[0]!, /TCP segment: recorded nothing, now (FIN )?(PSH )?ACK seq/);
  assert.match(less[1]!, /^it (comes behind the last packet of the recording|carries TLS )/);
  const more = tun.flatMap((item) => (item.kind === 'packet' && item.index === last.index ? [item, item] : [item]));
  assert.match(await named(more), /^TCP segment: recorded (FIN )?(PSH )?ACK seq .* with \d+ bytes, now nothing/);
});

test('the same packets in another order are called that', async () => {
  const run = packetsOf(tun);
  const at = run.findIndex((one, i) => one.dir === 'out' && run[i + 1]?.dir === 'out' && isTcp(one));
  const place = tun.indexOf(run[at]!);
  const swapped = [...tun];
  [swapped[place], swapped[place + 1]] = [swapped[place + 1]!, swapped[place]!];
  const lines = await described(swapped);
  assert.match(lines[0]!, /IP order: recorded .* seq \d+ .*, now .* seq \d+/);
  assert.is(lines[1], 'the same packets in another order');
});

test('handshake messages differ by their fields', async () => {
  // Record header 5, handshake header 4; then version 2, random 32, session id 1, suite 2.
  const at = payloadAt(flight.data);
  const line = async (offset: number): Promise<string> => named(flipped(tun, flight.index, at + offset));
  assert.match(await line(11), /^TLS ServerHello\.random: recorded 0x\w{16} at byte 0 of 32, now 0x/);
  assert.is(await line(9), 'TLS ServerHello.server_version: recorded 0x0203, now TLS1.2 (RFC 5246 §7.4.1.3)');
  assert.is(
    await line(44),
    'TLS ServerHello.cipher_suite: recorded 0xc12f, now TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (RFC 5246 §7.4.1.3)',
  );
  const payload = payloadOf(flight.data);
  const h2Name = text(payload).indexOf('\x00\x03\x02h2') + 3;
  assert.is(await line(h2Name), 'TLS ServerHello.extensions.alpn: recorded "i2", now "h2" (RFC 7301 §3.1)');
  assert.is(await line(1), 'TLS record 1.version: recorded 0x0203, now TLS1.2 (RFC 5246 §6.2.1)');
  const certificate = 5 + (payload[3]! * 256 + payload[4]!) + 5 + 4 + 3 + 3;
  assert.match(
    await line(certificate + 100),
    /^TLS Certificate\.certificate_list\.certificate: recorded 0x\w{16} at byte 100 of \d+, now .* \(RFC 5246 §7\.4\.2\)$/,
  );
  // The signature ends before the ServerHelloDone record of 9 bytes.
  assert.match(
    await line(payload.length - 9 - 1),
    /^TLS ServerKeyExchange\.signature: recorded 0x\w{2} at byte 255 of 256, now 0x\w{2} at byte 255 of 256 \(RFC 8422 §5\.4\)$/,
  );
});

test('a damaged record is a fragment that does not verify', async () => {
  const lines = await described(flipped(tun, finished.index, payloadAt(finished.data) + 6 + 5 + 12));
  assert.match(lines[0]!, /TLS record 6 handshake\.fragment: recorded 0x\w+ .*, now 0x.* \(RFC 5246 §6\.2\.3\.3\)$/);
  assert.is(lines[1], 'the recorded record does not verify under the recorded keys: the file was changed');
});

test('a damaged record that spans packets is read to its end', async () => {
  const full = packetsOf(tun).filter((packet) => packet.dir === 'out' && packet.data.length === 1500 && ofH2(packet));
  assert.is(full.length, 2);
  for (const packet of full) {
    const lines = await described(flipped(tun, packet.index, 900));
    assert.match(lines[0]!, /TLS record 10 application_data\.fragment: recorded 0x/);
    assert.match(lines[0]!, new RegExp(`^packet ${packet.index} `));
  }
});

test('a recording without keys says so', async () => {
  const locked = flipped(tun, finished.index, payloadAt(finished.data) + 6 + 5 + 12).filter(
    (item) => item.kind !== 'secrets',
  );
  const lines = await described(locked);
  assert.match(lines[0]!, /TLS record 6 handshake\.fragment/);
  assert.is(lines[1], 'the recording has no key for this connection, so what is inside is not known');
});

const resealed = (record: number, at: number, value?: number): RecordingItem[] =>
  h2.edit(record, ({ content }) => {
    const changed = content.slice();
    changed[at] = value ?? changed[at]! ^ 1;
    return changed;
  });

test('what is in encrypted records is compared, not the ciphertext', async () => {
  assert.match(
    await named(resealed(0, 10)),
    /^TLS Finished\.verify_data: recorded 0x\w{24}, now 0x\w{24} \(RFC 5246 §7\.4\.9\)$/,
  );
  const line = 'H2 SETTINGS.MAX_CONCURRENT_STREAMS: recorded 257, now 256 (RFC 9113 §6.5.2)';
  assert.is(await named(resealed(1, 9 + 5)), line);
  assert.match(
    await named(resealed(1, 9 + 24 + 9 + 3)),
    /^H2 WINDOW_UPDATE\.windowSizeIncrement: recorded \d+, now \d+ /,
  );
  assert.is(await named(resealed(2, 4)), 'H2 SETTINGS.flags: recorded none, now ACK (RFC 9113 §6.5)');
  assert.is(await named(resealed(2, 3, 6)), 'H2 frame.type: recorded PING, now SETTINGS (RFC 9113 §4.1)');
});

test('header fields are named through HPACK', async () => {
  // RFC 7541 §6.1: 0x88 is `:status: 200`, 0x89 is `:status: 204`.
  const status = await described(resealed(3, 9, 0x89));
  assert.match(status[0]!, / H2 HEADERS\.fields\.:status: recorded "204", now "200" \(RFC 9113 §8\.3\.2\)$/);
  assert.is(status[1], 'in HEADERS of stream 1');
  // A block made anew: the same fields, and one more literal without indexing, not Huffman coded (§6.2.2).
  const added = h2.edit(3, ({ content }) => {
    const length = (content[1]! << 8) | content[2]!;
    const field = Uint8Array.of(0x00, 3, ...Buffer.from('x-y'), 2, ...Buffer.from('no'));
    const frame = concat(content.slice(0, 9), content.slice(9, 9 + length), field);
    frame[2]! += field.length;
    return concat(frame, content.subarray(9 + length));
  });
  assert.is(await named(added), 'H2 HEADERS.fields.x-y: recorded "no", now absent (RFC 9113 §8.2)');
});

test('content is named by its byte', async () => {
  const changed = h2.edit(3, ({ content }) => {
    const data = content.slice();
    const dataAt = 9 + ((data[1]! << 8) | data[2]!) + 9;
    data[dataAt + 20]! ^= 1;
    return data;
  });
  const lines = await described(changed);
  assert.match(lines[0]!, / H2 DATA\.data byte 20: recorded 0x\w{16}, now 0x\w{16} \(RFC 9113 §6\.1\)$/);
  assert.is(lines[1], 'in DATA of stream 1');
});

test('the same frames in records of other lengths are a difference of records', async () => {
  const cut = h2.edit(2, ({ content }) => content.slice(0, 5));
  // The frame never ends, so there is only the record to name.
  assert.match(await named(cut), /^TLS record 8 application_data\.length: recorded 29, now 33 \(RFC 5246 §6\.2\.1\)$/);
});

test('HTTP/1.1 is named by status line, field and byte of content', async () => {
  const at = payloadAt(page.data);
  const line = async (offset: number): Promise<string> => named(flipped(tun, page.index, at + offset));
  const whole = text(payloadOf(page.data));
  assert.is(
    await line(whole.indexOf('200')),
    'HTTP status line: recorded "HTTP/1.1 300 OK", now "HTTP/1.1 200 OK" (RFC 9112 §4)',
  );
  assert.match(
    await line(whole.indexOf('content-type: ') + 14),
    /^HTTP fields\.content-type: recorded "uext\/plain.*", now "text\/plain.*" \(RFC 9112 §5\)$/,
  );
  const body = whole.indexOf('\r\n\r\n') + 4;
  assert.match(await line(body + 77), /^HTTP body byte 77: recorded 0x\w{16}, now 0x\w{16} \(RFC 9112 §6\)$/);
});

test('a response to HEAD has no content, so the next one is found behind it', async () => {
  const second = packetsOf(tun).filter(
    (packet) => packet.dir === 'out' && isTcp(packet) && begins(packet, 'HTTP/1.1 200'),
  )[2]!;
  const at = payloadAt(second.data) + text(payloadOf(second.data)).indexOf('content-length: ') + 16;
  assert.is(
    await named(flipped(tun, second.index, at)),
    'HTTP fields.content-length: recorded "000", now "100" (RFC 9112 §5)',
  );
});

test('the same content in a segment of another length is a difference of TCP', async () => {
  const shorter = editPacket(tun, page.index, ({ data }) => ({
    data: withPayload(data, payloadOf(data).slice(0, -10)),
  }));
  const { length } = payloadOf(page.data);
  const line = `TCP payload.length: recorded ${length - 10}, now ${length} (RFC 9293 §3.7)`;
  assert.is(await named(shorter), line);
});

test('tcp mode: headers are made up, so what they carry is named', async () => {
  const seed = await named(withManifest(tcp, () => ({ seed: '11'.repeat(32) })));
  assert.match(seed, /^TLS ServerHello\.random: recorded 0x/);
  const date = await named(withManifest(tcp, ({ startUnixUs }) => ({ startUnixUs: startUnixUs + 5_000_000 })));
  assert.match(date, /^H2 HEADERS\.fields\.date: recorded ".* GMT", now ".* GMT" \(RFC 9113 §8\.2\)$/);
  const ports = (tcp[0] as { manifest: RecordingManifest }).manifest.config as RunConfig;
  const plain = await named(withConfig(tcp, { plainPorts: ports.tlsPorts, tlsPorts: [] }));
  assert.is(plain, 'TLS message: recorded ServerHello, now HTTP/1.1 400 Bad Request (RFC 5246 §7.4)');
});

test('another configuration shows in its field', async () => {
  const { certificate } = (tcp[0] as { manifest: RecordingManifest }).manifest.config as RunConfig;
  const chain = await named(withConfig(tcp, { certificate: certificate + certificate }));
  assert.match(
    chain,
    /^TLS Certificate\.certificate_list\.certificate: recorded absent, now 0x\w{16} at byte 0 of \d+ \(RFC 5246 §7\.4\.2\)$/,
  );
  assert.is(await named(withConfig(tun, { mtu: 1300 })), 'TCP options.mss: recorded 1460, now 1260 (RFC 9293 §3.7.1)');
  const closed = await named(withConfig(tun, { plainPorts: [] }));
  assert.is(closed, 'TCP flags: recorded SYN ACK, now RST ACK (RFC 9293 §3.1)');
});

/** A recording of one plain connection in tcp mode: a request, its response, and what `more` appends to what was sent. */
function plainRecording(more: readonly Uint8Array[]): RecordingItem[] {
  const { manifest } = withConfig(tcp, { plainPorts: [8080], tlsPorts: [] })[0] as ManifestItem;
  const config = manifest.config as RunConfig;
  const identity = { config, seed: hex(manifest.seed), startUnixUs: manifest.startUnixUs };
  const streams = assembleStreams(identity);
  const packets = new StreamPackets();
  const items: RecordingItem[] = [{ kind: 'manifest', manifest, fileOffset: 0 }];
  const add = (atUs: number, event: SocketEvent): void => {
    for (const { dir, data } of packets.of(event)) {
      items.push({ kind: 'packet', index: 0, frameNumber: 0, atUs, dir, data, fileOffset: 0 });
    }
  };
  const input = (atUs: number, one: StreamInput): void => {
    add(atUs, inputEvent(one));
    streams.receive(atUs, one);
    for (let out = streams.poll(); out !== undefined; out = streams.poll()) add(out.atUs, outputEvent(out));
  };
  const ends = { localAddress: '127.0.0.1', localPort: 8080, remoteAddress: '127.0.0.1', remotePort: 40_000 };
  input(0, { kind: 'open', stream: 0, ...ends });
  input(10, { kind: 'data', stream: 0, bytes: ascii('GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n') });
  const sent = payloadOf(packetsOf(items).findLast((packet) => packet.dir === 'out')!.data).length;
  let count = sent;
  for (const bytes of more) {
    add(10, { kind: 'data', flow: 0, dir: 'out', bytes });
    count += bytes.length;
  }
  add(20, { kind: 'acknowledged', flow: 0, bytes: count });
  items.push({ kind: 'event', event: 'end', atUs: 30, fileOffset: 0 });
  return items;
}

test('tcp mode: what was acknowledged and is not sent any more is a missing packet, not a broken file', async () => {
  const same = await replayRecording(writeItems(folder.path('plain.pcapng'), plainRecording([])));
  assert.is(same.difference, undefined);
  const lines = await described(plainRecording([ascii('HTTP/1.1 100 Continue\r\n\r\n')]));
  assert.match(lines[0]!, /TCP segment: recorded PSH ACK seq \d+ ack \d+ with 25 bytes, now nothing/);
  assert.is(lines[1], 'it carries HTTP HTTP/1.1 100 Continue');
});

test('a file that cannot be read again is told of by its packets', async () => {
  const file = writeItems(folder.path('gone.pcapng'), flipped(tun, pong.index, 8));
  const { difference } = await replayRecording(file);
  const lines = await describeMismatch(folder.path('never-written.pcapng'), difference!);
  assert.match(lines[0]!, /IP ttl: recorded 65, now 64/);
  assert.match(lines[0]!, FORM, lines[0]);
});

test('whatever byte of whatever packet is changed, there is a first line and no error', async () => {
  const random = testRandom(1);
  for (const items of [tun, tcp]) {
    const out = packetsOf(items).filter((packet) => packet.dir === 'out');
    for (let i = 0; i < 60; i++) {
      const packet = out[random.below(out.length)]!;
      const at = random.below(packet.data.length);
      // Lengths and checksums that are made good again are no change.
      const fix = random.below(2) === 0 && ![2, 3, 10, 11, 36, 37].includes(at) && packet !== pong;
      const lines = await described(flipped(items, packet.index, at, fix));
      assert.match(lines[0]!, new RegExp(`^packet ${packet.index} `), `byte ${at}`);
    }
  }
});

test.run();
