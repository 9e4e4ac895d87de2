// What a capture file gives, whatever its format, and the one error that reading raises. The formats follow the IETF
// drafts opsawg-pcap and opsawg-pcapng; reading itself is in `capture.ts`, `pcap.ts` and `pcapng.ts`.

/** The bounds of reading: the file cannot make us hold more than these, whatever its length fields say. */
export const captureLimits = {
  /** Read from the file at a time. */
  chunkBytes: 256 * 1024,
  /** One pcapng block. Wireshark has the same bound, so that one corrupt length does not ask for 4 GiB. */
  blockBytes: 16 * 1024 * 1024,
  /** Captured bytes of one packet in a classic capture: libpcap's largest snap length. */
  packetBytes: 262_144,
  /** Interfaces of one pcapng section; each is kept until the section ends. */
  interfaces: 65_536,
  /** Options of one pcapng block; each costs an object, and a block of 16 MiB has room for four million. */
  options: 1_024,
  /** What `readCapture` and `loadRecording` hold at once: packet data, secrets and custom blocks together. */
  loadBytes: 512 * 1024 * 1024,
} as const;

/** Link-layer types, named as in the IETF draft opsawg-pcaplinktype. */
export const LINKTYPE = {
  NULL: 0,
  ETHERNET: 1,
  /** DLT_RAW as it is called on most systems, and on OpenBSD: some write that into files, where 101 should be. */
  DLT_RAW: 12,
  DLT_RAW_OPENBSD: 14,
  RAW: 101,
  LOOP: 108,
  LINUX_SLL: 113,
  IPV4: 228,
  IPV6: 229,
  LINUX_SLL2: 276,
} as const;

export interface Packet {
  readonly kind: 'packet';
  /** 1 is the first packet of the file. */
  readonly index: number;
  /** Since 1970-01-01 UTC; finer resolutions are cut to nanoseconds. Undefined in a pcapng Simple Packet Block. */
  readonly timeNs: bigint | undefined;
  /** As the capturing machine saw it; undefined where the format does not say (always so in classic captures). */
  readonly direction: 'in' | 'out' | undefined;
  readonly linkType: number;
  /** As in `Interface`; absent where a packet was not read from a file. */
  readonly interfaceId?: number;
  /** What was captured. It stays valid. */
  readonly data: Uint8Array;
  /** Bytes on the wire. */
  readonly originalLength: number;
  /** Of the packet's record or block in the file. */
  readonly fileOffset: number;
  /** Several comments are joined by line feeds. */
  readonly comment?: string;
}

/** A pcapng Section Header Block. Interface ids begin again at 0. */
export interface Section {
  readonly kind: 'section';
  readonly fileOffset: number;
  readonly hardware?: string;
  readonly os?: string;
  readonly application?: string;
  readonly comment?: string;
}

/** A pcapng Interface Description Block, or the file header of a classic capture. */
export interface Interface {
  readonly kind: 'interface';
  readonly id: number;
  readonly linkType: number;
  /** 0: no limit. */
  readonly snapLength: number;
  readonly fileOffset: number;
  readonly name?: string;
  readonly comment?: string;
}

/** A pcapng Decryption Secrets Block. */
export interface Secrets {
  readonly kind: 'secrets';
  /** `SECRETS_TLS_KEY_LOG` or another code of the draft. */
  readonly secretsType: number;
  readonly data: Uint8Array;
  readonly fileOffset: number;
}

/** A pcapng Custom Block. */
export interface Custom {
  readonly kind: 'custom';
  /** IANA private enterprise number. */
  readonly enterprise: number;
  /** Whether tools may copy the block into a changed file. */
  readonly copyable: boolean;
  /** All behind the number: the format has no length for it, so padding and options are included. */
  readonly data: Uint8Array;
  readonly fileOffset: number;
}

export type CaptureItem = Packet | Section | Interface | Secrets | Custom;

/** The format's codes that readers of `Secrets` need. */
export const SECRETS_TLS_KEY_LOG = 0x544c_534b;

/**
 * unreadable: the file system refuses. not-a-capture: another kind of file. unsupported: a capture we do not read.
 * truncated: the file ends within a record. corrupt: lengths or values that contradict each other. too-large: past a
 * bound of `captureLimits`. not-a-recording and newer-format: from `readRecording` only.
 */
export type CaptureErrorKind =
  | 'unreadable'
  | 'not-a-capture'
  | 'unsupported'
  | 'truncated'
  | 'corrupt'
  | 'too-large'
  | 'not-a-recording'
  | 'newer-format';

/** What names standard input where a file is wanted. */
export const STANDARD_INPUT = '-';

/** The only error that reading captures and recordings raises. The message says all of it. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  readonly kind: CaptureErrorKind;
  readonly file: string;
  /** Bytes from the beginning of the file. */
  readonly offset: number;
  readonly what: string;
  readonly advice: string;
  /** Packets that came before that place. */
  packetsRead = 0;

  constructor(kind: CaptureErrorKind, file: string, offset: number, what: string, advice: string) {
    // A file that could not be opened has no place in it to look at.
    super(
      `${file === STANDARD_INPUT ? 'standard input' : file}: ${kind === 'unreadable' ? '' : `offset ${offset}: `}${what}. ${advice}`,
    );
    this.kind = kind;
    this.file = file;
    this.offset = offset;
    this.what = what;
    this.advice = advice;
  }
}

/** To be called where reading ended, with what there was by then: gives the error to throw. */
export function withPacketsRead(error: unknown, packets: number): unknown {
  if (error instanceof CaptureError) error.packetsRead = packets;
  return error;
}

/** The second half of a truncation's text: what was saved. */
export function readBefore(packets: number): string {
  return `everything before it was read (${packets} ${packets === 1 ? 'packet' : 'packets'})`;
}
