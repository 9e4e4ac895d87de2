// `wirebench inspect`: its options as data for help and for reading the command line, and words in, plain data out.

import { STANDARD_OUTPUT } from '../io/capture-file.js';
import { type FollowOptions, followOptions } from './follow.js';
import type { DisplayOptions, Given } from './given.js';
import { columnNames } from './inspect-columns.js';
import type { CommandSpec, OptionSpec } from './option-spec.js';
import { TIME_STYLES, type TimeStyle } from './packet-time.js';
import { fileName, integerIn, oneOf, quoted, UsageError } from './values.js';

export interface InspectOptions extends DisplayOptions {
  /** A file, or `-` for standard input; empty with `fields`. */
  readonly capture: string;
  /** Words of a packet filter: `host 10.0.0.2 and port 443`. */
  readonly packetFilter: string;
  readonly displayFilter: string | undefined;
  readonly keylogs: readonly string[];
  /** none: only `write` is wanted. */
  readonly output: InspectOutput;
  /** `conversations` as JSON lines. */
  readonly json: boolean;
  /** Undefined: no times but those that the log has anyway. */
  readonly time: TimeStyle | undefined;
  /** A file for the packets that pass, or `-` for standard output. */
  readonly write: string | undefined;
  readonly follow: FollowOptions | undefined;
  /** Fields, each a column. */
  readonly columns: readonly string[];
  /** Their names in a first line. */
  readonly header: boolean;
  readonly hex: boolean;
  /** Segments with wrong TCP checksums are read all the same. */
  readonly ignoreChecksums: boolean;
  /** Packets that are shown; undefined: all. */
  readonly count: number | undefined;
}

export type InspectOutput = 'log' | 'json' | 'summary' | 'columns' | 'conversations' | 'follow' | 'fields' | 'none';

export function inspectSpec(displayOptions: readonly OptionSpec[]): CommandSpec {
  return {
    name: 'inspect',
    usage: 'inspect CAPTURE|- [host ADDRESS] [port N] [tcp] ... [options]',
    positional: ' [...words]',
    description: 'Show what is in any capture, layer by layer, both directions, TLS opened with its keys',
    options: [
      {
        name: 'filter',
        letter: 'Y',
        value: 'FILTER',
        description: "display filter in Wireshark's language: 'http2.type == HEADERS && http2.streamid == 1'",
        defaultText: 'all packets',
      },
      {
        name: 'keylog',
        value: 'FILE',
        description: 'TLS secrets: an NSS key log, or a pcapng with secrets in it; once more for a further file',
        defaultText: 'what is in the capture, and NAME.keys or NAME.keylog beside it',
      },
      { name: 'json', description: 'one JSON object for each packet: fields, events, verdicts' },
      { name: 'fields', description: 'list the fields that filters may name, and end' },
      { name: 'summary', description: 'only what the packets that pass the filters come to' },
      {
        name: 'columns',
        letter: 'e',
        value: 'FIELD',
        description:
          "a line for each packet with the values of this field, as tshark's -T fields prints it; once more or behind a comma: " +
          'a further column, after a tab',
      },
      { name: 'header', description: 'with --columns: a first line with the names of the fields' },
      {
        name: 'conversations',
        description:
          'a table: a line for each TCP connection and UDP flow, with packets and bytes both ways, TLS, requests, verdicts, ' +
          'how it ended; with --json as JSON lines',
      },
      {
        name: 'follow',
        value: 'N|FLOW',
        description:
          'what the two ends of one connection said to each other, decrypted: > from the client, < from the server; N is its ' +
          'tcp.stream; N/STREAM: one stream of HTTP/2; with -x in hex',
      },
      {
        name: 'time',
        letter: 't',
        value: TIME_STYLES.join('|'),
        description:
          'the time of each packet beside its number: since the first, as date and time in UTC, since the one shown before, ' +
          'or in seconds since 1970',
        defaultText: 'none, and relative with -v',
      },
      { name: 'hex', letter: 'x', description: 'the bytes of each packet, too; with --json as a field' },
      {
        name: 'checksums',
        description: 'pass over segments whose TCP checksum is wrong; --no-checksums: read them, too',
        defaultText: 'on',
      },
      {
        name: 'count',
        letter: 'c',
        value: 'N',
        description: 'end after so many packets that pass the filters',
        defaultText: 'all',
      },
      {
        name: 'write',
        letter: 'w',
        value: 'FILE',
        description:
          'write the packets that pass the filters as pcapng, with the TLS secrets that open them; -: standard output; ' +
          'the log is printed only when -v, -x or --layers ask for it',
      },
      ...displayOptions.filter(({ name }) => name !== 'pause' && name !== 'log'),
    ],
    examples: [
      'wirebench inspect capture.pcapng',
      "wirebench inspect capture.pcapng -Y 'http2.headers.status >= 400'",
      'wirebench inspect capture.pcap.gz --keylog sslkeys.log host 192.0.2.1 and port 443',
      'tcpdump -U -i lo -w - port 8443 | wirebench inspect - --keylog sslkeys.log',
      "wirebench inspect capture.pcapng --json -Y tls.handshake | jq '.verdicts'",
      'wirebench inspect capture.pcapng --summary',
      'wirebench inspect capture.pcapng --conversations -t absolute',
      'wirebench inspect capture.pcapng --follow 3/1',
      'wirebench inspect capture.pcapng -e frame.number -e ip.src,tcp.seq,http2.headers.path -Y http2',
      "wirebench inspect capture.pcapng -Y 'tcp.stream == 3' -w one.pcapng",
      'wirebench inspect capture.pcapng port 443 -w - | tshark -r -',
    ],
  };
}

/** No word of a packet filter looks like it. */
const CAPTURE_NAME = /\.(?:pcap|pcapng|cap)(?:\.gz)?$/;

export function inspectOptions(given: Given, display: DisplayOptions): InspectOptions {
  const [capture, ...words] = given.positional;
  if (capture === undefined && !given.on('fields')) {
    throw new UsageError('inspect: no capture was given', 'Usage: wirebench inspect CAPTURE, or - for standard input');
  }
  const second = words.find((word) => CAPTURE_NAME.test(word));
  if (second !== undefined) {
    const advice = `Run it once for each, or join them with mergecap. Words behind ${quoted(capture ?? '')} are a packet filter.`;
    throw new UsageError(`inspect: one capture is read at a time, and ${quoted(second)} is another`, advice);
  }
  const write = given.value('write', fileName);
  const output = outputOf(given, write);
  if (write === STANDARD_OUTPUT && output !== 'none') {
    const asker = [...FORMS, ...OF_THE_LOG].find((name) => given.has(name));
    const advice = 'Name a file for the packets, or leave out what is printed.';
    throw new UsageError(`--write - needs standard output for itself, and --${asker} prints there`, advice);
  }
  return {
    ...display,
    capture: capture === undefined ? '' : fileName('inspect', capture),
    packetFilter: words.join(' '),
    displayFilter: given.value('filter', (_option, text) => text),
    keylogs: given.texts('keylog').map((name) => fileName('--keylog', name)),
    output,
    json: given.on('json'),
    time: given.value('time', (option, text) => oneOf(option, text, TIME_STYLES)),
    write,
    follow: given.value('follow', followOptions),
    columns: columnNames(given.texts('columns')),
    header: given.on('header'),
    hex: given.on('hex'),
    ignoreChecksums: given.has('checksums') && !given.on('checksums'),
    count: given.value('count', (option, text) => integerIn(option, text, 1, Number.MAX_SAFE_INTEGER)),
  };
}

/** Each is something else that is printed. */
const FORMS = ['json', 'summary', 'columns', 'conversations', 'follow'] as const;
/** Of them, those with a value. */
const WITH_VALUE: readonly string[] = ['columns', 'follow'];
type Form = (typeof FORMS)[number];
/** What asks for the log in some form; some of it is for other forms, too. */
const OF_THE_LOG = ['hex', 'verbose', 'debug', 'layers', 'time'] as const;
const ALSO_OF: Readonly<Record<Form, readonly string[]>> = {
  // For the log alone, and not in the way.
  json: ['hex', 'verbose', 'debug', 'layers'],
  summary: ['hex', 'verbose', 'debug', 'layers'],
  columns: [],
  conversations: ['time'],
  follow: ['hex'],
};

function outputOf(given: Given, write: string | undefined): InspectOutput {
  if (given.on('fields')) return 'fields';
  const form = formOf(given);
  if (given.on('header') && form !== 'columns') {
    throw new UsageError('--header is for --columns', 'Name fields: -e frame.number -e ip.src');
  }
  const asker = OF_THE_LOG.find((name) => given.has(name));
  if (form === undefined) return write === undefined || asker !== undefined ? 'log' : 'none';
  const unwanted = OF_THE_LOG.find((name) => given.has(name) && !ALSO_OF[form].includes(name));
  if (unwanted === 'time' || (form === 'conversations' && given.on('json') && given.has('time'))) {
    const advice =
      form === 'columns'
        ? 'Name frame.time_epoch or frame.time_relative.'
        : 'JSON has times in any case; leave out one of them.';
    throw new UsageError(`--time is for the log and the table of --conversations`, advice);
  }
  if (unwanted !== undefined) {
    throw new UsageError(`--${unwanted} is for the log, and --${form} prints none`, 'Leave out one of them.');
  }
  return form;
}

/** The table of conversations has a form in JSON; otherwise there is one of them. */
function formOf(given: Given): Form | undefined {
  const asked = FORMS.filter((name) => (WITH_VALUE.includes(name) ? given.has(name) : given.on(name)));
  const [form, other] =
    asked.length === 2 && asked.includes('conversations') && given.on('json') ? ['conversations' as const] : asked;
  if (form !== undefined && other !== undefined) {
    throw new UsageError(`--${form} and --${other} exclude each other`, whyNotBoth(form, other));
  }
  return form;
}

function whyNotBoth(form: string, other: string): string {
  if (form !== 'json') return 'Run it once for each.';
  if (other === 'follow') return 'Run it once for each.';
  return other === 'summary' ? 'The last line of --json is the summary.' : 'The lines of --json have all fields.';
}
