// The reporter for GitHub's workflows: an annotation for each failure, and, where GITHUB_STEP_SUMMARY names a file, a summary of the
// step in Markdown with the first exchange that failed as a diagram.

import { relative, resolve } from 'node:path';
import type { Outcome } from '../outcome.js';
import { counted } from '../text.js';
import { hasFailed, headline, type Reporter, type Write } from './reporter.js';

/** Rows of the summary's table, and characters of a cell: GitHub drops a summary of more than 1 MiB. */
const MOST_ROWS = 200;
const LONGEST_CELL = 1000;

export interface GithubPlaces {
  readonly write: Write;
  /** Appends to the summary of the step; undefined: there is none. */
  readonly summarize: Write | undefined;
  /** Annotations find a file by its path below this directory. */
  readonly workspace: string;
  /** The heading of the summary. */
  readonly what?: string;
}

export function createGithub({ write, summarize, workspace, what = 'wirebench replay' }: GithubPlaces): Reporter {
  const failed: Outcome[] = [];
  let failures = 0;
  return {
    outcome(outcome) {
      if (!hasFailed(outcome)) return;
      failures++;
      if (failed.length < MOST_ROWS) failed.push(outcome);
      const file = property(pathBelow(workspace, outcome.file));
      const title = property(titleOf(outcome));
      write(`::error file=${file},title=${title}::${message([...outcome.lines, ...outcome.advice].join('\n'))}\n`);
    },
    end({ text }) {
      write(`${text}\n`);
      summarize?.(markdown(what, failed, failures, text));
    },
  };
}

/** The file and what is wrong in it, short: GitHub shows it in bold above the message. */
function titleOf({ file, status, lines }: Outcome): string {
  const name = file.slice(file.lastIndexOf('/') + 1);
  const title = `${name}: ${status === 'different' ? differingField(lines[0] ?? '') : WHAT[status]}`;
  const line = title.replace(/[\x00-\x1f\x7f]/g, ' ');
  return line.length > LONGEST_TITLE ? `${line.slice(0, LONGEST_TITLE)}...` : line;
}

/** `TLS ServerHello.random` of `packet 5 (+0.021 s) TLS ServerHello.random: recorded ...`; else the line up to its first colon. */
function differingField(line: string): string {
  const found = /^packet \S+ (?:\(\S+ s\) )?(\S+ [^\s:]+)/.exec(line)?.[1];
  return found ?? line.split(': ')[0]!;
}

const LONGEST_TITLE = 100;
const WHAT: Readonly<Record<Exclude<Outcome['status'], 'different'>, string>> = {
  identical: 'identical',
  golden: 'golden log differs',
  'no-golden': 'no golden log',
  'no-packets': 'no packets',
  'cut-off': 'cut off',
  unreadable: 'unreadable',
  unwritable: 'golden logs cannot be written',
  crashed: 'internal error',
};

function pathBelow(workspace: string, file: string): string {
  const path = relative(workspace, resolve(file));
  return path === '' || path.startsWith('..') ? file : path;
}

function markdown(what: string, failed: readonly Outcome[], failures: number, total: string): string {
  if (failures === 0) return `### ${what}\n\n${total}\n`;
  const rows = failed.map((one) => `| ${cell(one.file)} | ${one.status} | ${cell(headline(one))} |`);
  if (failures > failed.length) rows.push(`| ${counted(failures - failed.length, 'more capture')} | | |`);
  const first = failed.find(({ sequence }) => sequence.length > 0);
  const diagram =
    first === undefined
      ? ''
      : `\nThe exchange of ${cell(first.file)}:\n\n\`\`\`mermaid\n${first.sequence.join('\n')}\n\`\`\`\n`;
  return `### ${what}\n\n${total}\n\n| Capture | | First difference |\n|---|---|---|\n${rows.join('\n')}\n${diagram}`;
}

function cell(text: string): string {
  const cut = text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL)}...` : text;
  return cut.replace(/[\\|`<>*_[\]~&#]/g, '\\$&').replace(/[\x00-\x1f\x7f-\x9f]/g, ' ');
}

/** Of a workflow command: line ends would end it, and per cent signs begin an escape. */
function message(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return message(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
