// Capture files for tests: a scratch directory, builders of both formats in both byte orders that share no code with the
// readers and writers under test, and the tools of Wireshark where they are installed.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureError, type CaptureItem, openCapture, type Packet } from '../../src/io/capture.js';
import { concat } from './bytes.js';

/** Gives the path of a new file in a directory that goes away with the process. */
export function scratch(): { path(name: string): string; write(name: string, bytes: Uint8Array): string } {
  const directory = mkdtempSync(join(tmpdir(), 'wirebench-test-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const path = (name: string): string => join(directory, name);
  return {
    path,
    write(name, bytes) {
      writeFileSync(path(name), bytes);
      return path(name);
    },
  };
}

/** Fixed-width numbers in one byte order. */
export function numbers(littleEndian: boolean): {
  u16(...values: number[]): Uint8Array;
  u32(...values: number[]): Uint8Array;
  u64(...values: bigint[]): Uint8Array;
} {
  const build = (size: number, count: number, put: (view: DataView, index: number) => void): Uint8Array => {
    const bytes = new Uint8Array(size * count);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < count; index++) put(view, index);
    return bytes;
  };
  return {
    u16: (...v) => build(2, v.length, (view, i) => view.setUint16(2 * i, v[i]!, littleEndian)),
    u32: (...v) => build(4, v.length, (view, i) => view.setUint32(4 * i, v[i]!, littleEndian)),
    u64: (...v) => build(8, v.length, (view, i) => view.setBigUint64(8 * i, v[i]!, littleEndian)),
  };
}

/** A classic capture; each record is seconds, fraction, data and the original length. */
export function pcapFile(
  records: readonly (readonly [seconds: number, fraction: number, data: Uint8Array, originalLength?: number])[],
  options: {
    littleEndian?: boolean;
    magic?: number;
    snapLength?: number;
    network?: number;
    version?: [number, number];
  } = {},
): Uint8Array {
  const { u16, u32 } = numbers(options.littleEndian ?? true);
  const header = concat(
    u32(options.magic ?? 0xa1b2c3d4),
    u16(...(options.version ?? [2, 4])),
    u32(0, 0, options.snapLength ?? 65535, options.network ?? 101),
  );
  const body = records.map(([seconds, fraction, data, originalLength]) =>
    concat(u32(seconds, fraction, data.length, originalLength ?? data.length), data),
  );
  return concat(header, ...body);
}

export type PcapngBuilder = ReturnType<typeof pcapngBlocks>;

/** pcapng blocks in one byte order. */
export function pcapngBlocks(littleEndian: boolean) {
  const { u16, u32, u64 } = numbers(littleEndian);
  const pad = (data: Uint8Array): Uint8Array => concat(data, new Uint8Array((4 - (data.length % 4)) % 4));
  const block = (type: number, ...parts: Uint8Array[]): Uint8Array => {
    const body = concat(...parts);
    return concat(u32(type, body.length + 12), body, u32(body.length + 12));
  };
  const option = (code: number, value: Uint8Array): Uint8Array => concat(u16(code, value.length), pad(value));
  const end = u32(0);
  return {
    u16,
    u32,
    u64,
    pad,
    block,
    option,
    end,
    section: (...options: Uint8Array[]) =>
      block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(1, 0), u32(0xffffffff, 0xffffffff), ...options),
    interface: (linkType: number, snapLength: number, ...options: Uint8Array[]) =>
      block(1, u16(linkType, 0), u32(snapLength), ...options),
    enhanced: (id: number, units: bigint, data: Uint8Array, ...options: Uint8Array[]) =>
      block(
        6,
        u32(id, Number(units >> 32n), Number(units & 0xffffffffn), data.length, data.length),
        pad(data),
        ...options,
      ),
    simple: (originalLength: number, data: Uint8Array) => block(3, u32(originalLength), pad(data)),
    secrets: (type: number, data: Uint8Array) => block(10, u32(type, data.length), pad(data)),
    custom: (type: number, enterprise: number, data: Uint8Array) => block(type, u32(enterprise), data),
  };
}

/** All items, and the error where reading ended with one. Anything but a CaptureError is thrown on. */
export async function readAll(
  file: string,
): Promise<{ items: CaptureItem[]; packets: Packet[]; error: CaptureError | undefined }> {
  const items: CaptureItem[] = [];
  let error: CaptureError | undefined;
  try {
    for await (const item of openCapture(file)) items.push(item);
  } catch (thrown) {
    if (!(thrown instanceof CaptureError)) throw thrown;
    error = thrown;
  }
  return { items, packets: items.filter((item) => item.kind === 'packet'), error };
}

/** Runs a command and gives its output; a status other than 0 fails with what it said. */
export function run(tool: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(tool, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${tool} ${args.join(' ')}: status ${status}: ${stderr}`);
  return stdout;
}
