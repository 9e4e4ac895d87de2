// `wirebench replay`: runs recordings again, compares every outbound packet and the golden logs, and says what differs.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeMismatch } from '../bench/compare.js';
import { compareGolden, type GoldenDifference, goldenFiles, hasGolden, updateGolden } from '../bench/golden.js';
import type { RecordingManifest } from '../bench/recording.js';
import { type ReplayResult, replayRecording } from '../bench/replay.js';
import type { Trace } from '../core/trace.js';
import type { RunConfig } from '../io/assemble.js';
import { CaptureError } from '../io/capture.js';
import { EXIT } from '../io/errors.js';
import type { ReplayOptions } from './arguments.js';
import { createConsoleRenderer, type Renderer } from './console.js';
import { createJsonlRenderer } from './jsonl.js';
import { createOutput, type Output } from './output.js';
import { createShown, type ManifestFields, type Shown } from './show.js';
import { counted, grouped, printable, secondsText } from './text.js';

export async function replay(options: ReplayOptions): Promise<number> {
  const output = createOutput(process.stdout);
  // The JSON log is data for a program: what is said about it goes to the other stream.
  const say = (line: string): void => {
    if (options.log === 'json') process.stderr.write(`${line}\n`);
    else output.write(`${line}\n`);
  };
  const totals = { captures: 0, packets: 0, different: 0, unreadable: 0, goldenDifferent: 0, updated: 0 };

  for (const file of expand(options.captures)) {
    totals.captures++;
    if (file instanceof CaptureError) {
      totals.unreadable++;
      complain(file);
      continue;
    }
    if (options.log === 'pretty') output.write(`== ${file}\n`);
    try {
      const { result, golden, updated } = await replayOne(file, options, output);
      totals.packets += result.packets;
      if (result.difference) totals.different++;
      if (golden.length > 0) totals.goldenDifferent++;
      if (updated) totals.updated++;
      say(`${file}: ${resultText(result, golden, updated)}`);
      if (result.difference) for (const line of await describeMismatch(file, result.difference)) say(`  ${line}`);
      for (const difference of golden) for (const line of goldenLines(difference)) say(`  ${line}`);
      if (result.quit) {
        say('ended on request');
        break;
      }
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      totals.unreadable++;
      output.flush();
      complain(error);
    }
  }
  say(summary(totals));
  output.flush();
  if (totals.unreadable > 0) return EXIT.unreadable;
  return totals.different > 0 || totals.goldenDifferent > 0 ? EXIT.different : EXIT.ok;
}

function complain(error: CaptureError): void {
  process.stderr.write(`wirebench: ${error.message}\n`);
}

/** Folders stand for the .pcapng files in them, in the order of their names. */
function* expand(captures: readonly string[]): Generator<string | CaptureError> {
  for (const capture of captures) {
    let names: string[] | undefined;
    try {
      if (statSync(capture).isDirectory()) names = readdirSync(capture).sort();
    } catch {
      // A file that is not there is complained about when it is read.
    }
    if (names === undefined) {
      yield capture;
      continue;
    }
    const files = names.filter((name) => name.endsWith('.pcapng'));
    if (files.length === 0) {
      const advice = 'Name a folder of recordings, or the files themselves';
      yield new CaptureError('not-a-recording', capture, 0, 'no .pcapng file in this folder', advice);
    }
    for (const name of files) yield join(capture, name);
  }
}

interface Replayed {
  readonly result: ReplayResult;
  readonly golden: readonly GoldenDifference[];
  readonly updated: boolean;
}

async function replayOne(file: string, options: ReplayOptions, output: Output): Promise<Replayed> {
  let shown: Shown | undefined;
  let golden: GoldenLogs | undefined;
  let show: Trace | undefined;
  const wantsGolden = options.update || hasGolden(file);
  const wantsTrace = wantsGolden || options.log !== 'none' || options.pause.size > 0;
  const result = await replayRecording(file, {
    ...(wantsTrace && {
      trace: (atUs, event) => {
        show?.(atUs, event);
        golden?.trace(atUs, event);
      },
    }),
    onManifest(manifest) {
      const fields = manifestFields(manifest);
      shown = createShown(options, output, fields);
      show = shown.trace;
      if (wantsGolden) golden = new GoldenLogs(fields);
    },
    afterInput: () => (shown?.pauser?.hasPending ? shown.pauser.present() : undefined),
  });
  shown?.end();
  // Where the bytes part, the replay ends: its log then lacks the rest, which says nothing more.
  if (golden === undefined || result.quit || result.difference) return { result, golden: [], updated: false };
  return options.update
    ? { result, golden: [], updated: golden.update(file) }
    : { result, golden: golden.compare(file), updated: false };
}

/** No version and no time of day: a golden log changes when what it tells of changes, and not before. */
function manifestFields(manifest: RecordingManifest): ManifestFields {
  const { mode } = manifest.config as RunConfig;
  return { format: manifest.format, mode, seed: manifest.seed, startUnixUs: manifest.startUnixUs };
}

/** Both renderings of one replay, in memory. */
class GoldenLogs {
  #jsonl = '';
  #log = '';
  readonly #renderers: readonly Renderer[];

  constructor(manifest: ManifestFields) {
    const jsonl = createJsonlRenderer({
      manifest,
      write: (text) => {
        this.#jsonl += text;
      },
    });
    const log = createConsoleRenderer({
      color: false,
      verbose: false,
      debug: false,
      write: (text) => {
        this.#log += text;
      },
    });
    this.#renderers = [jsonl, log];
  }

  trace(atUs: number, event: Parameters<Trace>[1]): void {
    for (const renderer of this.#renderers) renderer(atUs, event);
  }

  compare(capture: string): GoldenDifference[] {
    return this.#files(capture)
      .map(([file, text]) => compareGolden(file, text))
      .filter((difference) => difference !== undefined);
  }

  update(capture: string): boolean {
    return this.#files(capture).reduce((changed, [file, text]) => updateGolden(file, text) || changed, false);
  }

  #files(capture: string): (readonly [file: string, text: string])[] {
    for (const renderer of this.#renderers) renderer.end();
    const { jsonl, log } = goldenFiles(capture);
    return [
      [jsonl, this.#jsonl],
      [log, this.#log],
    ];
  }
}

function resultText(result: ReplayResult, golden: readonly GoldenDifference[], updated: boolean): string {
  const parts = [counted(result.packets, 'packet'), `${secondsText(result.durationUs)} s`];
  if (result.difference) parts.push('DIFFERENT');
  else if (result.quit) parts.push('identical so far');
  else parts.push('identical');
  if (golden.length > 0) parts.push('LOG DIFFERENT');
  if (!result.complete && !result.quit && !result.difference) parts.push('NO END: the run was cut off');
  if (updated) parts.push('golden logs written');
  return parts.join(', ');
}

function goldenLines({ file, line, golden, now }: GoldenDifference): string[] {
  return [
    `${file} line ${line}:`,
    `  golden: ${golden === undefined ? '(ends here)' : printable(golden)}`,
    `  now:    ${now === undefined ? '(ends here)' : printable(now)}`,
    '  if the change is meant: replay --update, and read the difference before you commit it',
  ];
}

function summary(totals: {
  captures: number;
  packets: number;
  different: number;
  unreadable: number;
  goldenDifferent: number;
  updated: number;
}): string {
  const parts = [counted(totals.captures, 'capture'), `${grouped(totals.packets)} packets`];
  if (totals.different > 0) parts.push(`${totals.different} different`);
  if (totals.goldenDifferent > 0) parts.push(`${totals.goldenDifferent} with another log`);
  if (totals.unreadable > 0) parts.push(`${totals.unreadable} unreadable`);
  if (totals.updated > 0) parts.push(`${totals.updated} golden logs written`);
  if (totals.different + totals.goldenDifferent + totals.unreadable === 0) parts.push('all identical');
  return parts.join(', ');
}
