// One capture replayed, and what came of it as plain data, so that it can come from another thread.

import { type GoldenDifference, missingGolden } from '../bench/golden.js';
import { type ReplayResult, replayRecording } from '../bench/replay.js';
import type { Trace } from '../core/trace.js';
import { CaptureError } from '../io/capture-types.js';
import { FileError } from '../io/errors.js';
import { GoldenLogs, manifestFields } from './golden-logs.js';
import { CUT_OFF, crashLines, NO_PACKETS, type Outcome, outcomeWithout, type Status } from './outcome.js';
import type { Output } from './output.js';
import type { CapturedServer, ReplayOptions } from './replay-options.js';
import { createShown, type Shown } from './show.js';
import { printable } from './text.js';

/** What of the options goes to a worker. */
export type OneOptions = Pick<
  ReplayOptions,
  'update' | 'golden' | 'requiresEnd' | 'log' | 'layers' | 'verbose' | 'debug' | 'color' | 'pause'
> & {
  /** A failed exchange is wanted as a diagram. */
  readonly wantsSequence: boolean;
  /** For captures that are no recordings. */
  readonly server?: CapturedServer;
};

/** Raises nothing: what goes wrong is an outcome. */
export async function replayOne(file: string, options: OneOptions, output?: Output): Promise<Outcome> {
  const startedMs = performance.now();
  const outcome = (status: Status, lines: readonly string[], more: Partial<Outcome> = {}): Outcome => ({
    ...outcomeWithout(file, status, lines),
    ...more,
    milliseconds: performance.now() - startedMs,
  });
  try {
    const { result, golden, missing, changes } = await run(file, options, output);
    const { packets, durationUs, complete, quit, difference } = result;
    const facts = { packets, durationUs, complete, quit, changes, updated: changes.length > 0 };
    if (difference !== undefined) {
      // What takes packets apart is not loaded for captures that are the same.
      const { describeMismatch } = await import('../bench/compare.js');
      const lines = await describeMismatch(file, difference);
      const { sequenceOf } = await import('./replay-sequence.js');
      const sequence = options.wantsSequence ? await sequenceOf(file, difference, lines[0]!) : [];
      return outcome('different', lines, { ...facts, sequence });
    }
    if (golden.length > 0) return outcome('golden', golden.flatMap(goldenLines), facts);
    if (packets === 0 && !quit) return outcome('no-packets', [NO_PACKETS], facts);
    if (missing.length > 0) return outcome('no-golden', missing.map(missingLine), facts);
    if (options.requiresEnd && !complete && !quit) return outcome('cut-off', [CUT_OFF], facts);
    return outcome('identical', [], facts);
  } catch (error) {
    if (error instanceof CaptureError && error.kind === 'not-a-recording') {
      try {
        const { replayForeignOne } = await import('./foreign-replay.js');
        const { status, lines = [], ...facts } = await replayForeignOne(file, options.server ?? {}, error);
        return outcome(status, lines, facts);
      } catch (foreignError) {
        return outcome('crashed', crashLines(file, stackOf(foreignError)));
      }
    }
    if (error instanceof CaptureError) return outcome('unreadable', [error.message], { packets: error.packetsRead });
    // A golden log, which cannot be read or written.
    if (error instanceof FileError) {
      return outcome(error.isOutput ? 'unwritable' : 'unreadable', [`${error.message}. ${error.advice}`]);
    }
    return outcome('crashed', crashLines(file, stackOf(error)));
  }
}

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

function missingLine(file: string): string {
  return `no golden log ${file}: run replay --update, read what it wrote, and commit it`;
}

interface Ran {
  readonly result: ReplayResult;
  readonly golden: readonly GoldenDifference[];
  /** Golden files that have to be there and are not. */
  readonly missing: readonly string[];
  readonly changes: readonly string[];
}

async function run(file: string, options: OneOptions, output: Output | undefined): Promise<Ran> {
  let shown: Shown | undefined;
  let golden: GoldenLogs | undefined;
  let show: Trace | undefined;
  const absent = options.golden === 'off' ? [] : missingGolden(file);
  const wantsGolden = options.golden !== 'off' && (options.update || absent.length === 0);
  const wantsTrace = wantsGolden || options.log !== 'none' || options.pause.size > 0;
  try {
    const result = await replayRecording(file, {
      ...(wantsTrace && {
        trace: (atUs, event) => {
          show?.(atUs, event);
          golden?.trace(atUs, event);
        },
      }),
      onManifest(manifest) {
        const fields = manifestFields(manifest);
        if (output !== undefined) {
          shown = createShown(options, output, fields);
          show = shown.trace;
        }
        if (wantsGolden) golden = new GoldenLogs(file, fields, options.update ? 'update' : 'compare');
      },
      afterInput: () => (shown?.pauser?.hasPending ? shown.pauser.present() : undefined),
    });
    shown?.end();
    const missing = options.golden === 'require' ? absent : [];
    // Where the bytes part, the replay ends: its log then lacks the rest, which says nothing more.
    if (golden === undefined || result.quit || result.difference) return { result, golden: [], missing, changes: [] };
    const { differences, changes } = golden.end();
    return { result, golden: differences, missing, changes };
  } finally {
    golden?.close();
  }
}

function goldenLines({ file, line, golden, now }: GoldenDifference): string[] {
  return [
    `${file} line ${line}:`,
    `  golden: ${golden === undefined ? '(ends here)' : printable(golden)}`,
    `  now:    ${now === undefined ? '(ends here)' : printable(now)}`,
    '  if the change is meant: replay --update, and read the difference before you commit it',
  ];
}
