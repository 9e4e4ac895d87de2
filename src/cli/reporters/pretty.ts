// The reporter for people: a line for each capture, what differs below it, and a last line with the sum.

import { createPalette, type Palette } from '../colors.js';
import type { Outcome } from '../outcome.js';
import { counted, grouped, secondsText } from '../text.js';
import { type Cost, isError, type Reporter, type Totals, type Write } from './reporter.js';

/** `complain` is for what cannot be read or went wrong in wirebench, which is never in colour. */
export function createPretty(say: Write, complain: Write, isColored = false): Reporter {
  const palette = createPalette(isColored);
  const told = new Set<string>();
  return {
    outcome(outcome) {
      const { file, lines, advice, changes } = outcome;
      if (isError(outcome)) {
        const news = advice.filter((line) => !told.has(line));
        for (const line of [...lines, ...news]) complain(`wirebench: ${line}\n`);
        for (const line of news) told.add(line);
        return;
      }
      say(`${onOneLine(file)}: ${resultText(outcome, palette)}\n`);
      for (const line of [...lines, ...changes]) say(`  ${line}\n`);
      if (outcome.quit) say('ended on request\n');
    },
    end: ({ text }) => say(`${paintedSum(text, palette)}\n`),
  };
}

function resultText(outcome: Outcome, { ok, error, warning }: Palette): string {
  const { packets, durationUs, status, quit, complete, updated } = outcome;
  const parts = [counted(packets, 'packet'), `${secondsText(durationUs)} s`];
  if (status === 'different') parts.push(error('DIFFERENT'));
  else if (status === 'no-packets') parts.push(error('NO PACKETS'));
  else if (quit) parts.push(ok('identical so far'));
  else parts.push(ok('identical'));
  if (status === 'golden') parts.push(error('LOG DIFFERENT'));
  if (status === 'no-golden') parts.push(error('NO GOLDEN LOG'));
  if (!complete && !quit && status !== 'different') {
    parts.push((status === 'cut-off' ? error : warning)('NO END: the run was cut off'));
  }
  if (updated) parts.push('golden logs written');
  return parts.join(', ');
}

/** A sum with what is well in it, and what is not, in colour. */
export function paintedSum(text: string, { ok, error }: Palette): string {
  return text.replace(WELL, ok).replace(NOT_WELL, error);
}

const WELL = /\ball (?:identical|answered|as expected)\b/g;
const NOT_WELL =
  /(?<=, )[0-9,]+ (?:different|with another log|without golden logs|without any packet|cut off|whose golden logs cannot be written|unreadable|internal errors?|not answered|not as expected|without any request)(?=, |$)/g;

/** `quit`: somebody ended it, so that not all was compared. */
export function summaryText(totals: Totals, nothing?: string, quit = false): string {
  if (nothing !== undefined) return `0 captures: ${nothing}`;
  const parts = [counted(totals.captures, 'capture'), `${grouped(totals.packets)} packets`];
  if (totals.different > 0) parts.push(`${totals.different} different`);
  if (totals.goldenDifferent > 0) parts.push(`${totals.goldenDifferent} with another log`);
  if (totals.goldenMissing > 0) parts.push(`${totals.goldenMissing} without golden logs`);
  if (totals.withoutPackets > 0) parts.push(`${totals.withoutPackets} without any packet`);
  if (totals.cutOff > 0) parts.push(`${totals.cutOff} cut off`);
  if (totals.unreadable > 0) parts.push(`${totals.unreadable} unreadable`);
  if (totals.unwritable > 0) parts.push(`${totals.unwritable} whose golden logs cannot be written`);
  if (totals.crashed > 0) parts.push(`${counted(totals.crashed, 'internal error')}`);
  if (totals.updated > 0) parts.push(`${totals.updated} golden logs written`);
  if (totals.notRun > 0) parts.push(`${grouped(totals.notRun)} not run`);
  const { different, goldenDifferent, goldenMissing, withoutPackets, cutOff, unreadable, unwritable, crashed } = totals;
  const compared = different + goldenDifferent + goldenMissing + withoutPackets + cutOff;
  const failed = compared + unreadable + unwritable + crashed;
  if (quit) parts.push(failed === 0 ? 'identical until ended on request' : 'ended on request');
  else if (failed === 0) parts.push('all identical');
  return parts.join(', ');
}

/** What it took; no part of what is compared. */
export function costText(packets: number, { milliseconds, cpuMilliseconds, jobs, peakBytes }: Cost): string {
  const rate = grouped(Math.round(packets / Math.max(milliseconds / 1_000, 1e-3)));
  const [wall, cpu] = [milliseconds, cpuMilliseconds].map((each) => (each / 1_000).toFixed(2));
  return `${wall} s, CPU ${cpu} s, ${counted(jobs, 'job')}, ${rate} packets/s, ${(peakBytes / 1e6).toFixed(0)} MB at most`;
}

/** A file name may hold what moves a cursor or begins another line. */
function onOneLine(name: string): string {
  return name.replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
}
