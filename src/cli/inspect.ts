// `wirebench inspect`: what is in a capture, as the log that a live run would show, as JSON, or as a summary. Filters decide what is
// shown; everything is read, since what a packet means follows from those before it.

import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { createConversation } from '../bench/inspect/conversation.js';
import { INSPECTED_FIELDS } from '../bench/inspect/fields.js';
import { type DisplayFilter, FilterError, parseDisplayFilter, parsePacketFilter } from '../bench/inspect/filter.js';
import type { KeyLog } from '../bench/inspect/keys.js';
import { type Ending, Inspector, inspectCapture } from '../bench/inspect/packets.js';
import type { InspectedPacket } from '../bench/inspect/types.js';
import { nearestName } from '../bench/nearest.js';
import { CaptureError, STANDARD_INPUT } from '../io/capture.js';
import { STANDARD_OUTPUT } from '../io/capture-file.js';
import { EXIT } from '../io/errors.js';
import { captureKeys } from './capture-keys.js';
import { Conversations } from './conversations.js';
import { Follower } from './follow.js';
import { Columns } from './inspect-columns.js';
import { packetJson, schemaJson, summaryJson } from './inspect-json.js';
import { InspectLog } from './inspect-log.js';
import type { InspectOptions } from './inspect-options.js';
import { Tally } from './inspect-summary.js';
import { PacketWriter, UsedKeys } from './inspect-write.js';
import { Interruption } from './interruption.js';
import { createOutput, type Output } from './output.js';
import { type PacketTimes, packetTime } from './packet-time.js';
import { counted } from './text.js';
import { UsageError } from './values.js';

export async function inspect(options: InspectOptions): Promise<number> {
  if (options.output === 'fields') {
    for (const name of INSPECTED_FIELDS.names()) process.stdout.write(`${name}\n`);
    return EXIT.ok;
  }
  const filters = readFilters(options);
  const known = captureKeys(options.capture, options.keylogs);
  const used = options.write === undefined ? undefined : new UsedKeys(known);
  const keys = used ?? known;
  const writer = used && createWriter(options, used);
  const output = createOutput(process.stdout);
  const tally = new Tally({ filtered: filters.length > 0, ignoreChecksums: options.ignoreChecksums });
  const follower = options.follow && new Follower(options.follow, options.hex, (text) => output.write(text));
  const wantsFields =
    options.output === 'json' || options.columns.length > 0 || filters.some((filter) => filter.needs.fields);
  const inspectOptions = {
    keys,
    createConversation: follower === undefined ? createConversation : follower.following(createConversation),
    fields: wantsFields,
    // Events tell what the summary counts.
    events: true,
    ignoreChecksums: options.ignoreChecksums,
  };
  const inspector = new Inspector(inspectOptions);
  const view: View = follower?.view() ?? createView(options, output, tally, inspector);
  const interruption = new Interruption(options.capture === STANDARD_INPUT ? GRACE_MS : 0);
  const packets = inspectCapture(options.capture, inspectOptions, inspector, (item) => writer?.item(item));
  let shown = 0;
  let read = 0;
  let failure: CaptureError | undefined;
  try {
    while (shown !== options.count) {
      const next = await interruption.orStop(packets.next());
      if (next === undefined || next.done) break;
      // A file is read without a turn of the event loop, in which alone Ctrl-C is heard.
      if (++read % TURN_PACKETS === 0) await setImmediate();
      const passes = filters.every((filter) => filter.matches(next.value));
      tally.add(next.value, passes);
      writer?.packet(next.value, passes);
      view.look?.(next.value, passes);
      if (!passes) continue;
      view.packet(next.value);
      shown++;
      if (process.stdout.writableNeedDrain) await interruption.orStop(once(process.stdout, 'drain'));
    }
    if (interruption.stopped) inspector.end();
    else await packets.return();
  } catch (error) {
    if (!(error instanceof CaptureError)) {
      // An open pipe would keep the process alive.
      await packets.return();
      throw error;
    }
    failure = error;
  }
  interruption.end();
  for (const ending of inspector.endings) {
    tally.ending(ending);
    view.ending?.(ending);
  }
  if (failure === undefined || inspector.summary.packets > 0) view.end(keys);
  output.flush();
  writer?.end(failure === undefined || inspector.summary.packets > 0);
  if (shown === 0 && filters.length > 0 && inspector.summary.packets > 0) noneShown(options, inspector.summary.packets);
  if (failure !== undefined) process.stderr.write(`wirebench: ${failure.message}\n`);
  if (interruption.stopped) await leave();
  if (interruption.hit) return EXIT.interrupted;
  return failure === undefined ? EXIT.ok : EXIT.unreadable;
}

/** For what a recorder in the same pipe writes when Ctrl-C ends it. */
const GRACE_MS = 500;
const TURN_PACKETS = 256;

/** A read that waits for input would keep the process alive: it ends when all was written. */
async function leave(): Promise<void> {
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  process.exit(EXIT.interrupted);
}

/** Any name behind `http2.headers.` is a field, so that a slip there shows only now. */
function noneShown({ displayFilter = '' }: InspectOptions, packets: number): void {
  const names = INSPECTED_FIELDS.names();
  const slips = (displayFilter.match(/http2\.headers\.[a-z0-9_]+/g) ?? [])
    .filter((name) => !names.includes(name))
    .flatMap((name) => nearestName(name, names) ?? []);
  const meant = slips.length === 0 ? '' : `. Did you mean ${slips[0]}?`;
  process.stderr.write(`wirebench: none of ${counted(packets, 'packet')} passes the filter${meant}\n`);
}

function readFilters(options: InspectOptions): DisplayFilter[] {
  try {
    const filters: DisplayFilter[] = [];
    if (options.packetFilter !== '') filters.push(parsePacketFilter(options.packetFilter));
    if (options.displayFilter !== undefined) filters.push(parseDisplayFilter(options.displayFilter));
    return filters;
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new UsageError(error.message, error.advice);
  }
}

function createWriter({ write, capture, keylogs }: InspectOptions, keys: UsedKeys): PacketWriter | undefined {
  if (write === undefined) return undefined;
  if (write === STANDARD_OUTPUT && process.stdout.isTTY) {
    throw new UsageError('--write - writes a capture, and standard output is a terminal', 'Name a file, or a pipe.');
  }
  return new PacketWriter(write, [capture, ...keylogs], keys);
}

export interface View {
  /** All packets, whether they pass or not. */
  look?(packet: InspectedPacket, passes: boolean): void;
  ending?(ending: Ending): void;
  packet(packet: InspectedPacket): void;
  end(keys: KeyLog): void;
}

function createView(options: InspectOptions, output: Output, tally: Tally, inspector: Inspector): View {
  if (options.output === 'json') {
    output.write(schemaJson(options.capture));
    return {
      packet: (packet) => output.write(packetJson(packet, options.hex)),
      end: (keys) => output.write(summaryJson(inspector.summary, tally, keys)),
    };
  }
  if (options.output === 'columns') {
    const columns = new Columns(options.columns);
    if (options.header) output.write(columns.header());
    return {
      packet: (packet) => output.write(columns.line(packet, inspector.summary.firstNs)),
      end: () => {},
    };
  }
  if (options.output === 'conversations') return conversationsView(options, output, tally, inspector);
  const log = options.output === 'log' ? new InspectLog(options, (text) => output.write(text)) : undefined;
  return {
    packet: (packet) => log?.packet(packet),
    end(keys) {
      log?.end(inspector.endings.filter(({ flow }) => tally.knows(flow)));
      if (options.output === 'none') return;
      for (const line of tally.lines(inspector.summary, keys)) output.write(`${line}\n`);
    },
  };
}

function conversationsView(options: InspectOptions, output: Output, tally: Tally, inspector: Inspector): View {
  const conversations = new Conversations();
  if (options.json) output.write(schemaJson(options.capture));
  return {
    look: (packet, passes) => conversations.add(packet, passes),
    ending: (ending) => conversations.ending(ending),
    packet: () => {},
    end(keys) {
      const { summary } = inspector;
      const timeText = (times: PacketTimes): string => packetTime(options.time ?? 'relative', times);
      const lines = options.json ? conversations.json() : conversations.table(summary.firstNs, timeText);
      for (const line of lines) output.write(line);
      if (options.json) output.write(summaryJson(summary, tally, keys));
    },
  };
}
