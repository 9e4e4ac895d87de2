// Recordings as tests: one is replayed, and what differs is said in the words of `wirebench replay`.

import { AssertionError } from 'node:assert';
import { existsSync } from 'node:fs';
import { describeMismatch } from '../bench/compare.js';
import { type GoldenDifference, goldenFiles } from '../bench/golden.js';
import { replayRecording } from '../bench/replay.js';
import { GoldenLogs, manifestFields } from '../cli/golden-logs.js';
import { CUT_OFF, NO_PACKETS } from '../cli/outcome.js';
import type { Trace } from '../core/trace.js';
import { checkChoice, checkOptions, checkType, kindOf } from './checks.js';
import { goldenLines, isContinuousIntegration, isUpdating } from './golden.js';

export interface ReplayFileOptions {
  /**
   * `auto`: the golden logs NAME.jsonl and NAME.log are compared where they are; with WIREBENCH_UPDATE=1 they are written;
   * under CI=true it is a difference when they are missing. `none`: nobody looks at them. Default: `auto`.
   */
  readonly golden?: 'auto' | 'none';
  /** Gets every event of the replay. */
  readonly trace?: Trace;
}

/** How a replay went. */
export interface Replayed {
  readonly file: string;
  /**
   * Every outbound packet is the same, and its time, and so are the golden logs. False without any packet, and under CI when
   * the recording was cut off.
   */
  readonly identical: boolean;
  /** Packets of the recording that were read, both directions. */
  readonly packets: number;
  /** Of the recording, in logical time. */
  readonly durationUs: number;
  /** The recording says where the run ended; false: its writer was killed. */
  readonly complete: boolean;
  /**
   * What to tell a person; empty when all is identical. The first line of a packet that differs is
   * `packet N (+S.SSSSSS s) LAYER FIELD: recorded A, now B (RFC N §S)`.
   */
  readonly difference: readonly string[];
  /** The first difference of each golden log. */
  readonly golden: readonly GoldenDifference[];
}

/** Replays a recording. Raises CaptureError where the file cannot be read or is no recording; a difference is a result. */
export async function replayFile(file: string, options: ReplayFileOptions = {}): Promise<Replayed> {
  checkType('replayFile: file', file, 'text');
  checkOptions('replayFile', options, { golden: true, trace: true });
  const { golden: mode = 'auto', trace } = options;
  checkChoice('replayFile: golden', mode, ['auto', 'none']);
  const files = goldenFiles(file);
  const missing = [files.jsonl, files.log].filter((name) => !existsSync(name));
  const isWanted = mode === 'auto' && (isUpdating() || missing.length === 0);
  let logs: GoldenLogs | undefined;
  try {
    const result = await replayRecording(file, {
      ...((isWanted || trace !== undefined) && {
        trace: (atUs, event) => {
          logs?.trace(atUs, event);
          trace?.(atUs, event);
        },
      }),
      onManifest(manifest) {
        if (isWanted) logs = new GoldenLogs(file, manifestFields(manifest), isUpdating() ? 'update' : 'compare');
      },
    });
    const { difference: mismatch, packets, durationUs, complete } = result;
    const lines = mismatch === undefined ? [] : await describeMismatch(file, mismatch);
    if (packets === 0) lines.push(NO_PACKETS);
    else if (!complete && mismatch === undefined && isContinuousIntegration()) lines.push(CUT_OFF);
    let golden: readonly GoldenDifference[] = [];
    // Where the bytes part, the replay ends: its log then lacks the rest, which says nothing more.
    if (logs !== undefined && mismatch === undefined) golden = logs.end().differences;
    else if (mode === 'auto' && isContinuousIntegration() && !isUpdating()) {
      for (const name of missing) lines.push(`${name} is missing; WIREBENCH_UPDATE=1 writes it`);
    }
    const difference = [...lines, ...golden.flatMap(goldenLines)];
    return { file, identical: difference.length === 0, packets, durationUs, complete, difference, golden };
  } finally {
    logs?.close();
  }
}

/**
 * Passes when a replay was identical; of a file, replays it first. Gives the result. Raises AssertionError whose message has
 * the lines of the difference.
 */
export async function expectIdentical(
  recording: string | Replayed | Promise<Replayed>,
  options?: ReplayFileOptions,
): Promise<Replayed> {
  const replayed = await (typeof recording === 'string' ? replayFile(recording, options) : recording);
  if (typeof replayed?.identical !== 'boolean') {
    throw new TypeError(`expectIdentical: a file, or what replayFile gave, is wanted, not ${kindOf(replayed)}`);
  }
  if (replayed.identical) return replayed;
  throw new AssertionError({
    message: [`${replayed.file}: the replay is not identical`, ...replayed.difference.map((line) => `  ${line}`)].join(
      '\n',
    ),
    operator: 'expectIdentical',
    stackStartFn: expectIdentical,
  });
}
