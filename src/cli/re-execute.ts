// `wirebench replay --re-execute`: the clients of captures are played against our server, and each recorded answer is shown beside
// ours. docs/re-execution.md has the form of the JSON.

import { createHash } from 'node:crypto';
import { type Expectation, parseExpectation } from '../bench/expectation.js';
import { FilterError } from '../bench/inspect/filter-lexer.js';
import type { RecordedExchange } from '../bench/inspect/types.js';
import {
  type Answer,
  compareAnswer,
  contentHash,
  IGNORED_FIELDS,
  readRequests,
  reExecute,
} from '../bench/re-execute.js';
import { frameRecorder, keyLogLine } from '../bench/recorders.js';
import { RECORDING_FORMAT, RecordingWriter } from '../bench/recording.js';
import type { RunConfig, RunIdentity } from '../io/assemble.js';
import { CaptureError } from '../io/capture.js';
import { EXIT } from '../io/errors.js';
import { captureKeys } from './capture-keys.js';
import { TEST_CREDENTIAL } from './live-server.js';
import { createOutput } from './output.js';
import type { ReExecuteOptions } from './re-execute-options.js';
import { asciiJson, counted, grouped, printable } from './text.js';
import { readTls } from './tls-files.js';
import { UsageError } from './values.js';
import { version } from './version.js';

/** Grows when a field changes its meaning or goes. */
export const RE_EXECUTION_SCHEMA = 1;

interface Report {
  readonly file: string;
  readonly answers: readonly Answer[];
  readonly missing: readonly string[];
}

export async function reExecuteCaptures(options: ReExecuteOptions): Promise<number> {
  const output = createOutput(process.stdout);
  const expectations = readExpectations(options);
  const ignored = new Set([...IGNORED_FIELDS, ...options.ignored]);
  const config: RunConfig = {
    mode: 'tun',
    address: '10.0.0.2',
    address6: 'fd00::2',
    mtu: 1500,
    plainPorts: [80],
    tlsPorts: [443],
    ...readTls(options.tls, TEST_CREDENTIAL),
  };
  const seed = options.seed ?? createHash('sha256').update('wirebench re-execution').digest();
  const totals = { captures: 0, requests: 0, unanswered: 0, unmet: 0, unreadable: 0 };
  const captures: unknown[] = [];
  for (const file of options.captures) {
    totals.captures++;
    let report: Report;
    try {
      report = await play(file, options, { config, seed, startUnixUs: 0 });
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      totals.unreadable++;
      output.flush();
      process.stderr.write(`wirebench: ${error.message}\n`);
      continue;
    }
    totals.requests += report.answers.length;
    totals.unanswered += report.answers.filter(({ ours }) => ours === undefined).length;
    const unmet = report.answers.map((answer) => expectations.filter((one) => !one.holds(answer)));
    totals.unmet += unmet.filter((list) => list.length > 0).length;
    if (options.json) captures.push(captureJson(report, unmet, ignored));
    else for (const line of reportLines(report, unmet, ignored)) output.write(`${line}\n`);
  }
  if (options.json) {
    const report = { schema: RE_EXECUTION_SCHEMA, kind: 'wirebench-re-execution', totals, captures };
    output.write(`${asciiJson(report, 2)}\n`);
  } else output.write(`${summaryText(totals, expectations)}\n`);
  output.flush();
  if (totals.unreadable > 0) return EXIT.unreadable;
  return totals.unanswered + totals.unmet > 0 ? EXIT.different : EXIT.ok;
}

function readExpectations({ expectations }: ReExecuteOptions): Expectation[] {
  try {
    return expectations.map(parseExpectation);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new UsageError(`--expect: ${error.message}`, error.advice);
  }
}

async function play(file: string, options: ReExecuteOptions, run: RunIdentity): Promise<Report> {
  const keys = captureKeys(file, options.keylogs);
  const { connections, missing, startUnixUs } = await readRequests(file, keys);
  const identity = { ...run, startUnixUs };
  if (options.record === undefined) return { file, answers: await reExecute(connections, { identity }), missing };
  const writer = new RecordingWriter(options.record, {
    format: RECORDING_FORMAT,
    wirebench: version(),
    node: process.versions.node,
    seed: Buffer.from(identity.seed).toString('hex'),
    config: identity.config,
    startUnixUs,
  });
  const recorder = frameRecorder(writer);
  try {
    const answers = await reExecute(connections, {
      identity,
      trace(_atUs, event) {
        const line = keyLogLine(event);
        if (line !== undefined) writer.secret(line);
      },
      onPacket: (atUs, dir, bytes) => recorder.packet(atUs, dir, bytes),
      onEnd: (atUs) => recorder.event('end', atUs),
    });
    return { file, answers, missing };
  } finally {
    recorder.close();
  }
}

function* reportLines(
  { file, answers, missing }: Report,
  unmet: readonly (readonly Expectation[])[],
  ignored: ReadonlySet<string>,
): Generator<string> {
  yield `== ${file}`;
  for (const text of new Set(missing)) yield `  not in the capture: ${printable(text)}`;
  for (const [index, answer] of answers.entries()) {
    const { recorded, ours, why, notes } = answer;
    const { method, target } = recorded.request;
    const { verdict, fields } = compareAnswer(answer, ignored);
    const what = `${printable(method)} ${printable(target)} ${recorded.protocol}`;
    const result = why === undefined ? verdict : `${verdict}: ${printable(why)}`;
    yield `#${index + 1} ${what}: recorded ${responseText(recorded)}, ours ${responseText(ours)} ${result}`;
    for (const note of notes) yield `    note: ${note}`;
    for (const { name, recorded: before, ours: now } of fields) {
      yield `    ${printable(name)}: recorded ${valueText(before)}, ours ${valueText(now)}`;
    }
    for (const { text } of unmet[index]!) yield `    EXPECTED ${text}`;
  }
  if (answers.length === 0) yield '  no request could be taken from this capture';
}

function responseText(exchange: RecordedExchange | undefined): string {
  const response = exchange?.response;
  if (response === undefined) return 'nothing';
  const { status, contentLength, content, complete } = response;
  if (contentLength === 0) return `${status} (no content)`;
  const cut = complete ? '' : ', incomplete';
  const hash = content.length === contentLength ? `, ${contentHash(content).slice(0, 8)}` : '';
  return `${status} (${grouped(contentLength)} bytes${hash}${cut})`;
}

const valueText = (value: string | undefined): string => (value === undefined ? 'none' : `"${printable(value, 80)}"`);

function summaryText(
  totals: { captures: number; requests: number; unanswered: number; unmet: number; unreadable: number },
  expectations: readonly Expectation[],
): string {
  const parts = [counted(totals.captures, 'capture'), counted(totals.requests, 'request')];
  parts.push(totals.unanswered === 0 ? 'all answered' : `${totals.unanswered} not answered`);
  if (expectations.length > 0) parts.push(totals.unmet === 0 ? 'all as expected' : `${totals.unmet} not as expected`);
  if (totals.unreadable > 0) parts.push(`${totals.unreadable} unreadable`);
  return parts.join(', ');
}

function captureJson(
  report: Report,
  unmet: readonly (readonly Expectation[])[],
  ignored: ReadonlySet<string>,
): unknown {
  const { file, missing, answers } = report;
  return {
    file,
    missing: [...new Set(missing)],
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
  const { status, contentLength, content, complete, headers, trailers } = response;
  return { status, contentLength, contentSha256: contentHash(content), complete, headers, trailers };
}
