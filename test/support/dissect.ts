// Takes a recording apart without the machines: packets to byte streams, streams to TLS records, records opened with the
// key log, and what lies inside. For tests that look at every unit of the wire formats.

import { Reader } from '../../src/core/bytes/reader.js';
import { decodeHandshake } from '../../src/core/tls/messages.js';
import { protection12, type RecordProtection } from '../../src/core/tls/protection.js';
import { ContentType } from '../../src/core/tls/record.js';
import { keyBlock } from '../../src/core/tls/schedule.js';
import { CIPHER_SUITES } from '../../src/core/tls/suites.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { concat, hex, toHex } from './bytes.js';
import type { RecordedRun } from './recorded.js';

export interface WireStream {
  /** `10.0.0.1:49152`, the client's end. */
  readonly client: string;
  readonly serverPort: number;
  readonly fromClient: Uint8Array;
  readonly fromServer: Uint8Array;
}

export interface TlsRecord {
  /** Header and fragment as on the wire. */
  readonly bytes: Uint8Array;
  readonly contentType: number;
  /** Opened where it was protected. */
  readonly content: Uint8Array;
}

interface Direction {
  /** Sequence number of the first byte. */
  first: number;
  parts: Uint8Array[];
  length: number;
}

/** The TCP streams of a recording, in the order of their SYNs. Nothing was lost in them; what came twice counts once. */
export function streamsOf(run: RecordedRun): WireStream[] {
  const flows = new Map<string, { client: Direction; server: Direction; serverPort: number }>();
  for (const item of run.recording.timeline) {
    if (item.kind !== 'packet' || item.data[0] !== 0x45 || item.data[9] !== 6) continue;
    const view = new DataView(item.data.buffer, item.data.byteOffset, item.data.length);
    const fromClient = item.dir === 'in';
    const address = item.data.subarray(fromClient ? 12 : 16, fromClient ? 16 : 20).join('.');
    const key = `${address}:${view.getUint16(fromClient ? 20 : 22)}`;
    const flags = item.data[33]!;
    const seq = view.getUint32(24);
    if ((flags & 0x02) !== 0) {
      const direction = (): Direction => ({ first: 0, parts: [], length: 0 });
      const flow = flows.get(key) ?? { client: direction(), server: direction(), serverPort: view.getUint16(22) };
      flow[fromClient ? 'client' : 'server'].first = (seq + 1) >>> 0;
      flows.set(key, flow);
      continue;
    }
    const flow = flows.get(key)?.[fromClient ? 'client' : 'server'];
    const payload = item.data.subarray(20 + (item.data[32]! >>> 4) * 4, view.getUint16(2));
    if (flow === undefined || payload.length === 0) continue;
    const at = (seq - flow.first) >>> 0;
    if (at > flow.length) throw new Error(`a gap in the stream of ${key}`);
    const fresh = payload.subarray(flow.length - at);
    flow.parts.push(fresh);
    flow.length += fresh.length;
  }
  return [...flows].map(([client, flow]) => ({
    client,
    serverPort: flow.serverPort,
    fromClient: concat(...flow.client.parts),
    fromServer: concat(...flow.server.parts),
  }));
}

/** Cuts whole records off a stream; a rest that is none is left out. */
export function cutRecords(stream: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at + 5 <= stream.length; ) {
    const end = at + 5 + ((stream[at + 3]! << 8) | stream[at + 4]!);
    if (end > stream.length) break;
    records.push(stream.subarray(at, end));
    at = end;
  }
  return records;
}

/**
 * Both directions of a TLS stream. TLS 1.2 is opened with the recording's key log; of TLS 1.3 there is what is in clear:
 * test/core/tls/rfc8448 and the tests of the machines see what is inside.
 */
export function openStream(run: RecordedRun, stream: WireStream): { client: TlsRecord[]; server: TlsRecord[] } {
  const client = cutRecords(stream.fromClient);
  const server = cutRecords(stream.fromServer);
  const clientRandom = randomOf(client[0]!);
  const secret = new RegExp(`^CLIENT_RANDOM ${toHex(clientRandom)} ([0-9a-f]+)$`, 'm').exec(run.recording.keyLog)?.[1];
  if (secret === undefined) return { client: inClear(client), server: inClear(server) };
  const suite = CIPHER_SUITES.get(suiteOf(server[0]!))!;
  const keys = keyBlock(nodeCrypto, suite, hex(secret), clientRandom, randomOf(server[0]!));
  return {
    client: openRecords(client, protection12(nodeCrypto, suite, keys.client)),
    server: openRecords(server, protection12(nodeCrypto, suite, keys.server)),
  };
}

function inClear(records: readonly Uint8Array[]): TlsRecord[] {
  return records.map(plain).filter(({ contentType }) => contentType !== ContentType.applicationData);
}

function suiteOf(record: Uint8Array): number {
  const message = decodeHandshake(new Reader('tls', record.subarray(5)));
  if (!('cipherSuite' in message)) throw new Error(`${message.type} has no suite`);
  return message.cipherSuite;
}

function randomOf(record: Uint8Array): Uint8Array {
  const message = decodeHandshake(new Reader('tls', record.subarray(5)));
  if (!('random' in message)) throw new Error(`${message.type} has no random`);
  return message.random;
}

function plain(bytes: Uint8Array): TlsRecord {
  return { bytes, contentType: bytes[0]!, content: bytes.subarray(5) };
}

function openRecords(records: readonly Uint8Array[], cipher: RecordProtection): TlsRecord[] {
  let isProtected = false;
  return records.map((bytes) => {
    const contentType = bytes[0]!;
    if (!isProtected) {
      isProtected = contentType === ContentType.changeCipherSpec;
      return plain(bytes);
    }
    const content = cipher.open(contentType, bytes.slice(5));
    if (content === undefined) throw new Error('a recorded record does not open');
    return { bytes, contentType, content };
  });
}

/** The content of all records of one type, end to end. */
export function contentOf(records: readonly TlsRecord[], contentType: number): Uint8Array {
  return concat(...records.filter((record) => record.contentType === contentType).map(({ content }) => content));
}

/** Handshake messages with their headers. */
export function handshakeMessages(records: readonly TlsRecord[]): Uint8Array[] {
  const bytes = contentOf(records, ContentType.handshake);
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
    messages.push(bytes.subarray(at, end));
    at = end;
  }
  return messages;
}

/** HTTP/2 frames with their headers; an unfinished one at the end is left out. `start` passes over the preface. */
export function cutFrames(bytes: Uint8Array, start: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = start; at + 9 <= bytes.length; ) {
    const end = at + 9 + ((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!);
    if (end > bytes.length) break;
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}
