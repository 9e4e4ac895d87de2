// What the command line is refused with.

import * as assert from 'uvu/assert';
import { parseArguments, UsageError } from '../../src/cli/arguments.js';

export interface Refusal {
  readonly message: string;
  readonly suggestion: string | undefined;
  /** Both, as they follow each other on the standard error. */
  readonly whole: string;
}

const NONE: Refusal = { message: 'nothing', suggestion: undefined, whole: 'nothing' };

/** `nothing` when it is not refused; anything but a UsageError fails the test. */
export function refusal(...words: string[]): Refusal {
  try {
    parseArguments(words, {});
  } catch (error) {
    assert.instance(error, UsageError);
    const { message, suggestion } = error as UsageError;
    return { message, suggestion, whole: `${message}. ${suggestion}` };
  }
  return NONE;
}
