// The reporters of one replay and where they write: standard output or files, which are opened before anything runs. A file
// that cannot be written any more ends no replay; it is told of at the end.

import { closeSync, openSync, writeSync } from 'node:fs';
import { FileError } from '../../io/errors.js';
import { resolveColor } from '../colors.js';
import type { Outcome } from '../outcome.js';
import type { Output } from '../output.js';
import type { ReplayOptions, ReporterChoice, ReporterName } from '../replay-options.js';
import { createPretty } from './pretty.js';
import type { Reporter, Summary, Write } from './reporter.js';

/** Makes one of the reporters. `open` is for further files that it writes. */
export type MakeReporter<Kind> = (
  name: ReporterName,
  write: Write,
  open: (file: string, flags: 'a') => Write,
  isTTY: boolean,
) => Promise<Kind>;

export interface Reports<One extends Outcome = Outcome, All extends Summary = Summary> extends Reporter<One, All> {
  /** To be called in every case. Raises FileError when a report is not whole. */
  close(): void;
}

/** Raises FileError where a file cannot be opened. */
export function openReports(options: ReplayOptions, output: Output): Promise<Reports> {
  // The JSON log is data for a program: what is said about it goes to the other stream.
  const toStderr: Write = (text) => void process.stderr.write(text);
  const standard: Write = options.log === 'json' ? toStderr : (text) => output.write(text);
  return openReporters(options.reporters, standard, (name, write, open, isTTY) =>
    createReporter(name, write, open, { isColored: resolveColor(options.color, process.env, isTTY) }),
  );
}

/** Raises FileError where a file cannot be opened. */
export async function openReporters<One extends Outcome, All extends Summary>(
  choices: readonly ReporterChoice[],
  standard: Write,
  make: MakeReporter<Reporter<One, All>>,
): Promise<Reports<One, All>> {
  const files: ReportFile[] = [];
  const open = (file: string, flags: 'w' | 'a'): Write => {
    const opened = new ReportFile(file, flags);
    files.push(opened);
    return (text) => opened.write(text);
  };
  const reporters: Reporter<One, All>[] = [];
  const close = (): void => {
    const errors = files.map((file) => file.close()).filter((error) => error !== undefined);
    if (errors.length > 0) throw errors[0];
  };
  try {
    for (const { name, file } of choices) {
      const isTTY = file === undefined && process.stdout.isTTY === true;
      reporters.push(await make(name, file === undefined ? standard : open(file, 'w'), open, isTTY));
    }
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
  return {
    outcome(outcome) {
      for (const reporter of reporters) reporter.outcome(outcome);
    },
    end(summary) {
      for (const reporter of reporters) reporter.end(summary);
    },
    close,
  };
}

/** Those that a person at a terminal does not see are loaded when they are asked for. */
export async function createReporter(
  name: ReporterName,
  write: Write,
  open: (file: string, flags: 'a') => Write,
  { what = 'wirebench replay', isColored = false } = {},
): Promise<Reporter> {
  switch (name) {
    case 'pretty':
      return createPretty(write, (text) => void process.stderr.write(text), isColored);
    case 'json':
      return (await import('./json.js')).createJson(write);
    case 'junit':
      return (await import('./junit.js')).createJunit(write, what);
    case 'github': {
      const { GITHUB_STEP_SUMMARY: summary, GITHUB_WORKSPACE: workspace } = process.env;
      const { createGithub } = await import('./github.js');
      const summarize = summary ? open(summary, 'a') : undefined;
      return createGithub({ write, summarize, workspace: workspace || process.cwd(), what });
    }
    default:
      return name satisfies never;
  }
}

class ReportFile {
  readonly #file: string;
  readonly #fd: number;
  #error: FileError | undefined;

  constructor(file: string, flags: 'w' | 'a') {
    this.#file = file;
    try {
      this.#fd = openSync(file, flags);
    } catch (error) {
      throw unwritable(file, error);
    }
  }

  write(text: string): void {
    if (this.#error !== undefined) return;
    const bytes = Buffer.from(text, 'utf8');
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      this.#error = unwritable(this.#file, error);
    }
  }

  close(): FileError | undefined {
    closeSync(this.#fd);
    return this.#error;
  }
}

function unwritable(file: string, error: unknown): FileError {
  const { code, message } = error as NodeJS.ErrnoException;
  const advice = 'make room for it, or choose another file for --reporter (or GITHUB_STEP_SUMMARY)';
  return new FileError(file, `the report cannot be written (${code ?? message})`, advice);
}
