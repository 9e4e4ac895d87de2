// A file that a report goes to. What is written is held, and takes the file's place when the report is whole: a run that is
// interrupted leaves the report of the run before it, and nothing else. What is appended to, and what is no file (a pipe, a
// device), is written at once.

import { closeSync, existsSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FileError } from '../../io/errors.js';
import { ENDING_SIGNALS } from '../signals.js';

export class ReportFile {
  readonly #file: string;
  /** Undefined: it is written in place. */
  readonly #replacement: Replacement | undefined;
  readonly #fd: number | undefined;
  readonly #held: string[] = [];
  #error: FileError | undefined;

  /** Raises FileError when it cannot be written, which is found out before anything runs. */
  constructor(file: string, flags: 'w' | 'a') {
    this.#file = file;
    try {
      const old = existsSync(file) ? statSync(file) : undefined;
      if (flags === 'a' || old?.isFile() === false) {
        this.#fd = openSync(file, flags);
        return;
      }
      // A folder would take a new file in place of one that nobody may write to.
      if (old !== undefined) closeSync(openSync(file, 'r+'));
      this.#replacement = new Replacement(file, old?.mode ?? 0o666);
      this.#replacement.make([]);
    } catch (error) {
      throw unwritable(file, error);
    }
  }

  write(text: string): void {
    if (this.#fd === undefined) {
      this.#held.push(text);
      return;
    }
    if (this.#error !== undefined) return;
    try {
      writeAll(this.#fd, text);
    } catch (error) {
      this.#error = unwritable(this.#file, error);
    }
  }

  /** `isWhole`: the report was written to its end. What went wrong, if anything did. */
  close(isWhole: boolean): FileError | undefined {
    if (this.#fd !== undefined) closeSync(this.#fd);
    try {
      if (isWhole) this.#replacement?.make(this.#held, true);
    } catch (error) {
      this.#error = unwritable(this.#file, error);
    }
    return this.#error;
  }
}

class Replacement {
  /** The file, or what that is a link to. */
  readonly #target: string;
  readonly #part: string;
  readonly #mode: number;

  constructor(file: string, mode: number) {
    this.#target = existsSync(file) ? realpathSync(file) : file;
    this.#part = join(dirname(this.#target), `.${basename(this.#target)}.${process.pid}.part`);
    this.#mode = mode;
  }

  /** Writes it beside the file; `keeps`: and puts it in its place. */
  make(texts: readonly string[], keeps = false): void {
    for (const signal of ENDING_SIGNALS) process.on(signal, afterwards);
    try {
      const fd = openSync(this.#part, 'w', this.#mode);
      try {
        for (const text of texts) writeAll(fd, text);
      } finally {
        closeSync(fd);
      }
      if (keeps) renameSync(this.#part, this.#target);
    } finally {
      rmSync(this.#part, { force: true });
      for (const signal of ENDING_SIGNALS) process.off(signal, afterwards);
    }
  }
}

/** As long as somebody listens, a signal ends nothing while the part is there, which is for the moment of one call. */
function afterwards(): void {}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

function unwritable(file: string, error: unknown): FileError {
  const { code, message } = error as NodeJS.ErrnoException;
  const advice = 'make room for it, or choose another file for --reporter (or GITHUB_STEP_SUMMARY)';
  return new FileError(file, `the report cannot be written (${code ?? message})`, advice);
}
