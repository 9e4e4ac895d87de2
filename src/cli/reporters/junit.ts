// The reporter for CI servers: JUnit's XML as Surefire and Jenkins read it (test/support/junit.xsd). A difference is a failure,
// what cannot be read an error, and what was not run any more is skipped.

import { dirname } from 'node:path';
import type { Outcome } from '../outcome.js';
import { version } from '../version.js';
import { hasFailed, headline, isError, type Reporter, type Write } from './reporter.js';

export function createJunit(write: Write, what = 'wirebench replay'): Reporter {
  const outcomes: Outcome[] = [];
  return {
    outcome: (outcome) => void outcomes.push(outcome),
    end({ totals, notRun, cost }) {
      const errors = outcomes.filter(isError).length;
      const failures = outcomes.filter(hasFailed).length - errors;
      const tests = outcomes.length + notRun.length;
      const time = seconds(cost.milliseconds);
      const counts = `tests="${tests}" failures="${failures}" errors="${errors}" skipped="${notRun.length}" time="${time}"`;
      write('<?xml version="1.0" encoding="UTF-8"?>\n');
      write(`<testsuites ${counts}>\n  <testsuite name="${attribute(what)}" ${counts}>\n`);
      const properties = { wirebench: version(), node: process.version, packets: totals.packets, jobs: cost.jobs };
      write('    <properties>\n');
      for (const [name, value] of Object.entries(properties)) {
        write(`      <property name="${name}" value="${attribute(String(value))}"/>\n`);
      }
      write('    </properties>\n');
      for (const outcome of outcomes) write(testCase(outcome));
      for (const file of notRun) write(`${head(file, 0)}>\n      <skipped message="not run"/>\n    </testcase>\n`);
      write('  </testsuite>\n</testsuites>\n');
    },
  };
}

const seconds = (milliseconds: number): string => (milliseconds / 1_000).toFixed(3);

function head(file: string, milliseconds: number): string {
  const time = seconds(milliseconds);
  return `    <testcase classname="${attribute(dirname(file))}" name="${attribute(file)}" time="${time}"`;
}

function testCase(outcome: Outcome): string {
  const { file, packets, lines, advice, milliseconds, status } = outcome;
  if (!hasFailed(outcome)) return `${head(file, milliseconds)}/>\n`;
  const element = isError(outcome) ? 'error' : 'failure';
  const body = [...lines, ...advice, `${packets} ${packets === 1 ? 'packet was' : 'packets were'} read`].join('\n');
  const message = attribute(headline(outcome));
  return (
    `${head(file, milliseconds)}>\n` +
    `      <${element} type="${status}" message="${message}">${text(body)}</${element}>\n    </testcase>\n`
  );
}

const NAMES: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };

/**
 * XML 1.0 §2.2: control characters, lone surrogates, U+FFFE and U+FFFF can be in no document, not even as references. A
 * carriage return is read as a line feed unless it is a reference (§2.11).
 */
function text(value: string): string {
  return value
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => `&${NAMES[character]};`)
    .replace(/[\r\x7f-\x9f]/g, reference);
}

/** §3.3.3: white space in an attribute is read as a space unless it is a reference. */
function attribute(value: string): string {
  return text(value).replace(/[\t\n]/g, reference);
}

function reference(character: string): string {
  return `&#${character.charCodeAt(0)};`;
}
