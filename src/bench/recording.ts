// A run as a file: writes recordings while they happen. The format is pcapng with two kinds of custom block on top, and
// is told in `recording-format.ts`; `recording-reader.ts` reads it back.

import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { arch, platform, release } from 'node:os';
import type { Direction } from '../core/trace.js';
import type { Micros } from '../core/types.js';
import { LINKTYPE, SECRETS_TLS_KEY_LOG } from '../io/capture-types.js';
import { PcapngWriter } from '../io/pcapng-writer.js';
import { encodeAnswer, type RecordedInput } from './recording-answer.js';
import { ENTERPRISE, encodeEvent, encodeManifest, type RecordingManifest, type RunEvent } from './recording-format.js';

export * from './recording-answer.js';
export * from './recording-format.js';
export * from './recording-reader.js';

export const recordingLimits = {
  /** Written to the file at a time. */
  chunkBytes: 128 * 1024,
  /** Held back at most: inbound packets of one instant wait, because secrets that they open go in front of them. */
  heldBytes: 4 * 1024 * 1024,
} as const;

/** A recording could not be written. The message says all of it; every call after it raises the same error again. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
  readonly file: string;
  /** As the system names it: ENOSPC, EACCES, ... */
  readonly code: string;
  readonly what: string;
  readonly advice: string;

  constructor(file: string, code: string, what: string, advice: string) {
    super(`${file}: ${what} (${code}). ${advice}`);
    this.file = file;
    this.code = code;
    this.what = what;
    this.advice = advice;
  }
}

/**
 * Appends to a recording, buffered and synchronous. At the end of `flush`, and after an error, the file ends with a whole
 * block. An existing file is overwritten, as capture tools do; a new one can be read by its owner only, for it holds
 * secrets. The constructor writes the beginning, so that a path or disk that cannot be used shows before the run starts.
 */
export class RecordingWriter {
  readonly #file: string;
  readonly #fd: number;
  readonly #ownsFd: boolean;
  readonly #startUnixUs: number;
  readonly #blocks = new PcapngWriter(recordingLimits.chunkBytes + 65_536 + 64);
  /** Where in the buffer the packets of the current instant begin, or -1: see `secret`. */
  #instantStart = -1;
  #instantUs: Micros = -1;
  #writtenBytes = 0;
  #error: RecordingError | undefined;
  #closed = false;

  /** `target`: a path, or the descriptor of a file that the caller closes. Raises RecordingError. */
  constructor(target: string | number, manifest: RecordingManifest) {
    this.#file = typeof target === 'string' ? target : `descriptor ${target}`;
    this.#ownsFd = typeof target === 'string';
    this.#startUnixUs = manifest.startUnixUs;
    // Before the file is touched: config that is no JSON throws here.
    const start = encodeManifest(manifest);
    this.#fd = typeof target === 'string' ? this.#open(target) : target;
    this.#blocks.section(arch(), `${platform()} ${release()}`, `wirebench ${manifest.wirebench}`);
    // The interface comes before the manifest: Wireshark's tools (4.0) take a section whose first block is a custom one
    // for a file that cannot be rewritten.
    this.#blocks.interface(LINKTYPE.RAW, 0, 'wirebench');
    this.#blocks.custom(ENTERPRISE, start, true);
    try {
      this.flush();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Bytes in the file so far. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** `data` is an IP packet, copied here. Record an inbound packet before it is handled. */
  packet(atUs: Micros, dir: Direction, data: Uint8Array): void {
    this.#check();
    const continues = dir === 'in' && this.#instantStart >= 0 && this.#instantUs === atUs;
    if (!continues) {
      if (this.#blocks.length >= recordingLimits.chunkBytes) this.#write();
      this.#instantStart = dir === 'in' ? this.#blocks.length : -1;
      this.#instantUs = atUs;
    } else if (this.#blocks.length >= recordingLimits.heldBytes) {
      this.#write();
      this.#instantStart = 0;
    }
    this.#blocks.packet(0, this.#startUnixUs + atUs, dir, data);
  }

  /**
   * A line of the key log, without its line feed. It becomes known while an inbound packet is handled that may already
   * hold records it opens (a client's Finished travels with its key exchange), and readers want it before those: so it
   * goes in front of the inbound packets of the same instant.
   */
  secret(line: string): void {
    this.#check();
    const at = this.#blocks.length;
    this.#blocks.secrets(SECRETS_TLS_KEY_LOG, `${line}\n`);
    if (this.#instantStart < 0) return;
    const length = this.#blocks.length - at;
    this.#blocks.moveBack(at, this.#instantStart);
    this.#instantStart += length;
  }

  /** A timed input that is no packet, or the end of the run. */
  event(event: RunEvent): void {
    this.#check();
    this.#instantStart = -1;
    this.#blocks.custom(ENTERPRISE, encodeEvent(event), true);
  }

  /** A timed input that came from outside; copied here. Record it before it is given to the core. */
  answer(input: RecordedInput): void {
    this.#check();
    if (this.#blocks.length >= recordingLimits.chunkBytes) this.#write();
    this.#instantStart = -1;
    this.#blocks.custom(ENTERPRISE, encodeAnswer(input), true);
  }

  /** Everything up to here is in the file then. */
  flush(): void {
    this.#check();
    this.#write();
    this.#instantStart = -1;
  }

  /** Flushes, and closes what the constructor opened. A second call does nothing. */
  close(): void {
    if (this.#closed) return;
    try {
      if (this.#error === undefined) this.flush();
    } finally {
      this.#closed = true;
      if (this.#ownsFd) closeSync(this.#fd);
    }
  }

  #check(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#closed) throw new RecordingError(this.#file, 'closed', 'the recording is closed', 'Start a new one');
  }

  #open(file: string): number {
    try {
      return openSync(file, 'w', 0o600);
    } catch (error) {
      throw toRecordingError(file, error);
    }
  }

  #write(): void {
    const bytes = this.#blocks.view();
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done, bytes.length - done);
    } catch (error) {
      this.#cutToWholeBlocks(bytes, done);
      this.#error = toRecordingError(this.#file, error);
      throw this.#error;
    }
    this.#writtenBytes += done;
    this.#blocks.clear();
  }

  /** After a partial write (disk full): so that the file is a sound, shorter recording. */
  #cutToWholeBlocks(bytes: Uint8Array, done: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let whole = 0;
    while (whole < done) {
      const next = whole + view.getUint32(whole + 4, true);
      if (next > done) break;
      whole = next;
    }
    this.#writtenBytes += whole;
    if (whole === done) return;
    try {
      const { size } = fstatSync(this.#fd);
      ftruncateSync(this.#fd, size - (done - whole));
    } catch {
      // A pipe or device cannot be cut; the write's own error is what the caller has to hear.
    }
  }
}

function toRecordingError(file: string, error: unknown): RecordingError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const known = REASONS.get(code);
  return new RecordingError(
    file,
    code,
    known?.[0] ?? 'the recording cannot be written',
    known?.[1] ?? 'Name another file',
  );
}

const REASONS = new Map<string, readonly [what: string, advice: string]>([
  ['EISDIR', ['the recording cannot be written: this is a directory', 'Name a file in it']],
  ['ENOENT', ['the recording cannot be written: its directory does not exist', 'Make the directory first']],
  ['ENOTDIR', ['the recording cannot be written: a part of its path is no directory', 'Check the path']],
  ['EACCES', ['the recording cannot be written: no permission', 'Name a file in a directory of your own']],
  ['EPERM', ['the recording cannot be written: no permission', 'Name a file in a directory of your own']],
  ['EROFS', ['the recording cannot be written: the file system is read-only', 'Name a file on another disk']],
  ['ENOSPC', ['the disk is full; the recording ends with its last whole block', 'Make room, or name another disk']],
  ['EDQUOT', ['the quota is used up; the recording ends with its last whole block', 'Make room and record again']],
  ['EPIPE', ['nobody reads the recording any more', 'Keep the reader running, or record to a file']],
]);
