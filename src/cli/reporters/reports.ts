// The reporters of one replay and where they write: standard output or files, which are opened before anything runs. A file
// that cannot be written any more ends no replay; it is told of at the end.

import { resolveColor } from '../colors.js';
import type { Outcome } from '../outcome.js';
import type { Output } from '../output.js';
import type { ReplayOptions, ReporterChoice, ReporterName } from '../replay-options.js';
import { createPretty } from './pretty.js';
import { ReportFile } from './report-file.js';
import type { Reporter, Summary, Write } from './reporter.js';

/** Makes one of the reporters. `open` is for further files that it writes. */
export type MakeReporter<Kind> = (
  name: ReporterName,
  write: Write,
  open: (file: string, flags: 'a') => Write,
  isTTY: boolean,
) => Promise<Kind>;

export interface Reports<One extends Outcome = Outcome, All extends Summary = Summary> extends Reporter<One, All> {
  /** To be called in every case; before `end` it leaves the reports of an earlier run. Raises FileError when a report is not whole. */
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
  let isWhole = false;
  const close = (): void => {
    const errors = files.map((file) => file.close(isWhole)).filter((error) => error !== undefined);
    if (errors.length > 0) throw errors[0];
  };
  try {
    for (const { name, file } of choices) {
      const isTTY = file === undefined && process.stdout.isTTY === true;
      reporters.push(await make(name, file === undefined ? standard : open(file, 'w'), open, isTTY));
    }
  } catch (error) {
    for (const file of files) file.close(false);
    throw error;
  }
  return {
    outcome(outcome) {
      for (const reporter of reporters) reporter.outcome(outcome);
    },
    end(summary) {
      for (const reporter of reporters) reporter.end(summary);
      isWhole = true;
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
