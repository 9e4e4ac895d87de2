// Reads pcapng (IETF draft opsawg-pcapng): sections in both byte orders, interfaces, all three packet blocks, secrets
// and custom blocks. Name resolution, statistics and unknown blocks are skipped. The writer is `pcapng-writer.ts`.

import {
  CaptureError,
  type CaptureErrorKind,
  type CaptureItem,
  type Custom,
  captureLimits,
  type Interface,
  type Packet,
  readBefore,
  type Secrets,
  type Section,
  withPacketsRead,
} from './capture-types.js';
import type { FileWindow } from './file-window.js';

/** Block types (draft, section 4). A section header reads the same in both byte orders. */
export const BLOCK = {
  SECTION_HEADER: 0x0a0d_0d0a,
  INTERFACE_DESCRIPTION: 1,
  /** Obsolete, but still met. */
  PACKET: 2,
  SIMPLE_PACKET: 3,
  ENHANCED_PACKET: 6,
  DECRYPTION_SECRETS: 10,
  CUSTOM: 0x0000_0bad,
  CUSTOM_NOT_COPYABLE: 0x4000_0bad,
} as const;

/** Option codes (draft, section 3.5 and the block's own section). */
export const OPTION = {
  END: 0,
  COMMENT: 1,
  SHB_HARDWARE: 2,
  SHB_OS: 3,
  SHB_USERAPPL: 4,
  IF_NAME: 2,
  IF_TSRESOL: 9,
  IF_TSOFFSET: 14,
  /** The same code and meaning in Enhanced Packet Block and Packet Block. */
  PACKET_FLAGS: 2,
} as const;

export const BYTE_ORDER_MAGIC = 0x1a2b_3c4d;
/** Bits 0 and 1 of the flags word: 1 inbound, 2 outbound. */
export const DIRECTION_MASK = 3;

/** Type, length, and the length again at the end. */
const SMALLEST_BLOCK = 12;
const BLOCK_HEADER_BYTES = 8;

/** All items in file order. Raises CaptureError, after every block that is whole and sound. */
export async function* readPcapng(window: FileWindow): AsyncGenerator<CaptureItem, void, undefined> {
  const reader = new SectionReader(window.file);
  try {
    for (;;) {
      const block = await takeBlock(window, reader);
      if (block === undefined) return;
      const item = reader.read(block);
      if (item !== undefined) yield item;
    }
  } catch (error) {
    throw withPacketsRead(error, reader.packets);
  }
}

interface Block {
  readonly type: number;
  readonly littleEndian: boolean;
  readonly fileOffset: number;
  /** Without header and trailing length. */
  readonly body: Uint8Array;
}

async function takeBlock(window: FileWindow, reader: SectionReader): Promise<Block | undefined> {
  const fileOffset = window.offset;
  if (!(await window.want(SMALLEST_BLOCK))) {
    if (window.available === 0) return undefined;
    throw reader.cutOff(fileOffset, SMALLEST_BLOCK, window.available);
  }
  const isSection = window.u32(0, true) === BLOCK.SECTION_HEADER;
  const littleEndian = isSection ? window.u32(8, true) === BYTE_ORDER_MAGIC : reader.littleEndian;
  if (isSection && !littleEndian && window.u32(8, false) !== BYTE_ORDER_MAGIC) {
    throw reader.fault('corrupt', fileOffset + 8, 'a section header without the byte-order magic number');
  }
  const length = window.u32(4, littleEndian);
  if (length < SMALLEST_BLOCK || length % 4 !== 0) {
    throw reader.fault(
      'corrupt',
      fileOffset + 4,
      `a block length of ${length}, which must be a multiple of 4 from 12 up`,
    );
  }
  if (length > captureLimits.blockBytes) {
    throw reader.fault(
      'too-large',
      fileOffset + 4,
      `a block of ${length} bytes, more than ${captureLimits.blockBytes}`,
    );
  }
  if (!(await window.want(length))) throw reader.cutOff(fileOffset, length, window.available);
  const type = window.u32(0, littleEndian);
  const trailing = window.u32(length - 4, littleEndian);
  if (trailing !== length) {
    const what = `the block begins with length ${length} and ends with ${trailing}`;
    throw reader.fault('corrupt', fileOffset + length - 4, what);
  }
  const body = window.take(length).subarray(BLOCK_HEADER_BYTES, length - 4);
  return { type, littleEndian, fileOffset, body };
}

type Options = ReadonlyMap<number, readonly Uint8Array[]>;
const NO_OPTIONS: Options = new Map();

interface KnownInterface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Nanoseconds are units * multiplier / divisor + offset. */
  readonly multiplier: bigint;
  readonly divisor: bigint;
  readonly offsetNs: bigint;
}

/** What the blocks of a section need of those before them. */
class SectionReader {
  littleEndian = true;
  readonly #file: string;
  #interfaces: KnownInterface[] = [];
  #packets = 0;

  constructor(file: string) {
    this.#file = file;
  }

  get packets(): number {
    return this.#packets;
  }

  read(block: Block): CaptureItem | undefined {
    switch (block.type) {
      case BLOCK.SECTION_HEADER:
        return this.#section(block);
      case BLOCK.INTERFACE_DESCRIPTION:
        return this.#interface(block);
      case BLOCK.ENHANCED_PACKET:
        return this.#enhancedPacket(block);
      case BLOCK.SIMPLE_PACKET:
        return this.#simplePacket(block);
      case BLOCK.PACKET:
        return this.#obsoletePacket(block);
      case BLOCK.DECRYPTION_SECRETS:
        return this.#secrets(block);
      case BLOCK.CUSTOM:
      case BLOCK.CUSTOM_NOT_COPYABLE:
        return this.#custom(block);
      default:
        return undefined;
    }
  }

  #section(block: Block): Section {
    const fields = this.#fields(block, 16, 'section header');
    const major = fields.u16(4);
    const minor = fields.u16(6);
    // The draft: minor 2 was written by some and means the same as 0.
    if (major !== 1 || (minor !== 0 && minor !== 2)) {
      throw this.fault('unsupported', block.fileOffset + 12, `pcapng version ${major}.${minor}, not 1.0`);
    }
    this.littleEndian = block.littleEndian;
    this.#interfaces = [];
    const options = this.#options(block, 16);
    return {
      kind: 'section',
      fileOffset: block.fileOffset,
      ...textField('hardware', options.get(OPTION.SHB_HARDWARE)),
      ...textField('os', options.get(OPTION.SHB_OS)),
      ...textField('application', options.get(OPTION.SHB_USERAPPL)),
      ...textField('comment', options.get(OPTION.COMMENT)),
    };
  }

  #interface(block: Block): Interface {
    const fields = this.#fields(block, 8, 'interface description');
    const id = this.#interfaces.length;
    if (id >= captureLimits.interfaces) {
      throw this.fault('too-large', block.fileOffset, `a section of more than ${captureLimits.interfaces} interfaces`);
    }
    const linkType = fields.u16(0);
    const snapLength = fields.u32(4);
    const options = this.#options(block, 8);
    const resolution = this.#single(block, options, OPTION.IF_TSRESOL, 1, 'if_tsresol');
    const offset = this.#single(block, options, OPTION.IF_TSOFFSET, 8, 'if_tsoffset');
    this.#interfaces.push({
      linkType,
      snapLength,
      ...timeUnit(resolution?.getUint8(0) ?? 6),
      offsetNs: (offset?.getBigInt64(0, block.littleEndian) ?? 0n) * 1_000_000_000n,
    });
    return {
      kind: 'interface',
      id,
      linkType,
      snapLength,
      fileOffset: block.fileOffset,
      ...textField('name', options.get(OPTION.IF_NAME)),
      ...textField('comment', options.get(OPTION.COMMENT)),
    };
  }

  #enhancedPacket(block: Block): Packet {
    const fields = this.#fields(block, 20, 'enhanced packet');
    return this.#timedPacket(block, fields, fields.u32(0));
  }

  /** The same layout, but half of the interface id's field counts drops. */
  #obsoletePacket(block: Block): Packet {
    const fields = this.#fields(block, 20, 'packet');
    return this.#timedPacket(block, fields, fields.u16(0));
  }

  #timedPacket(block: Block, fields: Fields, interfaceId: number): Packet {
    const known = this.#known(block, interfaceId);
    const units = (BigInt(fields.u32(4)) << 32n) | BigInt(fields.u32(8));
    const capturedLength = fields.u32(12);
    const data = this.#data(block, 20, capturedLength);
    const options = this.#options(block, 20 + padded(capturedLength));
    const flags = this.#single(block, options, OPTION.PACKET_FLAGS, 4, 'the flags word');
    const bits = flags === undefined ? 0 : flags.getUint32(0, block.littleEndian) & DIRECTION_MASK;
    return {
      kind: 'packet',
      index: ++this.#packets,
      timeNs: (units * known.multiplier) / known.divisor + known.offsetNs,
      direction: bits === 1 ? 'in' : bits === 2 ? 'out' : undefined,
      linkType: known.linkType,
      interfaceId,
      data,
      originalLength: fields.u32(16),
      fileOffset: block.fileOffset,
      ...textField('comment', options.get(OPTION.COMMENT)),
    };
  }

  /** No time, and no captured length: it follows from the first interface's snap length. */
  #simplePacket(block: Block): Packet {
    const fields = this.#fields(block, 4, 'simple packet');
    const known = this.#known(block, 0);
    const originalLength = fields.u32(0);
    const capturedLength = known.snapLength === 0 ? originalLength : Math.min(originalLength, known.snapLength);
    const data = this.#data(block, 4, capturedLength);
    return {
      kind: 'packet',
      index: ++this.#packets,
      timeNs: undefined,
      direction: undefined,
      linkType: known.linkType,
      interfaceId: 0,
      data,
      originalLength,
      fileOffset: block.fileOffset,
    };
  }

  #secrets(block: Block): Secrets {
    const fields = this.#fields(block, 8, 'decryption secrets');
    const data = this.#data(block, 8, fields.u32(4));
    return { kind: 'secrets', secretsType: fields.u32(0), data, fileOffset: block.fileOffset };
  }

  #custom(block: Block): Custom {
    const fields = this.#fields(block, 4, 'custom');
    const copyable = block.type === BLOCK.CUSTOM;
    return {
      kind: 'custom',
      enterprise: fields.u32(0),
      copyable,
      data: block.body.subarray(4),
      fileOffset: block.fileOffset,
    };
  }

  #known(block: Block, interfaceId: number): KnownInterface {
    const known = this.#interfaces[interfaceId];
    if (known !== undefined) return known;
    const have = this.#interfaces.length;
    throw this.fault('corrupt', block.fileOffset, `a packet of interface ${interfaceId}, where ${have} are described`);
  }

  #fields(block: Block, wanted: number, name: string): Fields {
    if (block.body.length >= wanted) return new Fields(block);
    const what = `the ${name} block holds ${block.body.length} bytes, ${wanted} at least are needed`;
    throw this.fault('corrupt', block.fileOffset, what);
  }

  #data(block: Block, at: number, length: number): Uint8Array {
    if (length <= block.body.length - at) return block.body.subarray(at, at + length);
    const what = `${length} bytes of data in a block with room for ${block.body.length - at}`;
    throw this.fault('corrupt', block.fileOffset, what);
  }

  /** By code; a code that comes again is appended. An end-of-options option is not required (draft, section 3.5). */
  #options(block: Block, start: number): Options {
    if (start === block.body.length) return NO_OPTIONS;
    const options = new Map<number, Uint8Array[]>();
    const view = viewOf(block.body);
    let at = start;
    for (let count = 0; block.body.length - at >= 4; count++) {
      if (count === captureLimits.options) {
        throw this.fault('too-large', block.fileOffset, `a block of more than ${captureLimits.options} options`);
      }
      const code = view.getUint16(at, block.littleEndian);
      const length = view.getUint16(at + 2, block.littleEndian);
      if (code === OPTION.END) break;
      at += 4;
      if (length > block.body.length - at) {
        const what = `option ${code} wants ${length} bytes, ${block.body.length - at} are left in the block`;
        throw this.fault('corrupt', block.fileOffset + BLOCK_HEADER_BYTES + at - 4, what);
      }
      const value = block.body.subarray(at, at + length);
      const before = options.get(code);
      if (before === undefined) options.set(code, [value]);
      else before.push(value);
      at += padded(length);
    }
    return options;
  }

  /** An option of fixed length; where it wrongly comes again the first one counts. */
  #single(block: Block, options: Options, code: number, length: number, name: string): DataView | undefined {
    const value = options.get(code)?.[0];
    if (value === undefined) return undefined;
    if (value.length === length) return viewOf(value);
    throw this.fault('corrupt', block.fileOffset, `${name} has ${value.length} bytes, not ${length}`);
  }

  cutOff(fileOffset: number, wanted: number, left: number): CaptureError {
    const advice = 'Record again, or keep the whole blocks with `editcap FILE NEWFILE`';
    const what = `the last block is cut off (wants ${wanted} bytes, ${left} left); ${readBefore(this.#packets)}`;
    return new CaptureError('truncated', this.#file, fileOffset, what, advice);
  }

  fault(kind: CaptureErrorKind, fileOffset: number, what: string): CaptureError {
    const advice = 'Record again, or try what `editcap FILE NEWFILE` can save';
    return new CaptureError(kind, this.#file, fileOffset, `${what}; ${readBefore(this.#packets)}`, advice);
  }
}

/** The fixed fields of a block. */
class Fields {
  readonly #view: DataView;
  readonly #littleEndian: boolean;

  constructor(block: Block) {
    this.#view = viewOf(block.body);
    this.#littleEndian = block.littleEndian;
  }

  u16(at: number): number {
    return this.#view.getUint16(at, this.#littleEndian);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, this.#littleEndian);
  }
}

/** if_tsresol: a power of 10, or with the top bit set a power of 2, of which one second has so many units. */
function timeUnit(resolution: number): { multiplier: bigint; divisor: bigint } {
  const exponent = BigInt(resolution & 0x7f);
  if (resolution & 0x80) return { multiplier: 1_000_000_000n, divisor: 1n << exponent };
  if (exponent <= 9n) return { multiplier: 10n ** (9n - exponent), divisor: 1n };
  return { multiplier: 1n, divisor: 10n ** (exponent - 9n) };
}

/** The draft: a reader may repair what is not UTF-8; TextDecoder puts U+FFFD there. */
const utf8 = new TextDecoder('utf-8');

function textField<Name extends string>(
  name: Name,
  values: readonly Uint8Array[] | undefined,
): { [N in Name]?: string } {
  if (values === undefined) return {};
  const text = values.map((value) => utf8.decode(value)).join('\n');
  return { [name]: text } as { [N in Name]?: string };
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
