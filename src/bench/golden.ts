// Golden logs: beside a capture NAME.pcapng lie NAME.jsonl (the trace) and NAME.log (the console log without colour). They
// change only on request, and a person reads the change.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** The golden files of a capture, by what they hold. */
export function goldenFiles(capture: string): { readonly jsonl: string; readonly log: string } {
  const stem = capture.replace(/\.(pcapng|pcap)$/, '');
  return { jsonl: `${stem}.jsonl`, log: `${stem}.log` };
}

/** Both are there: one alone may be the log of a run that somebody saved under that name. */
export function hasGolden(capture: string): boolean {
  const { jsonl, log } = goldenFiles(capture);
  return existsSync(jsonl) && existsSync(log);
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
  const golden = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (golden === text) return undefined;
  const goldenLines = golden.split('\n');
  const nowLines = text.split('\n');
  let line = 0;
  while (goldenLines[line] === nowLines[line]) line++;
  return { file, line: line + 1, golden: goldenLines[line], now: nowLines[line] };
}

/** Writes the file as a whole or not at all; says whether anything changed. */
export function updateGolden(file: string, text: string): boolean {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return false;
  const temporary = `${file}.new`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
  return true;
}
