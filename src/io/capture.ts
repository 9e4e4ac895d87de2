// Opens captures of any kind: tells classic and pcapng apart by their first bytes, unpacks gzip, and says what other files are.
// Nothing is lost silently: what is whole comes first, then a CaptureError says where and why reading ended.

import {
  CaptureError,
  type CaptureItem,
  captureLimits,
  type Interface,
  type Packet,
  STANDARD_INPUT,
} from './capture-types.js';
import { FileWindow } from './file-window.js';
import { isPcapMagic, readPcap } from './pcap.js';
import { BLOCK, readPcapng } from './pcapng.js';

export * from './capture-types.js';

const GZIP_MAGIC = 0x1f8b;

/**
 * The items of a capture in file order, one at a time, in bounded memory. Raises CaptureError where reading ends early,
 * after all items before that place. Ending the iteration early closes the file.
 */
export async function* openCapture(file: string): AsyncGenerator<CaptureItem, void, undefined> {
  let window = await FileWindow.open(file);
  try {
    if ((await window.want(2)) && window.u16(0, false) === GZIP_MAGIC) window = window.gunzip();
    if (!(await window.want(4))) throw tooShort(window);
    const magic = window.u32(0, false);
    if (magic === BLOCK.SECTION_HEADER) yield* readPcapng(window);
    else if (isPcapMagic(magic)) yield* readPcap(window);
    else throw otherFile(file, magic);
  } finally {
    await window.close();
  }
}

export interface Capture {
  readonly packets: readonly Packet[];
  readonly interfaces: readonly Interface[];
  readonly items: readonly CaptureItem[];
}

/** The whole of a capture at once, up to `maxBytes` of it. Raises CaptureError, also when the file is cut off. */
export async function readCapture(file: string, maxBytes: number = captureLimits.loadBytes): Promise<Capture> {
  const items: CaptureItem[] = [];
  const packets: Packet[] = [];
  const interfaces: Interface[] = [];
  let bytes = 0;
  for await (const item of openCapture(file)) {
    bytes += heldBytes(item);
    if (bytes > maxBytes) throw tooLarge(file, item.fileOffset, maxBytes);
    items.push(item);
    if (item.kind === 'packet') packets.push(item);
    else if (item.kind === 'interface') interfaces.push(item);
  }
  return { packets, interfaces, items };
}

/** What an item costs to hold: its bytes, and something for the object. */
export function heldBytes(item: object): number {
  return 128 + ('data' in item && item.data instanceof Uint8Array ? item.data.length : 0);
}

export function tooLarge(file: string, offset: number, maxBytes: number): CaptureError {
  const what = `the file has more than ${maxBytes} bytes to hold at once`;
  return new CaptureError('too-large', file, offset, what, 'Split it with `editcap -c 100000 FILE NEWFILE`');
}

function tooShort(window: FileWindow): CaptureError {
  const isPiped = window.file === STANDARD_INPUT;
  const it = isPiped ? 'it' : 'the file';
  const what = window.available === 0 ? `${it} is empty` : `${it} has only ${window.available} bytes`;
  const advice = isPiped
    ? 'See whether the command before it in the pipe says why it wrote no capture'
    : 'Record again';
  return new CaptureError('not-a-capture', window.file, 0, what, advice);
}

function otherFile(file: string, magic: number): CaptureError {
  for (const [prefix, bits, what, advice] of OTHER_FILES) {
    if (magic >>> (32 - bits) === prefix) return new CaptureError('unsupported', file, 0, what, advice);
  }
  const digits = magic.toString(16).padStart(8, '0');
  const what = `neither pcap nor pcapng (it begins with ${digits})`;
  const advice = 'If Wireshark opens it, convert it with `editcap -F pcapng FILE NEWFILE`';
  return new CaptureError('not-a-capture', file, 0, what, advice);
}

const CONVERT = 'Convert it with `editcap -F pcapng FILE NEWFILE`';
const OTHER_FILES: readonly (readonly [prefix: number, bits: number, what: string, advice: string])[] = [
  [0x1f8b, 16, 'compressed with gzip twice', 'Unpack it with `gunzip` first'],
  [0x28b5_2ffd, 32, 'compressed with zstd', 'Unpack it with `unzstd` first'],
  [0xfd37_7a58, 32, 'compressed with xz', 'Unpack it with `unxz` first'],
  [0x425a_68, 24, 'compressed with bzip2', 'Unpack it with `bunzip2` first'],
  [0x0422_4d18, 32, 'compressed with lz4', 'Unpack it with `unlz4` first'],
  [0xa1b2_cd34, 32, 'a modified pcap with longer packet headers', CONVERT],
  [0x34cd_b2a1, 32, 'a modified pcap with longer packet headers', CONVERT],
  [0x736e_6f6f, 32, 'a snoop capture', CONVERT],
];
