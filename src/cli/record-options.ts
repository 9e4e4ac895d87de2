// The options of `wirebench record`: its own, and those of `serve` that say what the server is. Words in, plain data out, or
// UsageError. Which mode is used is decided when it runs, so the server's options are read for each mode that may be.

import type { Given } from './given.js';
import type { CommandSpec, OptionSpec } from './option-spec.js';
import type { ServeOptions } from './serve-options.js';
import { fileName, integerIn, oneOf, quoted, UsageError } from './values.js';

export interface RecordOptions {
  /** The program and its words, placeholders as they were written; at least one. */
  readonly command: readonly string[];
  readonly out: string;
  readonly mode: 'auto' | 'tun' | 'tcp';
  /** There unless the mode is tcp, and unless it is tun. */
  readonly tun: PreparedServer | undefined;
  readonly tcp: PreparedServer | undefined;
  /** What `{cacert}` stands for; undefined: the certificate that is served. */
  readonly cacert: string | undefined;
  /** Undefined: the command may take as long as it likes. */
  readonly timeoutMs: number | undefined;
  readonly allowFailure: boolean;
  readonly force: boolean;
}

export interface PreparedServer {
  readonly options: ServeOptions;
  readonly notices: readonly string[];
}

export const recordLimits = {
  /** A day. */
  timeoutSeconds: 86_400,
  /** What a command that was told to end is given before it is killed. */
  killAfterMs: 2_000,
  /** A client that is asked for its version. */
  versionMs: 2_000,
  /** Characters of the client's version line, and of each word of the command, in the lineage. */
  lineageText: 4_096,
  /** Connections that the summary tells apart. */
  connections: 100_000,
  /** Golden text that is held before it is written. */
  goldenBufferBytes: 256 * 1024,
} as const;

const DEFAULT_OUT = 'r.pcapng';

/** `--record` is `--out` here, and a pause would ask on the standard input, which is the command's. */
const NOT_OF_RECORD = new Set(['mode', 'record', 'force', 'pause', 'log']);

export function recordSpec(serveOptions: readonly OptionSpec[]): CommandSpec {
  return {
    name: 'record',
    usage: 'record [options] -- COMMAND [WORD...]',
    positional: ' [...command]',
    description:
      'Run a client against a server of its own and leave a test: a recording that replays ({url} and more are filled in)',
    options: [
      { name: 'out', letter: 'o', value: 'FILE', description: 'the recording', defaultText: DEFAULT_OUT },
      {
        name: 'mode',
        value: 'auto|tun|tcp',
        description:
          'tun: the whole stack, server and command in a network namespace of their own; tcp: on loopback; auto: tun ' +
          'where that is possible',
        defaultText: 'auto',
      },
      { name: 'force', description: 'replace the files of an earlier recording' },
      {
        name: 'allow-failure',
        description: 'a command that fails, or does not connect, is what is to be recorded: exit 0 all the same',
      },
      { name: 'timeout', value: 'SECONDS', description: 'end the command after this time', defaultText: 'none' },
      {
        name: 'cacert',
        value: 'FILE',
        description: 'what {cacert} and the environment tell clients to trust',
        defaultText: 'the certificate that is served',
      },
      { name: 'log', value: 'pretty|json|none', description: 'a log on standard error', defaultText: 'none' },
      ...serveOptions.filter(({ name }) => !NOT_OF_RECORD.has(name)).map(asOfRecord),
    ],
    examples: [
      'wirebench record -- curl {url}/headers',
      'wirebench record -- my-client --ca {cacert} --connect {host}:{port}   # also {plain-url}, {plain-port}',
      'wirebench record --out tests/upload.pcapng --seed upload -- curl -d @file {url}/echo',
      'wirebench record --mode tcp --app ./app.mjs -- node client.mjs        # finds WIREBENCH_URL',
      'wirebench record --allow-failure -- curl --tls-max 1.1 {url}',
      'wirebench replay r.pcapng',
    ],
  };
}

const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['port', '443; a free one in mode tcp'],
  ['plain-port', '80; a free one in mode tcp'],
  ['keylog', 'none'],
]);

function asOfRecord(option: OptionSpec): OptionSpec {
  const defaultText = DEFAULTS.get(option.name);
  return defaultText === undefined ? option : { ...option, defaultText };
}

/** `serveIn` reads the options of a server of that mode. */
export function recordOptions(given: Given, serveIn: (mode: 'tun' | 'tcp') => PreparedServer): RecordOptions {
  if (given.positional.length === 0 || given.positional[0] === '') {
    throw new UsageError('record: no command was given', 'Usage: wirebench record [options] -- curl {url}');
  }
  const zero = given.positional.find((word) => word.includes('\0'));
  if (zero !== undefined) throw new UsageError(`record: ${quoted(zero)} cannot be a word of a command`);
  const mode = given.value('mode', (option, text) => oneOf(option, text, ['auto', 'tun', 'tcp'] as const)) ?? 'auto';
  const server = (one: 'tun' | 'tcp'): PreparedServer | undefined =>
    mode === 'auto' || mode === one ? asServer(given, one, serveIn(one)) : undefined;
  return {
    command: given.positional,
    out: given.value('out', recordingName) ?? DEFAULT_OUT,
    mode,
    tun: server('tun'),
    tcp: server('tcp'),
    cacert: given.value('cacert', fileName),
    timeoutMs: given.value(
      'timeout',
      (option, text) => integerIn(option, text, 1, recordLimits.timeoutSeconds) * 1_000,
    ),
    allowFailure: given.on('allow-failure'),
    force: given.on('force'),
  };
}

function asServer(given: Given, mode: 'tun' | 'tcp', { options, notices }: PreparedServer): PreparedServer {
  const free = mode === 'tcp' ? 0 : undefined;
  return {
    options: {
      ...options,
      tlsPort: given.has('port') ? options.tlsPort : (free ?? options.tlsPort),
      plainPort: given.has('plain-port') ? options.plainPort : (free ?? options.plainPort),
      log: given.has('log') ? options.log : 'none',
    },
    notices,
  };
}

/** A replay of a folder takes the .pcapng files in it, and golden logs go by the name without it. */
function recordingName(option: string, text: string): string {
  const name = fileName(option, text);
  if (/[^/]\.pcapng$/.test(name)) return name;
  throw new UsageError(
    `${option}: ${quoted(text)} does not end in .pcapng`,
    `Write ${option} ${quoted(`${name}.pcapng`)}.`,
  );
}
