// Decode then encode is the identity, and every truncation of a valid unit raises ParseError and nothing else: for every
// packet, record, handshake message, frame, field block and request head in the bundled captures, of both directions.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError, Reader } from '../../src/core/bytes/reader.js';
import { Writer } from '../../src/core/bytes/writer.js';
import { TextCache } from '../../src/core/http/text.js';
import { lineEnd, parseFieldLine, parseRequestLine } from '../../src/core/http1/message.js';
import { CLIENT_PREFACE, decodeFrame, encodeFrame } from '../../src/core/http2/frame.js';
import { createHeaderList, HpackDecoder } from '../../src/core/http2/hpack/decode.js';
import { HpackEncoder } from '../../src/core/http2/hpack/encode.js';
import { decodeIcmp, ICMP_ECHO, writeEchoReply } from '../../src/core/ip/icmp.js';
import { decodePacket, PROTOCOL_ICMP, PROTOCOL_TCP, writeIpv4Header } from '../../src/core/ip/packet.js';
import { decodeSegment, SYN, writeSynOptions, writeTcpHeader } from '../../src/core/tcp/segment.js';
import { decodeHandshake, encodeHandshake } from '../../src/core/tls/messages.js';
import { ContentType, decodeRecordHeader, writeRecordHeader } from '../../src/core/tls/record.js';
import { concat, equalBytes, text } from '../support/bytes.js';
import {
  contentOf,
  cutFrames,
  cutRecords,
  handshakeMessages,
  openStream,
  streamsOf,
  type TlsRecord,
} from '../support/dissect.js';
import { loadRuns, type RecordedRun } from '../support/recorded.js';

const test = suite('laws of the whole system: wire formats');

// Half a million errors are made here; their stacks would take most of the time.
Error.stackTraceLimit = 0;

const runs = await loadRuns();
const tunRuns = runs.filter((run) => run.identity.config.mode === 'tun');
const packets = tunRuns.flatMap((run) =>
  run.recording.timeline.flatMap((item) => (item.kind === 'packet' ? [{ dir: item.dir, frame: item.data }] : [])),
);
const tlsStreams = runs.flatMap((run) =>
  streamsOf(run)
    .filter(({ fromClient }) => fromClient[0] === ContentType.handshake)
    .map((stream) => ({ run, stream, ...openStream(run, stream) })),
);

/**
 * `decode` of the whole unit passes; of every beginning of it, it raises ParseError. Where a unit is long because of its
 * payload, of which all that counts is the length, `step` passes over cuts in the payload's middle.
 */
function everyTruncation(unit: Uint8Array, length: number, decode: (bytes: Uint8Array) => unknown, step = 1): void {
  for (let end = 0; end < length; end += end < 100 || end >= length - 2 * step ? 1 : step) {
    try {
      decode(unit.subarray(0, end));
    } catch (error) {
      if (error instanceof ParseError) {
        assert.ok(error.offset <= end && error.what.length > 0);
        continue;
      }
      throw error;
    }
    assert.unreachable(`${end} of ${length} bytes were taken for the whole`);
  }
}

test('the captures hold units of every kind', () => {
  assert.ok(packets.length > 1000);
  assert.ok(tlsStreams.length >= 10);
});

test('IPv4 packets', () => {
  for (const { dir, frame } of packets) {
    const packet = decodePacket(frame);
    assert.is(packet.totalLength, frame.length);
    const header = new Uint8Array(20);
    writeIpv4Header(header, 0, packet.totalLength, packet.protocol, packet.source, packet.destination);
    if (dir === 'out') equalBytes(header, frame.subarray(0, 20), 'our own header');
    else {
      // The peer's identification, TTL and checksum are its own; everything else is what we would write.
      const known = [0, 2, 3, 9, 12, 13, 14, 15, 16, 17, 18, 19];
      for (const at of known) assert.is(header[at], frame[at], `byte ${at}`);
      assert.is(packet.id, (frame[4]! << 8) | frame[5]!);
      assert.is(packet.ttl, frame[8]);
    }
    everyTruncation(frame, frame.length, (bytes) => decodePacket(bytes), 37);
  }
});

test('ICMP messages', () => {
  let replies = 0;
  const messages = packets.filter(({ frame }) => frame[9] === PROTOCOL_ICMP);
  messages.forEach(({ dir, frame }, index) => {
    const message = decodeIcmp(frame, 20, frame.length);
    everyTruncation(frame.subarray(20), frame.length - 20, (bytes) => decodeIcmp(bytes, 0, bytes.length));
    if (dir === 'out' || message.type !== ICMP_ECHO) return;
    const reply = new Uint8Array(frame.length - 20);
    writeEchoReply(reply, 0, frame, 20, frame.length);
    equalBytes(reply, messages[index + 1]!.frame.subarray(20), 'the reply that follows');
    replies++;
  });
  assert.is(replies, 2);
});

test('TCP segments', () => {
  const segments = packets.filter(({ frame }) => frame[9] === PROTOCOL_TCP);
  for (const { dir, frame } of segments) {
    const segment = decodeSegment(frame, 20, frame.length);
    const headerLength = segment.payloadStart - 20;
    const written = new Uint8Array(headerLength);
    const { sourcePort, destinationPort, seq, ack, flags, window, mss, windowScale } = segment;
    writeTcpHeader(written, 0, sourcePort, destinationPort, seq, ack, headerLength, flags, window);
    equalBytes(written.subarray(0, 16), frame.subarray(20, 36), 'header up to the checksum');
    if (dir === 'out' && (flags & SYN) !== 0) {
      const { sackPermitted, hasTimestamps, tsVal, tsEcr } = segment;
      const length = writeSynOptions(written, 20, mss, windowScale, sackPermitted, hasTimestamps, tsVal, tsEcr);
      assert.is(length, headerLength - 20);
      equalBytes(written.subarray(20), frame.subarray(40, segment.payloadStart), 'options');
    }
    assert.is(segment.payloadStart + segment.payloadLength, frame.length);
    everyTruncation(frame.subarray(20), headerLength, (bytes) => decodeSegment(bytes, 0, bytes.length));
  }
  assert.ok(segments.length > 1000);
});

test('TLS records', () => {
  let records = 0;
  const unfinished = new Set<string>();
  for (const { run, stream } of tlsStreams) {
    for (const bytes of [stream.fromClient, stream.fromServer]) {
      const cut = cutRecords(bytes);
      const whole = concat(...cut);
      if (whole.length < bytes.length) unfinished.add(run.name);
      equalBytes(whole, bytes.subarray(0, whole.length), 'the records are the stream');
      for (const record of cut) {
        const read = (part: Uint8Array) => {
          const reader = new Reader('tls', part);
          const header = decodeRecordHeader(reader);
          return { ...header, fragment: reader.take(header.length, 'fragment') };
        };
        const { contentType, version, length, fragment } = read(record);
        const written = new Uint8Array(record.length);
        writeRecordHeader(written, 0, contentType, length);
        written.set(fragment, 5);
        // The first record of a client may say an older version (RFC 5246 §E.1).
        if (version !== 0x0303) written.set([version >>> 8, version & 0xff], 1);
        equalBytes(written, record);
        everyTruncation(record, record.length, read, 37);
        records++;
      }
    }
  }
  assert.ok(records > 200, `${records} records`);
  assert.equal([...unfinished], ['h2-aborted']);
});

test('handshake messages', () => {
  const types = new Set<string>();
  for (const { client, server } of tlsStreams) {
    for (const bytes of [...handshakeMessages(client), ...handshakeMessages(server)]) {
      const reader = new Reader('tls', bytes);
      const message = decodeHandshake(reader);
      assert.is(reader.remaining, 0);
      types.add(message.type);
      const writer = new Writer();
      encodeHandshake(writer, message);
      equalBytes(writer.finish(), bytes, message.type);
      everyTruncation(bytes, bytes.length, (part) => decodeHandshake(new Reader('tls', part)));
    }
  }
  assert.equal([...types].sort(), [
    'Certificate',
    'ClientHello',
    'ClientKeyExchange',
    'Finished',
    'NewSessionTicket',
    'ServerHello',
    'ServerHelloDone',
    'ServerKeyExchange',
  ]);
});

interface Http2Side {
  readonly dir: 'in' | 'out';
  readonly run: RecordedRun;
  readonly frames: Uint8Array[];
}

/** The frames of each direction of each HTTP/2 connection. */
function http2Sides(): Http2Side[] {
  const isHttp2 = (records: readonly TlsRecord[]): boolean =>
    text(contentOf(records, ContentType.applicationData)).startsWith(text(CLIENT_PREFACE));
  return tlsStreams
    .filter(({ client }) => isHttp2(client))
    .flatMap(({ run, client, server }): Http2Side[] => [
      {
        dir: 'in',
        run,
        frames: cutFrames(contentOf(client, ContentType.applicationData), CLIENT_PREFACE.length),
      },
      { dir: 'out', run, frames: cutFrames(contentOf(server, ContentType.applicationData), 0) },
    ]);
}

test('HTTP/2 frames', () => {
  const types = new Set<string>();
  for (const { frames } of http2Sides()) {
    assert.ok(frames.length >= 3);
    for (const bytes of frames) {
      const frame = decodeFrame(bytes);
      types.add(frame.type);
      const writer = new Writer();
      encodeFrame(writer, frame);
      equalBytes(writer.finish(), bytes, frame.type);
      everyTruncation(bytes, bytes.length, decodeFrame, frame.type === 'DATA' ? 37 : 1);
    }
  }
  for (const type of ['DATA', 'HEADERS', 'SETTINGS', 'WINDOW_UPDATE']) assert.ok(types.has(type), type);
});

test('field blocks: what our encoder wrote is written again, and what a client wrote means the same', () => {
  let blocks = 0;
  for (const { dir, frames } of http2Sides()) {
    const decoder = new HpackDecoder(4096);
    const encoder = new HpackEncoder(4096);
    const second = new HpackDecoder(4096);
    const before: Uint8Array[] = [];
    for (const frame of frames.map((bytes) => decodeFrame(bytes))) {
      if (frame.type !== 'HEADERS') continue;
      assert.ok(frame.endHeaders);
      const block = frame.fieldBlockFragment;
      const fields = decodeBlock(decoder, block);
      const out = new Uint8Array(4096);
      let at = encoder.begin(out, 0);
      for (const [name, value] of fields) at = encoder.field(out, at, name, value);
      if (dir === 'out') equalBytes(out.subarray(0, at), block, 'field block');
      else assert.equal(decodeBlock(second, out.subarray(0, at)), fields);
      checkCutBlock(before, block, fields);
      before.push(block);
      blocks++;
    }
  }
  assert.ok(blocks >= 30, `${blocks} blocks`);
});

function decodeBlock(decoder: HpackDecoder, block: Uint8Array): (readonly [string, string])[] {
  const list = createHeaderList();
  decoder.decode(block, 0, block.length, list);
  return list.entries.map((entry) => entry.field);
}

/** A block that is cut between two fields is a shorter block; cut anywhere else it raises ParseError. */
function checkCutBlock(
  before: readonly Uint8Array[],
  block: Uint8Array,
  fields: readonly (readonly [string, string])[],
): void {
  const whole = new Set<number>();
  for (let end = 0; end < block.length; end++) {
    const decoder = new HpackDecoder(4096);
    for (const earlier of before) decodeBlock(decoder, earlier);
    try {
      const shorter = decodeBlock(decoder, block.subarray(0, end));
      assert.equal(shorter, fields.slice(0, shorter.length));
      assert.ok(shorter.length < fields.length);
      assert.not(whole.has(shorter.length), 'one length for each number of fields');
      whole.add(shorter.length);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
    }
  }
  assert.is(whole.size, fields.length, 'a cut for each number of fields');
}

test('HTTP/1.1 request heads', () => {
  const streams = runs.flatMap((run) =>
    streamsOf(run)
      .filter(({ fromClient, serverPort }) => serverPort === 80 && fromClient.length > 0)
      .map(({ fromClient }) => fromClient)
      .filter((bytes) => !text(bytes).startsWith('PRI ')),
  );
  for (const { client } of tlsStreams) {
    const inside = contentOf(client, ContentType.applicationData);
    if (inside.length > 0 && !text(inside).startsWith('PRI ')) streams.push(inside);
  }
  const texts = new TextCache();
  let heads = 0;
  for (const stream of streams) {
    const lines: Uint8Array[] = [];
    for (let start = 0; start < stream.length; ) {
      const lf = stream.indexOf(0x0a, start);
      lines.push(stream.subarray(start, lineEnd(stream, start, lf)));
      start = lf + 1;
    }
    lines.forEach((line, index) => {
      if (line.length === 0) return;
      const isFirst = index === 0 || lines[index - 1]!.length === 0;
      if (isFirst) {
        heads++;
        const { method, target, major, minor } = parseRequestLine(line, 0, line.length, texts);
        assert.is(`${method} ${target} HTTP/${major}.${minor}`, text(line));
        everyTruncation(line, line.length, (part) => parseRequestLine(part, 0, part.length, texts));
      } else {
        const [name, value] = parseFieldLine(line, 0, line.length, texts);
        assert.is(`${name}: ${value}`.toLowerCase(), text(line).toLowerCase());
        // Behind the colon a shorter value is a value.
        everyTruncation(line, name.length + 1, (part) => parseFieldLine(part, 0, part.length, texts));
      }
    });
  }
  assert.ok(heads >= 4, `${heads} heads`);
});

test.run();
