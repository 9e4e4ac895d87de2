// Encodes pcapng blocks (IETF draft opsawg-pcapng), little-endian, into one growing buffer. Where the bytes go, and
// when, is the owner's business (`bench/recording.ts`).

import type { Interface, Packet } from './capture-types.js';
import { BLOCK, BYTE_ORDER_MAGIC, OPTION } from './pcapng.js';

/** Type, length and trailing length. */
const FRAME_BYTES = 12;
const MICROSECONDS = 6;
const NANOSECONDS = 9;
const MOST_UNITS = (1n << 64n) - 1n;
const utf8 = new TextEncoder();

export class PcapngWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes that were written since the last `clear`. */
  get length(): number {
    return this.#length;
  }

  /** Whole blocks; valid until the next call. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Empty texts are left out. */
  section(hardware: string, os: string, application: string, comment = ''): void {
    const start = this.#begin(BLOCK.SECTION_HEADER);
    this.#u32(BYTE_ORDER_MAGIC);
    this.#u16(1);
    this.#u16(0);
    // Section length -1: not known.
    this.#u32(0xffff_ffff);
    this.#u32(0xffff_ffff);
    this.#textOption(OPTION.SHB_HARDWARE, hardware);
    this.#textOption(OPTION.SHB_OS, os);
    this.#textOption(OPTION.SHB_USERAPPL, application);
    this.#textOption(OPTION.COMMENT, comment);
    this.#u32(OPTION.END);
    this.#end(start);
  }

  /** Time stamps in microseconds. `snapLength` 0: no limit. */
  interface(linkType: number, snapLength: number, name: string): void {
    const start = this.#begin(BLOCK.INTERFACE_DESCRIPTION);
    this.#u16(linkType);
    this.#u16(0);
    this.#u32(snapLength);
    this.#textOption(OPTION.IF_NAME, name);
    this.#u16(OPTION.IF_TSRESOL);
    this.#u16(1);
    this.#u32(MICROSECONDS);
    this.#u32(OPTION.END);
    this.#end(start);
  }

  /** One of another capture, for `packetOf`: its time stamps are in nanoseconds. */
  interfaceOf({ linkType, snapLength, name = '', comment = '' }: Interface): void {
    const start = this.#begin(BLOCK.INTERFACE_DESCRIPTION);
    this.#u16(linkType);
    this.#u16(0);
    this.#u32(snapLength);
    this.#textOption(OPTION.IF_NAME, name);
    this.#textOption(OPTION.COMMENT, comment);
    this.#u16(OPTION.IF_TSRESOL);
    this.#u16(1);
    this.#u32(NANOSECONDS);
    this.#u32(OPTION.END);
    this.#end(start);
  }

  /** A packet of another capture as it is there. Without a time it gets 1970, as Wireshark's tools have it. */
  packetOf(interfaceId: number, { timeNs = 0n, direction, data, originalLength, comment = '' }: Packet): void {
    // The format's time stamps are unsigned.
    const units = timeNs < 0n ? 0n : timeNs > MOST_UNITS ? MOST_UNITS : timeNs;
    const start = this.#begin(BLOCK.ENHANCED_PACKET);
    this.#u32(interfaceId);
    this.#u32(Number(units >> 32n));
    this.#u32(Number(units & 0xffff_ffffn));
    this.#u32(data.length);
    this.#u32(originalLength);
    this.#padded(data);
    if (direction !== undefined) {
      this.#u16(OPTION.PACKET_FLAGS);
      this.#u16(4);
      this.#u32(direction === 'in' ? 1 : 2);
    }
    this.#textOption(OPTION.COMMENT, comment);
    if (direction !== undefined || comment !== '') this.#u32(OPTION.END);
    this.#end(start);
  }

  /** An Enhanced Packet Block. `unixUs` is a safe integer. */
  packet(interfaceId: number, unixUs: number, direction: 'in' | 'out', data: Uint8Array): void {
    const start = this.#begin(BLOCK.ENHANCED_PACKET);
    this.#u32(interfaceId);
    this.#u32(Math.floor(unixUs / 0x1_0000_0000));
    this.#u32(unixUs % 0x1_0000_0000);
    this.#u32(data.length);
    this.#u32(data.length);
    this.#padded(data);
    this.#u16(OPTION.PACKET_FLAGS);
    this.#u16(4);
    this.#u32(direction === 'in' ? 1 : 2);
    this.#u32(OPTION.END);
    this.#end(start);
  }

  /** A Decryption Secrets Block. TLS key log lines end in a line feed each. */
  secrets(secretsType: number, text: string): void {
    const data = utf8.encode(text);
    const start = this.#begin(BLOCK.DECRYPTION_SECRETS);
    this.#u32(secretsType);
    this.#u32(data.length);
    this.#padded(data);
    this.#end(start);
  }

  /** A Custom Block without options. Data that is no multiple of 4 is filled with zeros, which the reader gets too. */
  custom(enterprise: number, data: Uint8Array, copyable: boolean): void {
    const start = this.#begin(copyable ? BLOCK.CUSTOM : BLOCK.CUSTOM_NOT_COPYABLE);
    this.#u32(enterprise);
    this.#padded(data);
    this.#end(start);
  }

  /** Takes the last bytes, from `at` on (whole blocks), in front of the block that begins at `before`. */
  moveBack(at: number, before: number): void {
    const moved = this.#bytes.slice(at, this.#length);
    this.#bytes.copyWithin(before + moved.length, before, at);
    this.#bytes.set(moved, before);
  }

  #begin(type: number): number {
    const start = this.#length;
    this.#u32(type);
    this.#u32(0);
    return start;
  }

  #end(start: number): void {
    const length = this.#length + 4 - start;
    this.#u32(length);
    this.#view.setUint32(start + 4, length, true);
  }

  #textOption(code: number, text: string): void {
    if (text === '') return;
    // An option's length field has 16 bits.
    const value = utf8.encode(text).subarray(0, 0xffff);
    this.#u16(code);
    this.#u16(value.length);
    this.#padded(value);
  }

  #padded(data: Uint8Array): void {
    const size = (data.length + 3) & ~3;
    const at = this.#grow(size);
    this.#bytes.set(data, at);
    this.#bytes.fill(0, at + data.length, at + size);
  }

  #u16(value: number): void {
    // Growing replaces the view, so it comes first.
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
  }

  #u32(value: number): void {
    // Growing replaces the view, so it comes first.
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  #grow(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed + FRAME_BYTES, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = needed;
    return at;
  }
}
