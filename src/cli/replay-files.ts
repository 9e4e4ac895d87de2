// Which captures a replay is about: files as they were named, directories as the recordings below them, patterns, shards.
// Nothing is passed over in silence: what a directory holds and is not replayed is told of.

import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CaptureError } from '../io/capture-types.js';
import type { ReplayOptions } from './replay-options.js';
import { counted, printable } from './text.js';

export interface Found {
  /** In the order in which they were named, those of a directory by name; with --shard all by name. An error stands for what gives no capture. */
  readonly files: readonly (string | CaptureError)[];
  /** What was passed over, a line for each directory that was named. */
  readonly notices: readonly string[];
  /** Why there are no files. That a part is empty where there are more parts than captures is no failure. */
  readonly nothing?: { readonly why: string; readonly isFailure: boolean };
}

export type Choice = Pick<ReplayOptions, 'captures' | 'filter' | 'exclude' | 'shard'>;

/** `wanted`: which files of a directory are meant: recordings of ours, or captures of any kind. */
export function captureFiles(options: Choice, wanted: 'recordings' | 'captures' = 'recordings'): Found {
  const { captures, filter, exclude, shard } = options;
  const notices: string[] = [];
  let all = 0;
  const seen = new Set<string>();
  const files: (string | CaptureError)[] = [];
  for (const file of expand(captures, notices, wanted === 'captures')) {
    all++;
    if (!(file instanceof CaptureError)) {
      if (filter.length > 0 && !filter.some((pattern) => matches(file, pattern))) continue;
      if (exclude.some((pattern) => matches(file, pattern))) continue;
      // A directory and a file in it: the capture is replayed once.
      const path = resolve(file);
      if (seen.has(path)) continue;
      seen.add(path);
    }
    files.push(file);
  }
  if (files.length === 0) {
    const patterns = [...filter.map((one) => `--filter ${one}`), ...exclude.map((one) => `--exclude ${one}`)];
    const why = `${patterns.map((one) => printable(one)).join(' ')} leaves none of ${counted(all, 'capture')}`;
    return { files, notices, nothing: { why, isFailure: true } };
  }
  if (shard === undefined) return { files, notices };
  // By name, so that it does not matter what was named first: the N-th, and every COUNT-th behind it.
  const sorted = files.sort((a, b) => order(nameOf(a), nameOf(b)));
  const part = sorted.filter((_file, at) => at % shard.count === shard.index - 1);
  if (part.length > 0) return { files: part, notices };
  const why = `part ${shard.index}/${shard.count} of ${counted(files.length, 'capture')} is empty`;
  return { files: part, notices, nothing: { why, isFailure: false } };
}

const nameOf = (file: string | CaptureError): string => (file instanceof CaptureError ? file.file : file);
/** By UTF-16 code units: no locale, the same on every machine. */
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const IS_RECORDING = /\.pcapng(\.gz)?$/;
/** Names of captures that hold no recording of ours. */
const IS_OTHER_CAPTURE = /\.(p?cap|dmp|snoop)(\.gz)?$/;

function* expand(captures: readonly string[], notices: string[], takesAll: boolean): Generator<string | CaptureError> {
  for (const capture of captures) {
    if (!isDirectory(capture)) {
      // A file that is not there is complained about when it is read.
      yield capture;
      continue;
    }
    const walk: Walk = { takesAll, others: [], visited: new Set(), notices };
    let count = 0;
    for (const file of below(capture, walk)) {
      count++;
      yield file;
    }
    const { others } = walk;
    if (count === 0) {
      const advice = `Name a folder of ${takesAll ? 'captures' : 'recordings'}, or the files themselves`;
      const what = `no ${takesAll ? 'capture' : '.pcapng file'} in this folder`;
      yield new CaptureError('not-a-recording', capture, 0, what, advice);
    }
    if (others.length > 0) {
      const what = `${counted(others.length, 'other capture')} (${others[0]}${others.length > 1 ? ', ...' : ''})`;
      notices.push(`${capture}: ${what} passed over: only .pcapng files hold recordings`);
    }
  }
}

interface Walk {
  /** Captures that hold no recordings are wanted, too. */
  readonly takesAll: boolean;
  /** Captures that hold no recordings. */
  readonly others: string[];
  /** Directories by their real paths: links may lead to the same one, or back. */
  readonly visited: Set<string>;
  readonly notices: string[];
}

/** The recordings below a directory, in the order of their paths. Links to directories are followed. */
function* below(folder: string, walk: Walk): Generator<string | CaptureError> {
  let entries: Dirent[];
  try {
    const real = realpathSync(folder);
    if (walk.visited.has(real)) {
      walk.notices.push(`${folder}: passed over: the directory that it leads to, ${real}, was looked through already`);
      return;
    }
    walk.visited.add(real);
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    yield new CaptureError('unreadable', folder, 0, `the directory cannot be read (${code})`, 'Check its permissions');
    return;
  }
  const named = entries.map((entry) => {
    const path = join(folder, entry.name);
    const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && isDirectory(path));
    return { path, isFolder, key: isFolder ? `${entry.name}/` : entry.name };
  });
  for (const { path, isFolder } of named.sort((a, b) => order(a.key, b.key))) {
    if (isFolder) yield* below(path, walk);
    else if (IS_RECORDING.test(path)) yield path;
    else if (!IS_OTHER_CAPTURE.test(path)) continue;
    else if (walk.takesAll) yield path;
    else walk.others.push(path);
  }
}

/** What cannot be looked at is no directory, and is complained about when it is read. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/**
 * `*` and `?` stand for anything, slashes too; such a pattern has to match the end of the path from a slash on, with or
 * without `.pcapng`. A pattern without them is a part of the path.
 */
export function matches(file: string, pattern: string): boolean {
  if (!/[*?]/.test(pattern)) return file.includes(pattern);
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const source = escaped.replace(/\*+/g, '.*').replace(/\?/g, '.');
  return new RegExp(`(^|/)${source}(\\.pcapng(\\.gz)?)?$`, 's').test(file);
}
