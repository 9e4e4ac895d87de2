// `wirebench diff`: reads two captures and prints what differs, for people or as JSON lines. Exit code 1 when something does.

import {
  collectCapture,
  compareCaptures,
  type DiffEntry,
  type DiffPlace,
  type DiffResult,
} from '../bench/diff/diff.js';
import { FieldPool } from '../bench/diff/field-pool.js';
import { diffLimits } from '../bench/diff/limits.js';
import { inspectLimits } from '../bench/inspect/limits.js';
import { streamLimits } from '../bench/inspect/stream-limits.js';
import { EXIT } from '../io/errors.js';
import { captureKeys } from './capture-keys.js';
import { createPalette, resolveColor } from './colors.js';
import type { DiffCommandOptions } from './diff-options.js';
import { createOutput } from './output.js';
import { asciiJson, counted, grouped, printable, secondsText } from './text.js';

/** Grows when a field changes its meaning or goes; new fields do not count. */
export const DIFF_SCHEMA = 1;

/** Raises CaptureError. */
export async function diff(options: DiffCommandOptions): Promise<number> {
  const { a, b, level, ignore, ignoreChecksums, keylogs, keylogs2 } = options;
  const chosen = { level, ignore, ignoreChecksums, pool: new FieldPool() };
  const ofA = await collectCapture(a, captureKeys(a, keylogs), chosen);
  const ofB = await collectCapture(b, captureKeys(b, keylogs2.length > 0 ? keylogs2 : keylogs), chosen);
  const result = compareCaptures(ofA, ofB, chosen);
  const output = createOutput(process.stdout);
  for (const line of options.json ? jsonLines(result, options) : textLines(result, options)) output.write(`${line}\n`);
  output.flush();
  const failures = [ofA.failure, ofB.failure].filter((failure) => failure !== undefined);
  for (const { message } of failures) process.stderr.write(`wirebench: ${message}\n`);
  if (failures.length > 0) return EXIT.unreadable;
  // What was not compared may differ, and where nothing was compared nothing was found to be the same.
  return result.count === 0 && result.complete && result.units > 0 ? EXIT.ok : EXIT.different;
}

function* jsonLines(result: DiffResult, options: DiffCommandOptions): Generator<string> {
  const { a, b, level, ignore } = options;
  yield asciiJson({ schema: DIFF_SCHEMA, kind: 'wirebench-diff', a, b, level, ignore });
  for (const entry of result.entries.slice(0, options.limit))
    yield asciiJson({ kind: 'difference', ...entryObject(entry) });
  for (const { layer, field, count, first } of result.groups) {
    yield asciiJson({ kind: 'group', layer, field, count, first: entryObject(first) });
  }
  yield asciiJson({
    kind: 'summary',
    differences: result.count,
    listed: Math.min(result.entries.length, options.limit ?? result.entries.length),
    conversations: result.conversations,
    units: result.units,
    notCompared: result.notCompared,
    complete: result.complete,
    a: result.a,
    b: result.b,
  });
}

function entryObject(entry: DiffEntry): Record<string, unknown> {
  const { kind, layer, field, a, b, section, unit, lane, from, placeA, placeB } = entry;
  const section_ = section === '' ? {} : { section };
  return {
    difference: kind,
    layer,
    field,
    a,
    b,
    ...section_,
    unit,
    lane,
    from,
    ...(placeA && { packetA: placeA.packet, atUsA: placeA.atUs, flowA: placeA.flow }),
    ...(placeB && { packetB: placeB.packet, atUsB: placeB.atUs, flowB: placeB.flow }),
  };
}

function* textLines(result: DiffResult, options: DiffCommandOptions): Generator<string> {
  const palette = createPalette(resolveColor(options.color, process.env, process.stdout.isTTY === true));
  const { count, entries, groups, units, conversations } = result;
  const compared = `${counted(units, 'unit')} of ${counted(conversations, 'conversation')} compared at level ${options.level}`;
  if (count === 0) yield noDifference(result, compared);
  else {
    const shown = entries.slice(0, options.limit ?? 1);
    for (const [at, entry] of shown.entries()) {
      const [first, ...rest] = entryLines(entry);
      yield palette.error(at === 0 ? `first difference: ${first}` : first!);
      for (const line of rest) yield `  ${line}`;
    }
    yield `${counted(count, 'difference')} in ${counted(groups.length, 'field')}; ${compared}`;
    const width = Math.min(60, Math.max(...groups.map(({ field }) => field.length)));
    for (const group of groups.slice(0, SHOWN_GROUPS)) {
      const { first } = group;
      const place = [
        first.placeA && `packet ${first.placeA.packet} of A`,
        first.placeB && `${first.placeB.packet} of B`,
      ];
      const values = `A ${short(first.a)}, B ${short(first.b)}`;
      yield `${grouped(group.count).padStart(7)}  ${group.field.padEnd(width)}  first: ${place.filter(Boolean).join(', ')} (${first.unit}): ${values}`;
    }
    if (groups.length > SHOWN_GROUPS)
      yield `         and ${counted(groups.length - SHOWN_GROUPS, 'field')} more: --json has all`;
  }
  yield* left('A', options.a, result.a, options.level);
  yield* left('B', options.b, result.b, options.level);
  if (result.notCompared > 0) yield palette.warning(`not compared: ${counted(result.notCompared, 'unit')} behind that`);
}

function noDifference({ a, b, units, complete }: DiffResult, compared: string): string {
  const upTo = [
    a.fullAtPacket === undefined ? [] : [`packet ${a.fullAtPacket - 1} of A`],
    b.fullAtPacket === undefined ? [] : [`packet ${b.fullAtPacket - 1} of B`],
  ].flat();
  if (upTo.length > 0) return `no difference up to ${upTo.join(' and ')}, and the rest was not compared: ${compared}`;
  if (!complete) return `no difference in what was compared, which is not all: ${compared}`;
  return units === 0 ? `nothing to compare: ${compared}` : `no difference: ${compared}`;
}

const CUTS: Readonly<Record<NonNullable<DiffResult['a']['cut']>, string>> = {
  units: `it holds more than ${grouped(diffLimits.units)} messages, frames and packets; \`editcap -r\` cuts it`,
  bytes: `it holds more than ${diffLimits.bytes / 1024 / 1024} MiB of fields; \`editcap -r\` cuts it`,
  conversations: `it holds more than ${grouped(diffLimits.conversations)} connections; \`editcap -r\` cuts it`,
  requests: `one of its connections holds more than ${grouped(diffLimits.lanes)} requests`,
  unreadable: 'the file is damaged or cut off there',
};

const SHOWN_GROUPS = 50;

function entryLines(entry: DiffEntry): string[] {
  const { field, a, b, section, unit, lane, from, placeA, placeB } = entry;
  const where = [placeA && `packet ${placeText(placeA)} of A`, placeB && `packet ${placeText(placeB)} of B`];
  const rule = section === '' ? '' : ` (${section})`;
  const about = lane === '' ? '' : ` in ${unit} of the ${from}, ${lane}`;
  const flow = placeA?.flow ?? placeB?.flow ?? '';
  return [
    `${where.filter(Boolean).join(', ')}: ${entry.layer.toUpperCase()} ${field}: A ${a}, B ${b}${rule}`,
    `${about.trimStart()}${about === '' ? '' : '; '}${flow}`,
  ];
}

function placeText({ packet, atUs }: DiffPlace): string {
  return `${packet} (+${secondsText(atUs)} s)`;
}

const SHOWN_CHARACTERS = 48;

function short(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
}

function* left(
  name: string,
  file: string,
  facts: DiffResult['a'],
  level: DiffCommandOptions['level'],
): Generator<string> {
  if (facts.fullAtPacket !== undefined) {
    const why = CUTS[facts.cut ?? 'unreadable'];
    yield `${name} (${printable(file)}) was compared up to packet ${facts.fullAtPacket - 1}: ${why}`;
  }
  if (facts.longContents > 0) {
    const most = level === 'http' ? streamLimits.contentBytes : streamLimits.fieldContentBytes;
    const kept = `the first ${most / 1024 / 1024} MiB`;
    yield `${name}: content of ${counted(facts.longContents, 'message')} was compared in part, ${kept} of it`;
  }
  if (facts.forgotten > 0) {
    yield `${name}: ${counted(facts.forgotten, 'connection')} followed to no end: more than ${grouped(inspectLimits.conversations)} at once`;
  }
  if (facts.givenUp > 0) {
    yield `${name}: ${counted(facts.givenUp, 'connection')} read in part: all together hold more than is kept`;
  }
  if (facts.silent > 0) {
    yield `${name}: ${counted(facts.silent, 'connection')} without anything that is compared at this level`;
  }
  if (facts.locked > 0) {
    const option = name === 'A' ? '--keylog' : '--keylog2';
    yield `${name}: TLS of ${counted(facts.locked, 'connection')} cannot be opened: have the client write SSLKEYLOGFILE and give it by ${option}`;
  }
  if (facts.conversations === 0)
    yield `${name} (${printable(file)}) has no conversation that is compared at this level`;
}
