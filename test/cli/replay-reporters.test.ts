// The reporters on their own: what is hostile in names and messages stays text, and every form is what its reader takes.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Outcome, outcomeWithout, type Status } from '../../src/cli/outcome.js';
import { createGithub } from '../../src/cli/reporters/github.js';
import { createJson } from '../../src/cli/reporters/json.js';
import { createJunit } from '../../src/cli/reporters/junit.js';
import { costText, createPretty, summaryText } from '../../src/cli/reporters/pretty.js';
import type { Reporter, Summary, Totals, Write } from '../../src/cli/reporters/reporter.js';
import { projectRoot } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('reporters');

const TOTALS: Totals = {
  captures: 4,
  packets: 1_234,
  different: 1,
  unreadable: 1,
  unwritable: 0,
  goldenDifferent: 0,
  goldenMissing: 1,
  withoutPackets: 0,
  cutOff: 0,
  crashed: 0,
  updated: 0,
  notRun: 1,
};
const cost = { milliseconds: 2_000, cpuMilliseconds: 3_500, jobs: 2, peakBytes: 100_000_000 };
const SUMMARY: Summary = { totals: TOTALS, notRun: ['z<&>.pcapng'], cost, text: summaryText(TOTALS) };

const outcome = (file: string, status: Status, ...lines: string[]): Outcome => ({
  ...outcomeWithout(file, status, lines),
  packets: 7,
  milliseconds: 12.3456,
});

function told(create: (write: Write) => Reporter, outcomes: readonly Outcome[], summary = SUMMARY): string {
  let text = '';
  const reporter = create((more) => {
    text += more;
  });
  for (const one of outcomes) reporter.outcome(one);
  reporter.end(summary);
  return text;
}

const HOSTILE = 'a"b\'<c>&amp;]]>\x00\x01\x1b[2J\x7f\x85\ud800\ufffe\n\t\r::error::x%0A,y|`z`\u{1f600}日本';

const OUTCOMES: readonly Outcome[] = [
  outcome('dir/good.pcapng', 'identical'),
  outcome(`dir/${HOSTILE}.pcapng`, 'different', `packet 1 ${HOSTILE}`, 'more'),
  outcome('dir/none.pcapng', 'no-golden', 'no golden log dir/none.log: run replay --update'),
  outcome('bad.pcapng', 'unreadable', 'bad.pcapng: offset 0: the file is empty. Record again'),
];

testWith(test, needCommands('xmllint'), 'junit: hostile text is valid by the schema, and read back as it was', () => {
  const xml = told(createJunit, OUTCOMES);
  const schema = join(projectRoot, 'test/support/junit.xsd');
  const check = spawnSync('xmllint', ['--noout', '--schema', schema, '-'], { input: xml, encoding: 'utf8' });
  assert.is(check.status, 0, check.stderr);
  const read = (path: string): string =>
    spawnSync('xmllint', ['--xpath', `string(${path})`, '-'], { input: xml, encoding: 'utf8' }).stdout.slice(0, -1);
  // What XML 1.0 cannot hold is replaced, all else is kept: tabs and line ends in attributes too.
  const kept = HOSTILE.replace(/[\x00\x01\x1b\ud800\ufffe](?![\udc00-\udfff])/g, '\ufffd');
  assert.is(read('//testcase[2]/@name'), `dir/${kept}.pcapng`);
  assert.is(read('//failure[@type="different"]'), `packet 1 ${kept}\nmore\n7 packets were read`);
  assert.is(read('//failure[@type="different"]/@message'), `packet 1 ${kept.split('\n')[0]}`);
  assert.is(read('//error/@type'), 'unreadable');
  assert.is(read('//testcase[5]/@name'), 'z<&>.pcapng');
  assert.is(read('count(//testcase[5]/skipped)'), '1');
  assert.is(read('//testsuite/@tests'), '5');
  assert.is(read('concat(//testsuite/@failures, //testsuite/@errors, //testsuite/@skipped)'), '211');
  assert.is(read('//property[@name="packets"]/@value'), '1234');
  assert.is(read('//testcase[1]/@time'), '0.012');
});

test('github: each failure is one command, whatever is in it', () => {
  const text = told((write) => createGithub({ write, summarize: undefined, workspace: process.cwd() }), OUTCOMES);
  const lines = text.split('\n');
  assert.is(lines.length, 3 + 1 + 1);
  assert.ok(lines.slice(0, 3).every((line) => line.startsWith('::error file=')));
  assert.not.match(text, /\r/);
  const [, properties, message] = /^::error (.*?)::(.*)$/.exec(lines[0]!)!;
  const decoded = (escaped: string): string =>
    escaped.replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%0D/g, '\r').replace(/%0A/g, '\n').replace(/%25/g, '%');
  const [file, title] = properties!.split(',').map((property) => decoded(property.slice(property.indexOf('=') + 1)));
  assert.is(file, `dir/${HOSTILE}.pcapng`);
  assert.ok(title!.startsWith(HOSTILE.replace(/[\x00-\x1f\x7f]/g, ' ')), title);
  assert.not.match(title!, /[\x00-\x1f]/);
  assert.is(decoded(message!), `packet 1 ${HOSTILE}\nmore`);
});

test('github: titles are short: the file, and layer and field of what differs', () => {
  const title = (one: Outcome): string =>
    /,title=(.*?)::/.exec(told((write) => createGithub({ write, summarize: undefined, workspace: '/' }), [one]))![1]!;
  const long = `packet 5 (+0.021349 s) TLS ServerHello.random: recorded 0x0b002a2c49ad6d19 at byte 5 of 32, now ${'0'.repeat(200)}`;
  assert.is(title(outcome('dir/h2.pcapng', 'different', long)), 'h2.pcapng%3A TLS ServerHello.random');
  assert.is(
    title(outcome('dir/h2.pcap', 'different', 'packet 7 HTTP2 http2.type in HEADERS: recorded 1, now 2')),
    'h2.pcap%3A HTTP2 http2.type',
  );
  assert.is(title(outcome('a.pcap', 'different', '#2 GET /x: ours 200, expected y')), 'a.pcap%3A #2 GET /x');
  assert.is(title(outcome('a.pcap', 'unreadable', 'a.pcap: offset 0: bad')), 'a.pcap%3A unreadable');
  assert.is(title(outcome('a.pcapng', 'golden', 'a.jsonl line 3:')), 'a.pcapng%3A golden log differs');
  assert.ok(title(outcome('a.pcap', 'different', 'x'.repeat(500))).length < 120);
});

test('pretty: the words that say how it went are in colour where that is wanted', () => {
  const green = (text: string): string => `\x1b[32m${text}\x1b[39m\x1b[0m`;
  const red = (text: string): string => `\x1b[31m${text}\x1b[39m\x1b[0m`;
  const lines = told((write) => createPretty(write, () => {}, true), OUTCOMES).split('\n');
  assert.ok(lines[0]!.includes(`s, ${green('identical')}, `), lines[0]);
  assert.ok(lines[1]!.endsWith(`s, ${red('DIFFERENT')}`), lines[1]);
  assert.is(
    lines.at(-2),
    `4 captures, 1,234 packets, ${red('1 different')}, ${red('1 without golden logs')}, ${red('1 unreadable')}, 1 not run`,
  );
  const good = told((write) => createPretty(write, () => {}, true), [], {
    ...SUMMARY,
    text: '1 capture, all identical',
  });
  assert.is(good, `1 capture, ${green('all identical')}\n`);
});

test('the sum of a replay that was ended on request does not say that all is identical', () => {
  const good = { ...TOTALS, different: 0, unreadable: 0, goldenMissing: 0 };
  assert.is(summaryText({ ...good, captures: 1, packets: 4, notRun: 0 }), '1 capture, 4 packets, all identical');
  assert.is(
    summaryText({ ...good, captures: 1, packets: 4 }, undefined, true),
    '1 capture, 4 packets, 1 not run, identical until ended on request',
  );
  assert.match(summaryText(TOTALS, undefined, true), /1 not run, ended on request$/);
});

test('github: files are named from the workspace on, where they are below it', () => {
  const of = (file: string): string =>
    told(
      (write) => createGithub({ write, summarize: undefined, workspace: '/home/me' }),
      [outcome(file, 'golden', 'x')],
    );
  assert.match(of('/home/me/tests/a.pcapng'), /^::error file=tests\/a\.pcapng,/);
  assert.match(of('/srv/a.pcapng'), /^::error file=\/srv\/a\.pcapng,/);
});

test('github: the summary is a table whose cells stay cells, bounded, with the first diagram', () => {
  let summary = '';
  const sequence = ['sequenceDiagram', '    client->>wirebench: SYN'];
  const many = Array.from({ length: 500 }, (_, at) => outcome(`${at}.pcapng`, 'different', 'long '.repeat(2_000)));
  told(
    (write) =>
      createGithub({
        write,
        workspace: '/',
        summarize: (text) => {
          summary += text;
        },
      }),
    [OUTCOMES[1]!, { ...OUTCOMES[1]!, file: 'second.pcapng', sequence }, ...many],
  );
  const rows = summary.split('\n').filter((line) => line.startsWith('| '));
  assert.is(rows.length, 1 + 200 + 1);
  assert.match(rows.at(-1)!, /302 more captures/);
  for (const row of rows) assert.is(row.replace(/\\./g, '').split('|').length, 5, row.slice(0, 200));
  assert.ok(summary.length < 1 << 20);
  assert.match(
    summary,
    /The exchange of second\.pcapng:\n\n```mermaid\nsequenceDiagram\n {4}client->>wirebench: SYN\n```\n$/,
  );
});

test('json: one object in ASCII, whose captures are in order', () => {
  const text = told(createJson, OUTCOMES);
  assert.match(text, /^[\x0a\x20-\x7e]*$/);
  const report = JSON.parse(text) as Record<string, unknown> & { captures: Record<string, unknown>[] };
  assert.equal(Object.keys(report), ['schema', 'kind', 'totals', 'captures', 'notRun']);
  assert.equal(report.totals, TOTALS);
  assert.equal(report.notRun, SUMMARY.notRun);
  assert.equal(
    report.captures.map(({ status }) => status),
    ['identical', 'different', 'no-golden', 'unreadable'],
  );
  assert.is(report.captures[1]!.file, `dir/${HOSTILE}.pcapng`);
  assert.is(report.captures[0]!.milliseconds, 12.346);
  assert.not.match(text, /peakBytes/);
});

test('pretty: a name stays on its line, and errors go to the other stream', () => {
  let complaints = '';
  const complain: Write = (text) => {
    complaints += text;
  };
  const text = told((write) => createPretty(write, complain), OUTCOMES);
  const lines = text.trimEnd().split('\n');
  assert.match(lines[0]!, /^dir\/good\.pcapng: 7 packets, 0\.000000 s, identical/);
  assert.match(lines[1]!, /^dir\/a"b'<c>.*\.pcapng: 7 packets, .*DIFFERENT$/);
  assert.not.match(lines[1]!, /[\x00-\x1f]/);
  assert.match(complaints, /^wirebench: bad\.pcapng: offset 0: the file is empty/);
  assert.is(lines.at(-1), '4 captures, 1,234 packets, 1 different, 1 without golden logs, 1 unreadable, 1 not run');
});

test('advice that is the same for every capture is told once to people, and each time to programs', () => {
  const two = ['a.pcap', 'b.pcap'].map((file) => ({
    ...outcome(file, 'unreadable', `${file}: no recording`),
    advice: ['look into it'],
  }));
  let complaints = '';
  const complain: Write = (more) => {
    complaints += more;
  };
  told((write) => createPretty(write, complain), two);
  assert.is(complaints, 'wirebench: a.pcap: no recording\nwirebench: look into it\nwirebench: b.pcap: no recording\n');
  assert.is(told(createJson, two).split('"look into it"').length, 3);
  assert.is(told(createJunit, two).split('look into it').length, 3);
});

test('what it took is a line of its own', () => {
  assert.is(costText(TOTALS.packets, cost), '2.00 s, CPU 3.50 s, 2 jobs, 617 packets/s, 100 MB at most');
  assert.not.match(summaryText(TOTALS), /MB| s,/);
  assert.is(summaryText(TOTALS, 'part 9/9 is empty'), '0 captures: part 9/9 is empty');
});

test.run();
