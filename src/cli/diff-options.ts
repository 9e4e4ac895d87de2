// `wirebench diff`: its options as data for help and for reading the command line, and words in, plain data out.

import { canNameField } from '../bench/diff/names.js';
import type { DiffLevel } from '../bench/diff/unit.js';
import type { ColorFlag } from './colors.js';
import type { DisplayOptions, Given } from './given.js';
import type { CommandSpec, OptionSpec } from './option-spec.js';
import { fileName, integerIn, oneOf, quoted, UsageError } from './values.js';

export interface DiffCommandOptions {
  readonly a: string;
  readonly b: string;
  readonly level: DiffLevel;
  readonly ignore: readonly string[];
  /** Differences that are shown one by one; undefined: the output's own. */
  readonly limit: number | undefined;
  readonly keylogs: readonly string[];
  /** Empty: those of `keylogs`. */
  readonly keylogs2: readonly string[];
  readonly ignoreChecksums: boolean;
  readonly json: boolean;
  readonly color: ColorFlag;
}

export function diffSpec(displayOptions: readonly OptionSpec[]): CommandSpec {
  return {
    name: 'diff',
    usage: 'diff A B [options]',
    positional: ' [...words]',
    description: 'Compare two captures by what was said in them: the first difference, and a summary of all',
    options: [
      {
        name: 'level',
        value: 'packet|stream|http',
        description:
          'stream: messages of TLS, frames of HTTP/2, messages of HTTP/1.x; packet: every field of every packet, too; ' +
          'http: requests and answers only, whatever carried them',
        defaultText: 'stream',
      },
      {
        name: 'ignore',
        value: 'FIELD',
        description:
          "a field by Wireshark's name, with all below it (tcp.options.timestamp, http2.headers.server); repeatable",
        defaultText: 'what is random or a time, see docs/diff.md',
      },
      {
        name: 'limit',
        value: 'N',
        description: 'differences that are listed one by one',
        defaultText: '1; all with --json',
      },
      {
        name: 'keylog',
        value: 'FILE',
        description: 'TLS secrets for both captures; repeatable',
        defaultText: 'what is in the captures, and NAME.keys or NAME.keylog beside them',
      },
      { name: 'keylog2', value: 'FILE', description: 'TLS secrets for B, where --keylog is for A only; repeatable' },
      {
        name: 'checksums',
        description: 'pass over segments whose TCP checksum is wrong; --no-checksums: compare them, too',
        defaultText: 'on',
      },
      { name: 'json', description: 'one JSON object for each difference and one for the summary' },
      ...displayOptions.filter(({ name }) => name === 'color'),
    ],
    examples: [
      'wirebench diff before.pcapng after.pcapng',
      'wirebench diff nginx.pcapng ours.pcapng --level http --ignore http.response.header.server',
      'wirebench diff a.pcap b.pcap --level packet --ignore tcp.options.timestamp --ignore ip.id --limit 50',
      'wirebench diff a.pcapng b.pcapng --json | jq \'select(.kind == "difference")\'',
    ],
  };
}

export function diffOptions(given: Given, { color }: DisplayOptions): DiffCommandOptions {
  const [a, b, ...more] = given.positional;
  if (a === undefined || b === undefined || more.length > 0) {
    const count = given.positional.length;
    throw new UsageError(`diff: two captures are compared, and ${count} were given`, 'Usage: wirebench diff A B');
  }
  if (a === '-' && b === '-') throw new UsageError('diff: only one capture can be read from the standard input');
  return {
    a: fileName('diff', a),
    b: fileName('diff', b),
    level:
      given.value('level', (option, text) => oneOf(option, text, ['packet', 'stream', 'http'] as const)) ?? 'stream',
    ignore: given
      .texts('ignore')
      .flatMap((text) => text.split(','))
      .map(ignored),
    limit: given.value('limit', (option, text) => integerIn(option, text, 0, Number.MAX_SAFE_INTEGER)),
    keylogs: given.texts('keylog').map((name) => fileName('--keylog', name)),
    keylogs2: given.texts('keylog2').map((name) => fileName('--keylog2', name)),
    ignoreChecksums: given.has('checksums') && !given.on('checksums'),
    json: given.on('json'),
    color,
  };
}

function ignored(text: string): string {
  const name = text.trim().toLowerCase();
  if (canNameField(name)) return name;
  throw new UsageError(
    `--ignore: ${quoted(text)} is no name of a field`,
    'Names are those of Wireshark: tcp.options.timestamp, tls.handshake.extension, http2.headers.server; docs/diff.md.',
  );
}
