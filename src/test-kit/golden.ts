// Golden texts: a file beside the test that a person has read once. WIREBENCH_UPDATE=1 writes it anew.

import { AssertionError } from 'node:assert';
import { existsSync, readFileSync } from 'node:fs';
import { compareGolden, type GoldenDifference, updateGolden } from '../bench/golden.js';
import { isCi } from '../cli/ci.js';
import { printable } from '../cli/text.js';
import { checkType } from './checks.js';

export function isUpdating(): boolean {
  return process.env.WIREBENCH_UPDATE === '1';
}

/** Where nobody would look at a file that is written for the first time. */
export function isContinuousIntegration(): boolean {
  return isCi(process.env);
}

/**
 * Passes when `file` holds exactly `text`. With WIREBENCH_UPDATE=1 the file is written and passes. A file that is not there
 * is written too, and told of on standard error, except where CI is set, where it fails: nobody would read it there. Raises
 * AssertionError that names the first line that differs.
 */
export function expectGolden(file: string, text: string): void {
  checkType('expectGolden: text', text, 'text');
  const isMissing = !existsSync(file);
  const difference = compareGolden(file, text);
  if (difference === undefined && !isMissing) return;
  if (isUpdating() || (isMissing && !isContinuousIntegration())) {
    updateGolden(file, text);
    process.stderr.write(`wirebench: ${file} was written; read it before you commit it\n`);
    return;
  }
  throw new AssertionError({
    message: (difference === undefined || isMissing ? [`${file} is missing`, MAKE] : goldenLines(difference)).join(
      '\n',
    ),
    // One without the other would be shown as a difference from nothing.
    ...(!isMissing && { actual: text, expected: readFileSync(file, 'utf8') }),
    operator: 'expectGolden',
    stackStartFn: expectGolden,
  });
}

const MAKE = 'run the test once with WIREBENCH_UPDATE=1, read the file, and commit it';

export function goldenLines({ file, line, golden, now }: GoldenDifference): string[] {
  return [
    `${file} line ${line}:`,
    `  golden: ${golden === undefined ? '(ends here)' : printable(golden)}`,
    `  now:    ${now === undefined ? '(ends here)' : printable(now)}`,
    '  if the change is meant: WIREBENCH_UPDATE=1, and read the difference before you commit it',
  ];
}
