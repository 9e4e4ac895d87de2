// Golden logs: beside a capture NAME.pcapng lie NAME.jsonl (the trace) and NAME.log (the console log without colour). They
// change only on request, and a person reads the change. Text is compared and written as it comes, so that a log may be
// larger than memory.

import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { threadId } from 'node:worker_threads';
import { FileError } from '../io/errors.js';

/** The bounds of comparing: what is held of a log, whatever its length. */
export const goldenLimits = {
  /** Compared or written at a time. */
  pieceBytes: 64 * 1024,
  /** Of a line that differs. */
  lineBytes: 4096,
  /** Lines of each side that an update shows of a change, and characters of each. */
  shownLines: 8,
  shownCharacters: 160,
  /** A larger log that changed is shown by its first line that did. */
  shownFileBytes: 16 * 1024 * 1024,
} as const;

/** The golden files of a capture, by what they hold. */
export function goldenFiles(capture: string): { readonly jsonl: string; readonly log: string } {
  const stem = capture.replace(/\.gz$/, '').replace(/\.(pcapng|pcap)$/, '');
  return { jsonl: `${stem}.jsonl`, log: `${stem}.log` };
}

/** Both are there: one alone may be the log of a run that somebody saved under that name. */
export function hasGolden(capture: string): boolean {
  return missingGolden(capture).length === 0;
}

/** Those of the golden files that are not there. */
export function missingGolden(capture: string): string[] {
  const { jsonl, log } = goldenFiles(capture);
  return [jsonl, log].filter((file) => !existsSync(file));
}

/** Where a log first departs from its golden file. */
export interface GoldenDifference {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Undefined: the golden file ends before this line, or does not exist. */
  readonly golden: string | undefined;
  /** Undefined: the log ends before this line. */
  readonly now: string | undefined;
}

/** Undefined when `text` is what the file holds. */
export function compareGolden(file: string, text: string): GoldenDifference | undefined {
  const comparison = new GoldenComparison(file);
  try {
    comparison.write(text);
    return comparison.end();
  } finally {
    comparison.close();
  }
}

/** Compares a golden file with text as it comes. A file that is not there counts as empty. Raises FileError. */
export class GoldenComparison {
  readonly #file: string;
  /** Opened when it is read first; null: there is none. */
  #fd: number | null | undefined;
  #held = '';
  /** Bytes that are the same so far. */
  #same = 0;
  #differs = false;
  /** From the first byte that differs on, to the end of its line. */
  #now = Buffer.alloc(0);

  constructor(file: string) {
    this.#file = file;
  }

  write(text: string): void {
    if (this.#differs && this.#hasLine) return;
    this.#held += text;
    if (this.#held.length >= goldenLimits.pieceBytes) this.#flush();
  }

  /** What comes next, as the bytes of a file. */
  compare(bytes: Uint8Array): void {
    this.#flush();
    this.#compare(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  end(): GoldenDifference | undefined {
    this.#flush();
    if (!this.#differs && this.#read(this.#same, 1).length === 0) return undefined;
    return this.#difference();
  }

  close(): void {
    if (typeof this.#fd === 'number') closeSync(this.#fd);
    this.#fd = null;
  }

  get #hasLine(): boolean {
    return this.#now.includes(LINE_FEED) || this.#now.length >= goldenLimits.lineBytes;
  }

  #flush(): void {
    const text = this.#held;
    this.#held = '';
    if (text !== '') this.#compare(Buffer.from(text, 'utf8'));
  }

  #compare(bytes: Buffer): void {
    if (this.#differs) {
      if (!this.#hasLine) this.#now = Buffer.concat([this.#now, bytes.subarray(0, goldenLimits.lineBytes)]);
      return;
    }
    const golden = this.#read(this.#same, bytes.length);
    if (golden.equals(bytes)) {
      this.#same += bytes.length;
      return;
    }
    let at = 0;
    while (at < golden.length && golden[at] === bytes[at]) at++;
    this.#same += at;
    this.#differs = true;
    this.#now = Buffer.from(bytes.subarray(at, at + goldenLimits.lineBytes));
  }

  /** What is the same is in the file: the number of the line and its beginning are read there. */
  #difference(): GoldenDifference {
    let line = 1;
    let lineAt = 0;
    for (let at = 0; at < this.#same; ) {
      const piece = this.#read(at, Math.min(goldenLimits.pieceBytes, this.#same - at));
      if (piece.length === 0) break;
      for (let feed = piece.indexOf(LINE_FEED); feed >= 0; feed = piece.indexOf(LINE_FEED, feed + 1)) {
        line++;
        lineAt = at + feed + 1;
      }
      at += piece.length;
    }
    const rest = this.#read(this.#same, goldenLimits.lineBytes);
    // One side has the line feed that the other ends without: the line itself is the same.
    if (this.#same > lineAt && isLineEnd(rest) && isLineEnd(this.#now)) {
      const [golden, now] = [rest, this.#now].map((side) => (side.length === 0 ? undefined : lineOf(side.subarray(1))));
      return { file: this.#file, line: line + 1, golden, now };
    }
    const head = this.#read(lineAt, Math.min(this.#same - lineAt, goldenLimits.lineBytes));
    const [golden, now] = [rest, this.#now].map((side) =>
      head.length + side.length === 0 ? undefined : lineOf(Buffer.concat([head, side])),
    );
    return { file: this.#file, line, golden, now };
  }

  #read(from: number, length: number): Buffer {
    this.#fd ??= existsSync(this.#file) ? attempt(this.#file, 'read', () => openSync(this.#file, 'r')) : null;
    const fd = this.#fd;
    if (fd === null) return Buffer.alloc(0);
    const into = Buffer.allocUnsafe(length);
    return attempt(this.#file, 'read', () => {
      let done = 0;
      for (let more = -1; done < length && more !== 0; done += more) {
        more = readSync(fd, into, done, length - done, from + done);
      }
      return into.subarray(0, done);
    });
  }
}

const LINE_FEED = 0x0a;

const isLineEnd = (bytes: Buffer): boolean => bytes.length === 0 || bytes[0] === LINE_FEED;

function lineOf(bytes: Buffer): string {
  const end = bytes.indexOf(LINE_FEED);
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString('utf8');
}

/** Writes the file as a whole or not at all; gives what changed, in the form of a diff's hunk and cut short; empty: nothing. */
export function updateGolden(file: string, text: string): string[] {
  const update = new GoldenUpdate([file]);
  try {
    update.write(0, text);
    return update.commit();
  } finally {
    update.close();
  }
}

/** New texts of files, written beside them as they come. `commit` puts them in place when all are written. Raises FileError. */
export class GoldenUpdate {
  readonly #parts: { readonly file: string; readonly temporary: string; fd: number | undefined; held: string }[] = [];

  constructor(files: readonly string[]) {
    try {
      for (const file of files) {
        // Captures that differ by `.gz` have one log, and threads may write it at the same time.
        const temporary = `${file}.${process.pid}-${threadId}.new`;
        const fd = attempt(file, 'written', () => openSync(temporary, 'w'));
        this.#parts.push({ file, temporary, fd, held: '' });
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  write(part: number, text: string): void {
    const to = this.#parts[part]!;
    to.held += text;
    if (to.held.length >= goldenLimits.pieceBytes) this.#flush(to);
  }

  /** What changed, in lines; empty: nothing. */
  commit(): string[] {
    for (const part of this.#parts) this.#flush(part);
    const changes = this.#parts.map(({ file, temporary }) => changeOf(file, temporary));
    this.#parts.forEach(({ file, temporary }, at) => {
      if (changes[at]!.length > 0) attempt(file, 'written', () => renameSync(temporary, file));
    });
    return changes.flat();
  }

  /** Takes away what was not put in place. */
  close(): void {
    for (const part of this.#parts) {
      if (part.fd !== undefined) closeSync(part.fd);
      part.fd = undefined;
      rmSync(part.temporary, { force: true });
    }
  }

  #flush(part: { readonly file: string; fd: number | undefined; held: string }): void {
    const bytes = Buffer.from(part.held, 'utf8');
    part.held = '';
    attempt(part.file, 'written', () => {
      for (let done = 0; done < bytes.length; ) done += writeSync(part.fd!, bytes, done);
    });
  }
}

/** Empty when both files are the same. */
function changeOf(file: string, temporary: string): string[] {
  const bytes = statSync(temporary).size;
  if (!existsSync(file)) {
    return [
      `${file}: new, ${bytes <= goldenLimits.shownFileBytes ? `${textOf(temporary).split('\n').length - 1} lines` : `${bytes} bytes`}`,
    ];
  }
  return attempt(file, 'read', () => {
    const isLarge = Math.max(bytes, statSync(file).size) > goldenLimits.shownFileBytes;
    return isLarge ? firstChange(file, temporary) : wholeChange(file, textOf(file), textOf(temporary));
  });
}

const textOf = (file: string): string => readFileSync(file, 'utf8');

function firstChange(file: string, temporary: string): string[] {
  const comparison = new GoldenComparison(file);
  const fd = openSync(temporary, 'r');
  try {
    const piece = Buffer.alloc(goldenLimits.pieceBytes);
    for (let at = 0; at < fstatSync(fd).size; ) {
      const length = readSync(fd, piece, 0, piece.length, at);
      comparison.compare(piece.subarray(0, length));
      at += length;
    }
    const found = comparison.end();
    if (found === undefined) return [];
    const { line, golden = '(ends here)', now = '(ends here)' } = found;
    return [
      `${file} from line ${line}, which is all that is shown of a log of this size:`,
      shown('-', golden),
      shown('+', now),
    ];
  } finally {
    comparison.close();
    closeSync(fd);
  }
}

/** Everything between the first and the last line that differ. */
function wholeChange(file: string, beforeText: string, nowText: string): string[] {
  if (beforeText === nowText) return [];
  const [before, now] = [beforeText.split('\n'), nowText.split('\n')];
  let from = 0;
  while (from < before.length && from < now.length && before[from] === now[from]) from++;
  let same = 0;
  const most = Math.min(before.length, now.length) - from;
  while (same < most && before[before.length - 1 - same] === now[now.length - 1 - same]) same++;
  const { shownLines } = goldenLimits;
  const side = (mark: string, all: readonly string[]): string[] => {
    const lines = all.slice(from, all.length - same);
    const first = lines.slice(0, shownLines).map((line) => shown(mark, line));
    return lines.length > shownLines ? [...first, `${mark} ... ${lines.length - shownLines} more lines`] : first;
  };
  return [`${file} from line ${from + 1}:`, ...side('-', before), ...side('+', now)];
}

/** Of a golden file that anybody may have written: control characters are told, not sent to the terminal. */
function shown(mark: string, line: string): string {
  const { shownCharacters } = goldenLimits;
  const cut = line.length > shownCharacters ? `${line.slice(0, shownCharacters)}...` : line;
  return `${mark} ${cut.replace(/[^\x20-\x7e\xa7]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}`;
}

function attempt<Value>(file: string, what: 'read' | 'written', action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    if (error instanceof FileError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const advice =
      what === 'read' ? 'Check what it is and its permissions' : 'Make room for it, or check the permissions';
    throw new FileError(file, `the golden log cannot be ${what} (${code ?? message})`, advice, what === 'written');
  }
}
