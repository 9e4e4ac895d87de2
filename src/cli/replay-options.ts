// `wirebench replay`: its options as data for help and for reading the command line, and words in, plain data out.

import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isCi } from './ci.js';
import type { DisplayOptions, Env, Given } from './given.js';
import type { CommandSpec, OptionSpec } from './option-spec.js';
import { fileName, integerIn, quoted, seedBytes, UsageError } from './values.js';

export const REPORTERS = ['pretty', 'json', 'junit', 'github'] as const;
export type ReporterName = (typeof REPORTERS)[number];

export interface ReporterChoice {
  readonly name: ReporterName;
  /** Undefined: standard output. */
  readonly file: string | undefined;
}

export interface ReplayOptions extends DisplayOptions {
  /** At least one. */
  readonly captures: readonly string[];
  readonly update: boolean;
  /** Undefined: by the number of captures and of processors. */
  readonly jobs: number | undefined;
  /** Part `index` of `count`, from 1. */
  readonly shard: { readonly index: number; readonly count: number } | undefined;
  readonly bail: boolean;
  /** Patterns for paths; empty: all. */
  readonly filter: readonly string[];
  readonly exclude: readonly string[];
  /** At least one. */
  readonly reporters: readonly ReporterChoice[];
  /** compare: those that are there. require: a capture without is a failure. off: none is looked at. */
  readonly golden: 'compare' | 'require' | 'off';
  /** A recording whose run was cut off is a failure. */
  readonly requiresEnd: boolean;
  readonly server: CapturedServer;
}

/** What is known of a server that others captured; see foreign-replay.ts. */
export interface CapturedServer {
  readonly seed?: Uint8Array | undefined;
  /** A manifest, a config, or a recording of the run. */
  readonly config?: string | undefined;
  /** Options that it was started with. */
  readonly serve?: readonly string[];
}

const MOST_JOBS = 256;
const MOST_SHARDS = 10_000;
/** Small captures that one job is to have, and bytes of a large one that take as long as a small one. */
const WORK_A_JOB = 64;
const BYTES_LIKE_A_CAPTURE = 100_000;

export function replaySpec(displayOptions: readonly OptionSpec[]): CommandSpec {
  return {
    name: 'replay',
    usage: 'replay CAPTURE|DIR... [options]',
    positional: ' <...captures>',
    description: 'Run recordings again and compare every byte (directories: the .pcapng files below them)',
    exitNote:
      'Of several captures: 6 if one met an internal error, else 3 if one is unreadable, else 1 if one differs.',
    options: [
      { name: 'update', description: 'rewrite the golden logs from what is seen now, and show what changed' },
      {
        name: 'golden',
        description:
          'compare golden logs too; with CI set a capture without is a failure, as is one that was cut off. ' +
          '--no-golden: look at none',
        defaultText: 'on',
      },
      {
        name: 'jobs',
        value: 'N',
        description: 'captures at the same time, each on a thread; with --log pretty|json or --pause it is one',
        defaultText: 'the number of processors, where the captures are enough for it',
      },
      {
        name: 'shard',
        value: 'I/N',
        description:
          'only part I of N, so that N machines share the work: of the sorted paths every N-th, from the I-th on',
      },
      { name: 'bail', description: 'end at the first capture that fails' },
      {
        name: 'filter',
        value: 'PATTERN',
        description: 'only paths that match (* and ?, or a part of the path); repeatable: any of them',
      },
      { name: 'exclude', value: 'PATTERN', description: 'leave out paths that match; repeatable' },
      {
        name: 'reporter',
        value: 'NAME[=FILE]',
        words: REPORTERS,
        description: 'pretty, json, junit or github (annotations, and a step summary); repeatable',
        defaultText: 'pretty',
      },
      {
        name: 'config',
        value: 'FILE',
        description:
          'for captures that others took of a wirebench server: what serve --manifest wrote, or a recording of the same run',
        defaultText: 'NAME.manifest.json beside the capture',
      },
      {
        name: 'serve',
        value: 'OPTIONS',
        description:
          "for such captures, with --seed: the options that the server was started with: --serve='--tls-max 1.2'",
        defaultText: 'none',
      },
      ...displayOptions,
    ],
    examples: [
      'wirebench replay run.pcapng',
      'wirebench replay fixtures/captures --log pretty -v',
      'wirebench replay captures --jobs 2 --reporter github --reporter junit=report.xml',
      'wirebench replay captures --shard 1/4 --bail',
      "wirebench replay --re-execute nginx.pcapng --expect 'http.status == recorded.status' --record ours.pcapng",
      "wirebench replay captures --filter 'h2-*' --update",
      'wirebench replay tcpdump.pcap --config run.manifest.json',
    ],
  };
}

export function replayOptions(given: Given, display: DisplayOptions, env: Env): ReplayOptions {
  if (given.positional.length === 0) {
    throw new UsageError('replay: no capture was given', 'Usage: wirebench replay CAPTURE...');
  }
  const off = given.has('golden') && !given.on('golden');
  const update = given.on('update');
  if (off && update) throw new UsageError('--no-golden and --update exclude each other');
  // Logs and pauses are one after the other.
  const serial = display.log !== 'none' || display.pause.size > 0;
  const { jobs, ...choice } = captureChoice(given);
  return {
    ...display,
    ...choice,
    update,
    // What is written behind the first failure would not be reported.
    jobs: serial || (update && choice.bail) ? 1 : jobs,
    server: {
      seed: given.value('seed', seedBytes),
      config: given.value('config', fileName),
      serve: given.value('serve', (_option, text) => text.split(/\s+/).filter((word) => word !== '')) ?? [],
    },
    golden: off ? 'off' : isCi(env) && !update ? 'require' : 'compare',
    requiresEnd: isCi(env),
  };
}

/** Options that are not heeded as they are written. */
export function replayNotices(given: Given, { jobs, log, pause }: ReplayOptions): string[] {
  const wanted = captureChoice(given).jobs ?? 1;
  if (jobs !== 1 || wanted === 1) return [];
  const why = log !== 'none' ? `--log ${log}` : pause.size > 0 ? '--pause' : '--update with --bail';
  return [`--jobs ${wanted}: it is one job, as ${why} takes the captures one after the other`];
}

/** Which captures, how many at a time, and who reports: the same for replay and re-execution. */
export function captureChoice(
  given: Given,
): Pick<ReplayOptions, 'captures' | 'jobs' | 'shard' | 'bail' | 'filter' | 'exclude' | 'reporters'> {
  return {
    captures: given.positional.map((name) => fileName('replay', name)),
    jobs: given.value('jobs', (option, text) => integerIn(option, text, 1, MOST_JOBS)),
    shard: given.value('shard', shardOf),
    bail: given.on('bail'),
    filter: given.texts('filter'),
    exclude: given.texts('exclude'),
    reporters: reporterChoices(given),
  };
}

function reporterChoices(given: Given): ReporterChoice[] {
  const reporters = given.texts('reporter').map(reporterChoice);
  if (reporters.filter(({ file }) => file === undefined).length > 1) {
    throw new UsageError(
      '--reporter: only one can have the standard output',
      'Give the others a file: junit=report.xml',
    );
  }
  const files = reporters.map(({ file }) => file).filter((file) => file !== undefined);
  const twice = files.find((file, at) => files.indexOf(file) !== at);
  if (twice !== undefined)
    throw new UsageError(`--reporter: ${quoted(twice)} is named twice`, 'Each has a file of its own.');
  return reporters.some(({ file }) => file === undefined)
    ? reporters
    : [{ name: 'pretty', file: undefined }, ...reporters];
}

/**
 * A thread costs half a second of work before it gives any, so each is to have at least as much: few and small captures
 * have one job, which needs no thread at all.
 */
export function jobsFor(files: readonly string[], wanted: number | undefined): number {
  if (wanted !== undefined) return Math.max(1, Math.min(wanted, files.length));
  const most = Math.min(availableParallelism(), files.length);
  let work = 0;
  for (let at = 0; at < files.length && work < most * WORK_A_JOB; at++) {
    work += 1 + sizeOf(files[at]!) / BYTES_LIKE_A_CAPTURE;
  }
  return Math.max(1, Math.min(most, Math.floor(work / WORK_A_JOB)));
}

/** What cannot be looked at (a link to itself, a folder without permissions) is complained about when it is read. */
function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

function reporterChoice(text: string): ReporterChoice {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const found = REPORTERS.find((one) => one === name);
  if (found === undefined) {
    throw new UsageError(`--reporter: ${quoted(name)} is not one of ${REPORTERS.join(', ')}`);
  }
  return { name: found, file: equals < 0 ? undefined : fileName('--reporter', text.slice(equals + 1)) };
}

function shardOf(option: string, text: string): NonNullable<ReplayOptions['shard']> {
  const found = /^([0-9]{1,5})\/([0-9]{1,5})$/.exec(text);
  const [index, count] = found === null ? [0, 0] : [Number(found[1]), Number(found[2])];
  if (index >= 1 && index <= count && count <= MOST_SHARDS) return { index, count };
  throw new UsageError(`${option}: ${quoted(text)} is no part of a whole`, 'The form is 1/4 to 4/4.');
}
