// Where a capture is written to: a file that takes its place whole, under its name, when all of it is there; a pipe or a device, to which
// it goes as it comes; or standard output. It never takes the place of a file that it is made of.

import {
  closeSync,
  fstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { STANDARD_INPUT } from './capture-types.js';
import { FileError } from './errors.js';

/** What names standard output where a file is wanted. */
export const STANDARD_OUTPUT = '-';

/** `kill`, and a terminal that is closed. What Ctrl-C does is up to who reads. */
const AT_ONCE = ['SIGTERM', 'SIGHUP'] as const;

export class CaptureFile {
  /** For messages. */
  readonly name: string;
  readonly #fd: number | undefined;
  /** Where the file is made; undefined: in its own place. */
  readonly #part: string | undefined;
  readonly #path: string;
  #isOpen = true;
  readonly #onExit = (): void => this.discard();
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.discard();
    process.kill(process.pid, signal);
  };

  /** `sources`: the files that it is made of, `-` being standard input. Raises FileError. */
  constructor(target: string, sources: readonly string[]) {
    this.#path = target;
    this.name = target === STANDARD_OUTPUT ? 'standard output' : target;
    if (target === STANDARD_OUTPUT) return;
    const there = attempt(target, () => statSync(target, { throwIfNoEntry: false }));
    if (there !== undefined) {
      const source = sources.find((file) => isSame(there, file));
      if (source !== undefined) {
        const what = source === STANDARD_INPUT ? 'it is what is read from standard input' : 'it is read from as well';
        throw new FileError(target, what, 'write to another file');
      }
      // Renaming would put a file in the place of the device.
      if (!there.isFile()) {
        this.#fd = attempt(target, () => openSync(target, 'w'));
        return;
      }
      this.#path = attempt(target, () => realpathSync(target));
    }
    const part = join(dirname(this.#path), `.${basename(this.#path)}.${process.pid}.part`);
    // It may hold secrets of TLS: a new one is for its owner, as a recording is.
    const mode = there === undefined ? 0o600 : there.mode & 0o777;
    this.#fd = attempt(target, () => openSync(part, 'w', mode));
    this.#part = part;
    // Ctrl-C, or nobody who reads what is printed, ends the process at once.
    process.once('exit', this.#onExit);
    for (const signal of AT_ONCE) process.once(signal, this.#onSignal);
  }

  /** The bytes are taken before it returns. */
  write(bytes: Uint8Array): void {
    if (this.#fd === undefined) {
      process.stdout.write(bytes.slice());
      return;
    }
    const fd = this.#fd;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } catch (error) {
      this.discard();
      throw unwritable(this.name, error);
    }
  }

  /** The file is whole, and takes its place. */
  keep(): void {
    if (!this.#close()) return;
    try {
      if (this.#part !== undefined) renameSync(this.#part, this.#path);
    } catch (error) {
      this.discard();
      throw unwritable(this.name, error);
    }
    this.#forget();
  }

  /** There is nothing to keep. */
  discard(): void {
    this.#close();
    this.#forget();
    if (this.#part !== undefined) rmSync(this.#part, { force: true });
  }

  #forget(): void {
    process.off('exit', this.#onExit);
    for (const signal of AT_ONCE) process.off(signal, this.#onSignal);
  }

  #close(): boolean {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    if (wasOpen && this.#fd !== undefined) closeSync(this.#fd);
    return wasOpen;
  }
}

function isSame({ dev, ino }: Stats, source: string): boolean {
  try {
    const stats = source === STANDARD_INPUT ? fstatSync(0) : statSync(source);
    return stats.isFile() && stats.dev === dev && stats.ino === ino;
  } catch {
    // Who reads it says what is wrong with it.
    return false;
  }
}

function attempt<Value>(file: string, step: () => Value): Value {
  try {
    return step();
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(file: string, error: unknown): FileError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const [what, advice] = REASONS.get(code) ?? [`cannot be written (${code})`, 'write to another file'];
  return new FileError(file, what, advice);
}

const REASONS = new Map<string, readonly [what: string, advice: string]>([
  ['ENOENT', ['there is no such folder', 'make the folder, or write to another file']],
  ['ENOTDIR', ['a part of the path is no folder', 'check the path']],
  ['EISDIR', ['this is a folder', 'name a file in it']],
  ['EACCES', ['no permission to write there', 'write to a file where you may']],
  ['EPERM', ['no permission to write there', 'write to a file where you may']],
  ['EROFS', ['the file system is read-only', 'write to another one']],
  ['ENOSPC', ['there is no space left', 'make room for it, or write to another disk']],
]);
