// One capture re-executed, and what came of it as plain data, so that it can come from another thread.

import { compareAnswer, IGNORED_FIELDS } from '../bench/compare-answers.js';
import { type Expectation, parseExpectation } from '../bench/expectation.js';
import { digestOf } from '../bench/inspect/content-digest.js';
import type { RecordedExchange } from '../bench/inspect/types.js';
import { type Answer, drained, type NotTaken, type Requests, readRequests, reExecute } from '../bench/re-execute.js';
import { frameRecorder, keyLogLine } from '../bench/recorders.js';
import { RECORDING_FORMAT, RECORDING_FORMAT_ANSWERS, RecordingError, RecordingWriter } from '../bench/recording.js';
import type { RunIdentity } from '../io/assemble.js';
import { CaptureError } from '../io/capture-types.js';
import { FileError } from '../io/errors.js';
import { captureKeys } from './capture-keys.js';
import { createPalette } from './colors.js';
import { openDesk } from './desk.js';
import { crashLines, type Outcome, outcomeWithout } from './outcome.js';
import { counted, grouped, printable } from './text.js';
import { version } from './version.js';

/** What goes to a worker. */
export interface OneReExecution {
  readonly run: Omit<RunIdentity, 'startUnixUs'>;
  readonly keylogs: readonly string[];
  readonly expectations: readonly string[];
  /** Names of header fields, in lower case. */
  readonly ignored: readonly string[];
  readonly record: string | undefined;
  readonly app: string | undefined;
  readonly root: string | undefined;
  readonly ignoreChecksums: boolean;
  /** A capture without any request passes. */
  readonly allowEmpty: boolean;
  /** The report for people, in colour or not, and the one for programs: each is made only where it is wanted. */
  readonly wantsText: boolean;
  readonly isColored: boolean;
  readonly wantsJson: boolean;
}

export interface ReExecuted extends Outcome {
  readonly requests: number;
  readonly unanswered: number;
  /** Requests whose answers do not meet every expectation. */
  readonly unmet: number;
  /** Connections of which nothing was asked, by the reason. */
  readonly notTaken: Readonly<Partial<Record<NotTaken, number>>>;
  readonly text: readonly string[];
  readonly json: unknown;
}

/** Raises nothing: what goes wrong is an outcome. */
export async function reExecuteOne(file: string, options: OneReExecution): Promise<ReExecuted> {
  const startedMs = performance.now();
  try {
    const expectations = options.expectations.map(parseExpectation);
    const keys = captureKeys(file, options.keylogs);
    const requests = await readRequests(file, keys, options);
    const answers = await play(requests, options);
    const unmet = answers.map((answer) => expectations.filter((one) => !one.holds(answer)));
    const failures = failureLines(answers, unmet);
    const isEmpty = answers.length === 0;
    const empty = isEmpty ? [`no request could be taken: ${emptyText(requests)}`] : [];
    const isFailed = failures.length > 0 || (isEmpty && !options.allowEmpty);
    const ignored = new Set([...IGNORED_FIELDS, ...options.ignored]);
    const report: Report = { file, answers, requests, unmet, ignored };
    return {
      ...outcomeWithout(file, isFailed ? 'different' : 'identical', [...empty, ...failures]),
      packets: requests.packets,
      complete: true,
      requests: answers.length,
      unanswered: answers.filter(({ ours }) => ours === undefined).length,
      unmet: unmet.filter((list) => list.length > 0).length,
      notTaken: Object.fromEntries(requests.notTaken),
      text: options.wantsText ? [...reportLines(report, empty, options.isColored)] : [],
      json: options.wantsJson ? captureJson(report, isFailed ? 'failed' : 'passed', empty) : undefined,
      milliseconds: performance.now() - startedMs,
    };
  } catch (error) {
    if (error instanceof FileError) return without(file, 'unreadable', [`${error.message}. ${error.advice}`]);
    if (error instanceof CaptureError) {
      return { ...without(file, 'unreadable', [error.message]), packets: error.packetsRead };
    }
    if (error instanceof RecordingError) return without(file, 'unreadable', [error.message]);
    return crashedReExecution(file, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

export function crashedReExecution(file: string, stack: string): ReExecuted {
  return without(file, 'crashed', crashLines(`--re-execute ${file}`, stack));
}

export function unreadableReExecution({ file, message }: CaptureError): ReExecuted {
  return without(file, 'unreadable', [message]);
}

function without(file: string, status: 'unreadable' | 'crashed', lines: readonly string[]): ReExecuted {
  const json = { file, status, why: lines[0], missing: [], notTaken: {}, requests: [] };
  const nothing = { requests: 0, unanswered: 0, unmet: 0, notTaken: {}, text: [], json };
  return { ...outcomeWithout(file, status, lines), ...nothing };
}

async function play({ connections, startUnixUs }: Requests, options: OneReExecution): Promise<Answer[]> {
  const { run, record } = options;
  const identity = { ...run, startUnixUs };
  // One for each capture: what comes late to one of its requests is nobody else's.
  const desk = await openDesk(options);
  const outside = desk === undefined ? {} : { desk };
  if (record === undefined) return reExecute(drained(connections), { identity, ...outside });
  const writer = new RecordingWriter(record, {
    format: identity.config.outside ? RECORDING_FORMAT_ANSWERS : RECORDING_FORMAT,
    wirebench: version(),
    node: process.versions.node,
    seed: Buffer.from(identity.seed).toString('hex'),
    config: identity.config,
    startUnixUs,
  });
  const recorder = frameRecorder(writer);
  try {
    return await reExecute(drained(connections), {
      identity,
      ...outside,
      trace(_atUs, event) {
        const line = keyLogLine(event);
        if (line !== undefined) writer.secret(line);
      },
      onPacket: (atUs, dir, bytes) => recorder.packet(atUs, dir, bytes),
      onAnswer: (atUs, token, answer) => recorder.answer(atUs, token, answer),
      onEnd: (atUs) => recorder.event('end', atUs),
    });
  } finally {
    recorder.close();
  }
}

function emptyText({ packets, notTaken }: Requests): string {
  if (packets === 0) return 'the capture holds no packets';
  return notTaken.size === 0 ? 'the capture holds no TCP connection' : notTakenText(Object.fromEntries(notTaken));
}

/** `2 connections not taken: no keys`; of several reasons how many each. */
export function notTakenText(notTaken: ReExecuted['notTaken']): string {
  const reasons = Object.entries(notTaken);
  const all = reasons.reduce((sum, [, count]) => sum + count, 0);
  const why = reasons.map(([reason, count]) => (reasons.length === 1 ? reason : `${reason} (${grouped(count)})`));
  return `${counted(all, 'connection')} not taken: ${why.join(', ')}`;
}

/** Requests that failed and are told one by one in a report of failures. */
const MOST_FAILURES = 100;

function failureLines(answers: readonly Answer[], unmet: readonly (readonly Expectation[])[]): string[] {
  const lines: string[] = [];
  let failures = 0;
  for (const [index, { recorded, ours, why }] of answers.entries()) {
    if (ours !== undefined && unmet[index]!.length === 0) continue;
    if (++failures > MOST_FAILURES) continue;
    const { method, target } = recorded.request;
    const what = `#${index + 1} ${printable(method)} ${printable(target)}`;
    if (ours === undefined) lines.push(`${what}: not answered: ${printable(why ?? '')}`);
    else
      lines.push(
        `${what}: ours ${responseText(ours)}, expected ${unmet[index]!.map(({ text }) => text).join(' and ')}`,
      );
  }
  if (failures > MOST_FAILURES) lines.push(`and ${counted(failures - MOST_FAILURES, 'request')} more`);
  return lines;
}

interface Report {
  readonly file: string;
  readonly answers: readonly Answer[];
  readonly requests: Requests;
  readonly unmet: readonly (readonly Expectation[])[];
  readonly ignored: ReadonlySet<string>;
}

function* reportLines(
  { file, answers, requests, unmet, ignored }: Report,
  empty: readonly string[],
  isColored: boolean,
) {
  const palette = createPalette(isColored);
  yield `== ${file}`;
  for (const text of requests.missing) yield `  not in the capture: ${printable(text)}`;
  for (const [index, answer] of answers.entries()) {
    const { recorded, ours, why, notes } = answer;
    const { method, target } = recorded.request;
    const { verdict, fields } = compareAnswer(answer, ignored);
    const what = `${printable(method)} ${printable(target)} ${recorded.protocol}`;
    const result =
      why !== undefined
        ? palette.error(`${verdict}: ${printable(why)}`)
        : verdict === 'same'
          ? palette.ok(verdict)
          : verdict;
    yield `#${index + 1} ${what}: recorded ${responseText(recorded)}, ours ${responseText(ours)} ${result}`;
    for (const note of notes) yield `    note: ${note}`;
    for (const { name, recorded: before, ours: now } of fields) {
      yield `    ${printable(name)}: recorded ${valueText(before)}, ours ${valueText(now)}`;
    }
    for (const { text } of unmet[index]!) yield `    ${palette.error('EXPECTED')} ${text}`;
  }
  for (const line of empty) yield `  ${line}`;
}

function responseText(exchange: RecordedExchange | undefined): string {
  const response = exchange?.response;
  if (response === undefined) return 'nothing';
  const { status, contentLength, complete } = response;
  const { sha256, bytes } = digestOf(response);
  if (contentLength === 0) return `${status} (no content)`;
  const cut = complete ? '' : ', incomplete';
  const hash = bytes === contentLength ? `, ${sha256.slice(0, 8)}` : '';
  return `${status} (${grouped(contentLength)} bytes${hash}${cut})`;
}

const valueText = (value: string | undefined): string => (value === undefined ? 'none' : `"${printable(value, 80)}"`);

function captureJson(
  { file, answers, requests, unmet, ignored }: Report,
  status: 'passed' | 'failed',
  empty: readonly string[],
): unknown {
  return {
    file,
    status,
    ...(empty.length > 0 && { why: empty[0] }),
    missing: requests.missing,
    notTaken: Object.fromEntries(requests.notTaken),
    requests: answers.map((answer, index) => {
      const { recorded, ours, why, notes } = answer;
      const { verdict, fields } = compareAnswer(answer, ignored);
      return {
        flow: recorded.flow,
        packet: recorded.packet,
        protocol: recorded.protocol,
        method: recorded.request.method,
        target: recorded.request.target,
        verdict,
        ...(why !== undefined && { why }),
        notes,
        recorded: responseJson(recorded),
        ours: responseJson(ours),
        fields,
        unmet: unmet[index]!.map(({ text }) => text),
      };
    }),
  };
}

function responseJson(exchange: RecordedExchange | undefined): unknown {
  const response = exchange?.response;
  if (response === undefined) return null;
  const { status, contentLength, complete, headers, trailers } = response;
  return { status, contentLength, contentSha256: digestOf(response).sha256, complete, headers, trailers };
}
