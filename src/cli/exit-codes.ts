// What each command may end with, for its help. README has the table of all of them; io/errors.ts the numbers.

import type { CommandName } from './option-spec.js';

export type ExitCode = readonly [code: string, meaning: string];

const WRONG_USAGE = ['2', 'wrong usage'] as const;
const INTERNAL = ['6', 'an internal error'] as const;
const UNREADABLE = ['3', 'a file is unreadable, corrupt or cannot be written'] as const;
const DEVICE = ['4', 'a privilege or a device is missing'] as const;

export const EXIT_CODES: Readonly<Record<CommandName, readonly ExitCode[]>> = {
  serve: [
    ['0', 'ended because nobody reads its log any more'],
    WRONG_USAGE,
    UNREADABLE,
    DEVICE,
    INTERNAL,
    ['130', 'ended by Ctrl-C, SIGTERM or SIGHUP, in order'],
  ],
  replay: [
    ['0', 'all identical; with --re-execute all answered and as expected'],
    [
      '1',
      'something differs, a golden log is missing, a recording holds no packet, or with CI set was cut off; ' +
        'with --re-execute: not all of that, or nothing was tested',
    ],
    WRONG_USAGE,
    ['3', 'a capture or a file is unreadable, corrupt or cannot be written, or no capture is left'],
    INTERNAL,
    ['130', 'interrupted; with --update the golden logs at hand are written whole first'],
  ],
  inspect: [['0', 'ok'], WRONG_USAGE, UNREADABLE, INTERNAL, ['130', 'Ctrl-C ended reading; what was read is shown']],
  diff: [
    ['0', 'all was compared and nothing differs'],
    ['1', 'something differs, or not all could be compared'],
    WRONG_USAGE,
    ['3', 'a capture or a key log is unreadable or corrupt'],
    INTERNAL,
  ],
  record: [
    ['0', 'the command succeeded and the replay is identical'],
    ['1', 'the replay differs, or nobody connected (--allow-failure: 0)'],
    WRONG_USAGE,
    UNREADABLE,
    DEVICE,
    INTERNAL,
    ['124', 'the command was ended by --timeout'],
    ['126', 'the command cannot be run'],
    ['127', 'there is no such command'],
    ['130', 'interrupted'],
    ['other', "the command's own when it failed, 128 and the signal when one ended it; --allow-failure: 0"],
  ],
  cert: [['0', 'ok'], WRONG_USAGE, UNREADABLE, INTERNAL],
  doctor: [['0', 'nothing essential is missing'], WRONG_USAGE, ['4', 'something essential is missing'], INTERNAL],
  completion: [['0', 'ok'], WRONG_USAGE, INTERNAL],
};

/** Of all commands together. */
export const ALL_EXIT_CODES: readonly ExitCode[] = [
  ['0', 'ok'],
  ['1', 'a comparison failed, or could not be made to its end'],
  WRONG_USAGE,
  UNREADABLE,
  DEVICE,
  INTERNAL,
  ['124, 126, 127', "record: --timeout, and a command that cannot be started; else the command's own"],
  ['130', 'interrupted'],
];
