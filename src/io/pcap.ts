// Classic captures (IETF draft opsawg-pcap), microsecond and nanosecond, both byte orders. The npm package pcap-parser
// reads the records; what it trusts or keeps silent about is checked here before it sees a byte. pcapng: `pcapng.ts`.

import { EventEmitter } from 'node:events';
import { type ParsedPacket, parse } from 'pcap-parser';
import {
  CaptureError,
  captureLimits,
  type Interface,
  type Packet,
  readBefore,
  withPacketsRead,
} from './capture-types.js';
import type { FileWindow } from './file-window.js';

/** Seconds and microseconds; the first four bytes, read as big-endian. */
const MAGIC_MICROSECONDS = 0xa1b2_c3d4;
const MAGIC_NANOSECONDS = 0xa1b2_3c4d;
const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;

export function isPcapMagic(magic: number): boolean {
  return byteOrderOf(magic) !== undefined;
}

/** The interface of the file header, then the packets. Raises CaptureError, after every packet that is whole. */
export async function* readPcap(window: FileWindow): AsyncGenerator<Interface | Packet, void, undefined> {
  const header = await readFileHeader(window);
  yield { kind: 'interface', id: 0, linkType: header.linkType, snapLength: header.snapLength, fileOffset: 0 };
  const library = new Library(header.bytes);
  let index = 0;
  try {
    for (;;) {
      const fileOffset = window.offset;
      const run = await takeWholeRecords(window, header, index);
      if (run === undefined) return;
      let at = fileOffset;
      let records = 0;
      for (const parsed of library.feed(run.bytes)) {
        index++;
        records++;
        yield toPacket(parsed, header, index, at);
        at += RECORD_HEADER_BYTES + parsed.header.capturedLength;
      }
      // The walk and the library count the same records; were it otherwise, packets would be lost without a word.
      if (records !== run.records || library.error !== undefined) {
        const why = library.error?.message ?? `${run.records} records begin here, ${records} were read`;
        throw new CaptureError('corrupt', window.file, at, why, REWRITE);
      }
    }
  } catch (error) {
    throw withPacketsRead(error, index);
  }
}

interface FileHeader {
  /** As the library gets it: always with the microsecond magic number. */
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly nanoseconds: boolean;
  readonly snapLength: number;
  readonly linkType: number;
  readonly largestPacket: number;
}

async function readFileHeader(window: FileWindow): Promise<FileHeader> {
  if (!(await window.want(FILE_HEADER_BYTES))) {
    const what = `the file header is cut off (wants ${FILE_HEADER_BYTES} bytes, ${window.available} there)`;
    throw new CaptureError('truncated', window.file, 0, what, 'Record again');
  }
  const { littleEndian, nanoseconds } = byteOrderOf(window.u32(0, false))!;
  const major = window.u16(4, littleEndian);
  const minor = window.u16(6, littleEndian);
  // The draft has 2.4 only. Up to 2.3 the two lengths of a record stood in another order, so guessing would misread.
  if (major !== 2 || minor !== 4) {
    throw new CaptureError(
      'unsupported',
      window.file,
      4,
      `classic capture version ${major}.${minor}, not 2.4`,
      REWRITE,
    );
  }
  const snapLength = window.u32(16, littleEndian);
  // The upper half of the last field says how long the frame check sequence is; only the lower 16 bits are the type.
  const linkType = window.u32(20, littleEndian) & 0xffff;
  const bytes = window.take(FILE_HEADER_BYTES).slice();
  if (nanoseconds) new DataView(bytes.buffer).setUint32(0, MAGIC_MICROSECONDS, littleEndian);
  const unlimited = snapLength === 0 || snapLength > captureLimits.packetBytes;
  const largestPacket = unlimited ? captureLimits.packetBytes : snapLength;
  return { bytes, littleEndian, nanoseconds, snapLength, linkType, largestPacket };
}

function byteOrderOf(magic: number): { littleEndian: boolean; nanoseconds: boolean } | undefined {
  switch (magic) {
    case MAGIC_MICROSECONDS:
      return { littleEndian: false, nanoseconds: false };
    case 0xd4c3_b2a1:
      return { littleEndian: true, nanoseconds: false };
    case MAGIC_NANOSECONDS:
      return { littleEndian: false, nanoseconds: true };
    case 0x4d3c_b2a1:
      return { littleEndian: true, nanoseconds: true };
    default:
      return undefined;
  }
}

/**
 * The records that lie whole in what is read of the file, one at least; undefined at the end. The library gets nothing
 * but whole records: it would keep silent about a cut-off one, and copy all it holds for each chunk of a long one.
 */
async function takeWholeRecords(
  window: FileWindow,
  header: FileHeader,
  packets: number,
): Promise<{ bytes: Uint8Array; records: number } | undefined> {
  if (!(await window.want(RECORD_HEADER_BYTES))) {
    if (window.available === 0) return undefined;
    throw cutOff(window, RECORD_HEADER_BYTES, packets);
  }
  const capturedLength = window.u32(8, header.littleEndian);
  if (isTooLong(window, 0, header)) throw tooLong(window, header, capturedLength, packets);
  let length = RECORD_HEADER_BYTES + capturedLength;
  if (!(await window.want(length))) throw cutOff(window, length, packets);
  let records = 1;
  while (window.available - length >= RECORD_HEADER_BYTES) {
    const nextLength = window.u32(length + 8, header.littleEndian);
    if (isTooLong(window, length, header)) break;
    if (window.available - length < RECORD_HEADER_BYTES + nextLength) break;
    length += RECORD_HEADER_BYTES + nextLength;
    records++;
  }
  return { bytes: window.take(length), records };
}

/**
 * Of the record that begins `ahead`. Some writers name a snap length that they do not heed (dpkt: 1500 for frames of 1514):
 * as tcpdump and Wireshark, we take a longer packet, if it is whole, as corrupt lengths hardly are.
 */
function isTooLong(window: FileWindow, ahead: number, { littleEndian, largestPacket }: FileHeader): boolean {
  const capturedLength = window.u32(ahead + 8, littleEndian);
  if (capturedLength <= largestPacket) return false;
  return capturedLength > captureLimits.packetBytes || capturedLength !== window.u32(ahead + 12, littleEndian);
}

function cutOff(window: FileWindow, wanted: number, packets: number): CaptureError {
  const what = `the last packet is cut off (wants ${wanted} bytes, ${window.available} left); ${readBefore(packets)}`;
  const advice = 'Record again, or keep the whole packets with `editcap FILE NEWFILE`';
  return new CaptureError('truncated', window.file, window.offset, what, advice);
}

function tooLong(window: FileWindow, header: FileHeader, capturedLength: number, packets: number): CaptureError {
  const what = `packet ${packets + 1} says ${capturedLength} captured bytes, but the file's snap length allows ${header.largestPacket}`;
  return new CaptureError('corrupt', window.file, window.offset, `${what}; ${readBefore(packets)}`, REWRITE);
}

const REWRITE = 'Record again, or have it rewritten with `editcap -F pcapng FILE NEWFILE`';

/**
 * pcap-parser behind a stream of our own: it parses within `emit('data')`, so feeding is a plain call. It knows only the
 * microsecond magic number but passes the fraction field on as it is, so a nanosecond file, presented with the
 * microsecond magic number, loses no digit.
 */
class Library {
  error: Error | undefined;
  readonly #stream = Object.assign(new EventEmitter(), { pause: () => {}, resume: () => {} });
  #packets: ParsedPacket[] = [];

  constructor(fileHeader: Uint8Array) {
    const parser = parse(this.#stream);
    parser.on('packet', (packet: ParsedPacket) => this.#packets.push(packet));
    parser.on('error', (error: Error) => {
      this.error = error;
    });
    this.feed(fileHeader);
  }

  feed(bytes: Uint8Array): ParsedPacket[] {
    this.#packets = [];
    this.#stream.emit('data', Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    return this.#packets;
  }
}

function toPacket(parsed: ParsedPacket, header: FileHeader, index: number, fileOffset: number): Packet {
  const { timestampSeconds, timestampMicroseconds: fraction, originalLength } = parsed.header;
  const fractionNs = header.nanoseconds ? fraction : fraction * 1000;
  return {
    kind: 'packet',
    index,
    timeNs: BigInt(timestampSeconds) * 1_000_000_000n + BigInt(fractionNs),
    direction: undefined,
    linkType: header.linkType,
    interfaceId: 0,
    data: new Uint8Array(parsed.data.buffer, parsed.data.byteOffset, parsed.data.length),
    originalLength,
    fileOffset,
  };
}
