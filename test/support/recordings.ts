// Recordings changed in known ways: read, edited packet by packet, written again. Checksums are made good on request, and
// TLS records are opened and sealed again with the recorded keys, so that a change looks like that of another core.

import { type RecordedPacket, type RecordingItem, RecordingWriter, readRecording } from '../../src/bench/recording.js';
import { finishChecksum, sumWords } from '../../src/core/ip/checksum.js';
import { RecordCipher } from '../../src/core/tls/cipher.js';
import { keyBlock } from '../../src/core/tls/schedule.js';
import { CIPHER_SUITES, CipherSuite } from '../../src/core/tls/suites.js';
import { nodeCrypto } from '../../src/io/node-crypto.js';
import { concat, hex } from './bytes.js';

export async function readItems(file: string): Promise<RecordingItem[]> {
  const items: RecordingItem[] = [];
  for await (const item of readRecording(file)) items.push(item);
  return items;
}

export function writeItems(file: string, items: readonly RecordingItem[]): string {
  const manifest = items[0];
  if (manifest?.kind !== 'manifest') throw new Error('the first item is not the manifest');
  const writer = new RecordingWriter(file, manifest.manifest);
  for (const item of items.slice(1)) {
    if (item.kind === 'packet') writer.packet(item.atUs, item.dir, item.data);
    else if (item.kind === 'secrets') for (const line of item.text.trim().split('\n')) writer.secret(line);
    else if (item.kind === 'answer') writer.answer(item);
    else if (item.kind === 'event') {
      const { event, atUs, detail } = item;
      writer.event(detail === undefined ? { event, atUs } : { event, atUs, detail });
    }
  }
  writer.close();
  return file;
}

/** The items with the packet of this index (from 1) changed; undefined leaves it out. */
export function editPacket(
  items: readonly RecordingItem[],
  index: number,
  edit: (packet: RecordedPacket) => Partial<RecordedPacket> | undefined,
): RecordingItem[] {
  return items.flatMap((item) => {
    if (item.kind !== 'packet' || item.index !== index) return [item];
    const changed = edit({ ...item, data: item.data.slice() });
    return changed === undefined ? [] : [{ ...item, ...changed }];
  });
}

export function packetsOf(items: readonly RecordingItem[]): RecordedPacket[] {
  return items.filter((item) => item.kind === 'packet');
}

/** Where a packet's TCP payload begins. */
export function payloadAt(packet: Uint8Array): number {
  const ip = ipHeaderBytes(packet);
  return ip + (packet[ip + 12]! >>> 4) * 4;
}

export function payloadOf(packet: Uint8Array): Uint8Array {
  return packet.subarray(payloadAt(packet));
}

export function withPayload(packet: Uint8Array, payload: Uint8Array): Uint8Array {
  return withChecksums(concat(packet.subarray(0, payloadAt(packet)), payload));
}

/** An IPv4 packet with its lengths and checksums as they should be; changed in place. */
export function withChecksums(packet: Uint8Array): Uint8Array {
  const ip = ipHeaderBytes(packet);
  const put = (at: number, value: number): void => {
    packet[at] = value >>> 8;
    packet[at + 1] = value;
  };
  put(2, packet.length);
  put(10, 0);
  put(10, finishChecksum(sumWords(packet, 0, ip)));
  const isTcp = packet[9] === 6;
  const at = ip + (isTcp ? 16 : 2);
  const pseudo = isTcp ? sumWords(packet, 12, 20) + 6 + packet.length - ip : 0;
  put(at, 0);
  put(at, finishChecksum(pseudo + sumWords(packet, ip, packet.length)));
  return packet;
}

function ipHeaderBytes(packet: Uint8Array): number {
  return (packet[0]! & 0x0f) * 4;
}

export interface OpenedRecord {
  readonly contentType: number;
  readonly content: Uint8Array;
}

/** Finished and what comes behind it, of one TLS connection in a recording, in both forms. */
export class RecordedTls {
  readonly #items: readonly RecordingItem[];
  readonly #flow: (packet: RecordedPacket) => boolean;
  readonly #clientRandom: Uint8Array;
  readonly #serverRandom: Uint8Array;
  readonly #master: Uint8Array;

  /** `flow`: the connection's packets. */
  constructor(items: readonly RecordingItem[], flow: (packet: RecordedPacket) => boolean) {
    this.#items = items;
    this.#flow = flow;
    const hello = (dir: 'in' | 'out'): Uint8Array => {
      const packet = packetsOf(items).find((one) => flow(one) && one.dir === dir && payloadOf(one.data).length > 43)!;
      // Record header, handshake header, version.
      return payloadOf(packet.data).slice(11, 43);
    };
    this.#clientRandom = hello('in');
    this.#serverRandom = hello('out');
    const random = Buffer.from(this.#clientRandom).toString('hex');
    const text = items.map((item) => (item.kind === 'secrets' ? item.text : '')).join('');
    this.#master = hex(new RegExp(`CLIENT_RANDOM ${random} ([0-9a-f]+)`).exec(text)![1]!);
  }

  /** The items with the content of protected record `number` (0: Finished) made anew; it lies in one packet. */
  edit(number: number, edit: (record: OpenedRecord) => Uint8Array): RecordingItem[] {
    const opener = this.#cipher();
    const sealer = this.#cipher();
    let isProtected = false;
    let count = 0;
    for (const packet of packetsOf(this.#items)) {
      if (packet.dir !== 'out' || !this.#flow(packet)) continue;
      const payload = payloadOf(packet.data);
      const parts: Uint8Array[] = [];
      let changed = false;
      for (let at = 0; at < payload.length; ) {
        const end = at + 5 + ((payload[at + 3]! << 8) | payload[at + 4]!);
        const contentType = payload[at]!;
        let part = payload.subarray(at, end);
        if (isProtected) {
          const content = opener.open(contentType, part.slice(5))!;
          const own = count++ === number;
          changed ||= own;
          part = seal(sealer, contentType, own ? edit({ contentType, content }) : content);
        } else if (contentType === 20) isProtected = true;
        parts.push(part);
        at = end;
      }
      if (changed) {
        return editPacket(this.#items, packet.index, ({ data }) => ({ data: withPayload(data, concat(...parts)) }));
      }
    }
    throw new Error(`no record ${number}`);
  }

  #cipher(): RecordCipher {
    const suite = CIPHER_SUITES.get(CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)!;
    const { server } = keyBlock(nodeCrypto, suite, this.#master, this.#clientRandom, this.#serverRandom);
    return new RecordCipher(nodeCrypto.aead('aes-128-gcm', server.key), server.iv);
  }
}

function seal(cipher: RecordCipher, contentType: number, content: Uint8Array): Uint8Array {
  const out = new Uint8Array(5 + content.length + 24);
  cipher.seal(contentType, content, out, 0);
  return out;
}
