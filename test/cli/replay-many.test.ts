// `replay` of many captures: threads, shards, patterns, --bail, golden logs that are missing, and the reporters.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../src/cli/arguments.js';
import { scratch } from '../support/captures.js';
import { type Finished, mainScript, projectRoot, run, wirebench } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('replay of many');
const bundled = join(projectRoot, 'fixtures/captures');
const place = scratch();
const folder = place.path('captures');

/** Six that are good, in two folders, one that differs, one that is no recording. */
function prepare(): void {
  mkdirSync(join(folder, 'more'), { recursive: true });
  for (const name of ['h1-plain', 'h1-tls', 'h2', 'h2-delay']) copy(name, folder);
  for (const name of ['tls13-h2', 'tcp-mode-h2']) copy(name, join(folder, 'more'));
  const bytes = readFileSync(join(bundled, 'h2.pcapng'));
  // Within the ServerHello of packet 5.
  const at = bytes.indexOf(Buffer.from('16030300', 'hex'), 4500);
  bytes[at + 20]! ^= 1;
  writeFileSync(join(folder, 'changed.pcapng'), bytes);
  writeFileSync(join(folder, 'more/text.pcapng'), 'no capture');
}

function copy(name: string, to: string): void {
  for (const ending of ['pcapng', 'jsonl', 'log'])
    copyFileSync(join(bundled, `${name}.${ending}`), join(to, `${name}.${ending}`));
}

prepare();
const replay = (...args: string[]): Promise<Finished> =>
  wirebench(['replay', ...args], { env: { CI: '', GITHUB_STEP_SUMMARY: '' } });
const lastLine = ({ stdout }: Finished): string => stdout.trimEnd().split('\n').at(-1)!;

test('threads give what one job gives, in the order of the names', async () => {
  const one = await replay(folder, '--jobs', '1');
  const three = await replay(folder, '--jobs', '3');
  assert.is(three.stdout, one.stdout);
  assert.is(one.code, 3);
  assert.is(three.code, 3);
  assert.match(lastLine(one), /^8 captures, .* packets, 1 different, 1 unreadable$/);
  const names = [...one.stdout.matchAll(/^\S*\/(\S+)\.pcapng: /gm)].map(([, name]) => name);
  assert.equal(names, ['changed', 'h1-plain', 'h1-tls', 'h2-delay', 'h2', 'tcp-mode-h2', 'tls13-h2']);
  assert.match(three.stderr, /text\.pcapng: offset 0: neither pcap nor pcapng/);
  assert.match(three.stderr, /wirebench: [\d.]+ s, CPU [\d.]+ s, 3 jobs, [\d,]+ packets\/s, \d+ MB at most\n$/);
});

test('shards share the captures: each is in one of them', async () => {
  const files = async (shard: string): Promise<string[]> => {
    const { stdout } = await replay(folder, '--shard', shard, '--reporter', 'json');
    return (JSON.parse(stdout) as { captures: { file: string }[] }).captures.map(({ file }) => file);
  };
  const parts = [await files('1/3'), await files('2/3'), await files('3/3')];
  assert.equal(
    parts.map(({ length }) => length),
    [3, 3, 2],
  );
  assert.equal(parts.flat().sort(), (await files('1/1')).sort());
});

test('of a capture that is cut off a report says how many packets were read, gzip or not', async () => {
  const whole = readFileSync(join(bundled, 'h2-three.pcapng'));
  const packed = gzipSync(whole);
  const cut = place.write('cut.pcapng', whole.subarray(0, 9_000));
  const cutPacked = place.write('cut.pcapng.gz', packed.subarray(0, packed.length - 200));
  for (const file of [cut, cutPacked]) {
    const out = await wirebench(['replay', file, '--reporter', 'junit']);
    assert.is(out.code, 3);
    const [, packets] = /\n([0-9]+) packets were read<\/error>/.exec(out.stdout)!;
    assert.ok(Number(packets) > 5, packets);
    assert.match(out.stdout, `<property name="packets" value="${packets}"/>`);
  }
});

test('--color always colours the result, and a pipe has none', async () => {
  const file = join(bundled, 'h2.pcapng');
  assert.match((await wirebench(['replay', file, '--color', 'always'])).stdout, /, \x1b\[32midentical\x1b\[39m/);
  assert.not.match((await wirebench(['replay', file])).stdout, /\x1b/);
});

test('a part that is empty, as there are more parts than captures, is no failure and says so', async () => {
  const out = await replay(folder, '--shard', '9/9');
  assert.is(out.code, 0);
  assert.is(out.stdout, '0 captures: part 9/9 of 8 captures is empty\n');
  const json = JSON.parse((await replay(folder, '--shard', '9/9', '--reporter', 'json')).stdout) as object;
  assert.is((json as { nothing: string }).nothing, 'part 9/9 of 8 captures is empty');
});

test('patterns choose by path', async () => {
  assert.match(lastLine(await replay(folder, '--filter', 'h1-*')), /^2 captures, .* all identical$/);
  assert.match(
    lastLine(await replay(folder, '--filter', 'more/', '--exclude', 'text')),
    /^2 captures, .* all identical$/,
  );
  const none = await replay(folder, '--filter', 'nothing');
  assert.is(none.code, 3);
  assert.is(none.stderr, 'wirebench: --filter nothing leaves none of 8 captures\n');
  assert.is(none.stdout, '0 captures: --filter nothing leaves none of 8 captures\n');
});

test('what is not heeded is said once: a pause without a terminal, and jobs beside a log', async () => {
  const good = ['--filter', 'h1-*', folder];
  const paused = await replay(...good, '--pause', 'tls');
  assert.is(paused.code, 0);
  assert.is(paused.stderr, 'wirebench: --pause: the input is no terminal, so nothing pauses\n');
  const logged = await replay(...good, '--log', 'pretty', '--jobs', '2');
  assert.is(logged.code, 0);
  assert.is(
    logged.stderr,
    'wirebench: --jobs 2: it is one job, as --log pretty takes the captures one after the other\n',
  );
  assert.is((await replay(...good, '--log', 'pretty')).stderr, '');
});

test('--bail ends at the first failure and says what was not run', async () => {
  const out = await replay(folder, '--bail');
  assert.is(out.code, 1);
  assert.match(lastLine(out), /^1 capture, .* 1 different, 7 not run$/);
});

test('CI is any value but 0 and false', () => {
  for (const [CI, golden] of [
    ['true', 'require'],
    ['1', 'require'],
    ['woodpecker', 'require'],
    ['0', 'compare'],
    ['false', 'compare'],
    ['False', 'compare'],
    ['', 'compare'],
    [undefined, 'compare'],
  ] as const) {
    const parsed = parseArguments(['replay', 'a.pcapng'], { CI });
    assert.is(parsed.command === 'replay' && parsed.options.golden, golden, CI);
  }
});

test('with CI=true a capture without golden logs fails, unless they are not wanted', async () => {
  const bare = place.path('bare');
  mkdirSync(bare, { recursive: true });
  copyFileSync(join(bundled, 'h2.pcapng'), join(bare, 'h2.pcapng'));
  const inCi = (...more: string[]) => wirebench(['replay', bare, ...more], { env: { CI: 'true' } });
  const out = await inCi();
  assert.is(out.code, 1);
  assert.match(
    out.stdout,
    /h2\.pcapng: 18 packets, .*, identical, NO GOLDEN LOG\n {2}no golden log \S+h2\.jsonl: run replay --update/,
  );
  assert.is((await inCi('--no-golden')).code, 0);
  assert.is((await replay(bare)).code, 0);
  const updated = await inCi('--update');
  assert.is(updated.code, 0);
  assert.match(updated.stdout, /h2\.jsonl: new, \d+ lines\n.*h2\.log: new, \d+ lines/);
  assert.is((await inCi()).code, 0);
  // A change of a golden log is shown as what goes and what comes.
  const log = join(bare, 'h2.log');
  writeFileSync(log, readFileSync(log, 'utf8').replace('ClientHello', 'ServantHello'));
  const again = await inCi('--update');
  assert.match(again.stdout, /h2\.log from line \d+:\n {2}- .*ServantHello.*\n {2}\+ .*ClientHello/);
});

test('golden logs that cannot be written: the sum says so, and not that a capture is unreadable', async () => {
  const apart = place.path('unwritable');
  mkdirSync(apart, { recursive: true });
  // With the ending of the file that is written beside the log the name is too long, whoever asks.
  copyFileSync(join(bundled, 'h2.pcapng'), join(apart, `${'a'.repeat(245)}.pcapng`));
  const out = await replay(apart, '--update');
  assert.is(out.code, 3);
  assert.match(out.stderr, /the golden log cannot be written \(ENAMETOOLONG\)/);
  assert.match(lastLine(out), /^1 capture, .*, 1 whose golden logs cannot be written$/);
});

test('threads that write the same golden logs do not take them from each other', async () => {
  const both = place.path('both');
  mkdirSync(both, { recursive: true });
  const capture = readFileSync(join(bundled, 'h2-download-1m.pcapng'));
  writeFileSync(join(both, 'a.pcapng'), capture);
  writeFileSync(join(both, 'a.pcapng.gz'), gzipSync(capture));
  const out = await replay(both, '--jobs', '2', '--update');
  assert.is(out.code, 0, out.stderr);
  assert.equal(readdirSync(both).sort(), ['a.jsonl', 'a.log', 'a.pcapng', 'a.pcapng.gz']);
  assert.is((await replay(both)).code, 0);
});

test('--update that is interrupted leaves whole golden logs and no others', async () => {
  const many = place.path('many');
  mkdirSync(many, { recursive: true });
  for (let i = 10; i < 70; i++) copyFileSync(join(bundled, 'h2-download-1m.pcapng'), join(many, `${i}.pcapng`));
  for (const [jobs, signal] of [
    ['1', 'SIGINT'],
    ['2', 'SIGINT'],
    ['1', 'SIGHUP'],
  ] as const) {
    const child = spawn(process.execPath, [mainScript, 'replay', many, '--update', '--jobs', jobs]);
    const ended = once(child, 'close');
    child.stdout.once('data', () => child.kill(signal));
    assert.is((await ended)[0], 130);
    const logs = readdirSync(many).filter((name) => !name.endsWith('.pcapng'));
    assert.ok(logs.length > 0 && logs.length < 120, `${logs.length}`);
    assert.is(
      logs.find((name) => !/^\d+\.(jsonl|log)$/.test(name)),
      undefined,
    );
    const sizes = new Set(logs.map((name) => `${name.slice(3)} ${statSync(join(many, name)).size}`));
    assert.is(sizes.size, 2);
    for (const name of logs) rmSync(join(many, name));
  }
});

test('a server that cannot be is told before anything runs, with any number of threads', async () => {
  const report = place.path('none.xml');
  for (const jobs of ['1', '2']) {
    const out = await replay(folder, '--jobs', jobs, '--seed', '1', '--serve=--app x', '--reporter', `junit=${report}`);
    assert.is(out.code, 2, out.stderr);
    assert.match(out.stderr, /answers of --app and --root are not in a capture/);
    assert.not.ok(existsSync(report));
  }
});

test('the JSON report names every capture with its status and lines', async () => {
  const out = await replay(folder, '--reporter', 'json');
  const report = JSON.parse(out.stdout) as {
    schema: number;
    totals: Record<string, number>;
    captures: { file: string; status: string; lines: string[] }[];
  };
  assert.is(report.schema, 1);
  // docs/replay.md names all fields, and no others.
  const documented = /- \*\*json\*\*(.*?)\n\n/s.exec(readFileSync(join(projectRoot, 'docs/replay.md'), 'utf8'))![1]!;
  const words = new Set([...documented.matchAll(/`(\w+)`/g)].map(([, word]) => word));
  const fields = [...Object.keys(report), ...Object.keys(report.captures[0]!)];
  assert.equal(
    fields.filter((name) => !words.has(name)),
    [],
  );
  assert.is(report.totals.captures, 8);
  const changed = report.captures.find(({ file }) => file.endsWith('changed.pcapng'))!;
  assert.is(changed.status, 'different');
  assert.match(changed.lines[0]!, /^packet \d+ .* TLS ServerHello\.random: recorded 0x/);
  assert.equal(new Set(report.captures.map(({ status }) => status)), new Set(['identical', 'different', 'unreadable']));
});

test('GitHub gets annotations, and a summary with the exchange as a diagram', async () => {
  const summary = place.path('summary.md');
  const out = await wirebench(['replay', folder, '--reporter', 'github'], {
    env: { CI: '', GITHUB_STEP_SUMMARY: summary },
  });
  const errors = out.stdout.split('\n').filter((line) => line.startsWith('::error '));
  assert.is(errors.length, 2);
  assert.match(errors[0]!, /^::error file=[^,:]*changed\.pcapng,title=[^:,]+::packet \d+ /);
  const text = readFileSync(summary, 'utf8');
  assert.match(text, /\| Capture \| \| First difference \|/);
  assert.match(
    text,
    /```mermaid\nsequenceDiagram\n[\s\S]*client->>wirebench: ClientHello\n[\s\S]*wirebench-xclient: packet 5 differs, TLS ServerHello\.random\n *Note over client,wirebench: recorded 0x/,
  );
});

testWith(test, needCommands('xmllint'), 'the JUnit report is valid by its schema', async () => {
  const report = place.path('junit.xml');
  const out = await replay(folder, '--reporter', `junit=${report}`);
  // People still get their lines.
  assert.match(lastLine(out), /^8 captures/);
  const check = await run('xmllint', ['--noout', '--schema', join(projectRoot, 'test/support/junit.xsd'), report]);
  assert.is(check.code, 0, check.stderr);
  const xml = readFileSync(report, 'utf8');
  assert.match(xml, /<testsuites tests="8" failures="1" errors="1"/);
  assert.match(xml, /<failure type="different" message="packet \d+ [^"]*ServerHello\.random/);
});

test('a report that cannot be written is told before anything runs', async () => {
  const out = await replay(folder, '--reporter', 'junit=/nonexistent/report.xml');
  assert.is(out.code, 3);
  assert.is(out.stdout, '');
  assert.match(out.stderr, /report\.xml.*cannot be written \(ENOENT\)/);
  assert.not(existsSync('/nonexistent'));
});

test('an interrupted run leaves the report of the run before it, and nothing else', async () => {
  const reports = place.path('reports');
  mkdirSync(reports);
  const report = join(reports, 'report.xml');
  writeFileSync(report, 'the run before');
  const args = [mainScript, 'replay', '-', '--reporter', `junit=${report}`, '--reporter', `json=${reports}/new.json`];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, CI: '' } });
  child.stdin.on('error', () => {});
  child.stdin.write(readFileSync(join(bundled, 'h2.pcapng')).subarray(0, 3000));
  await setTimeout(1_500);
  child.kill('SIGINT');
  assert.equal(await once(child, 'close'), [null, 'SIGINT']);
  assert.is(readFileSync(report, 'utf8'), 'the run before');
  assert.equal(readdirSync(reports), ['report.xml']);
});

test('a report takes the place of the one before it when it is whole, through a link and with its mode', async () => {
  const reports = place.path('replaced');
  mkdirSync(reports);
  writeFileSync(join(reports, 'real.xml'), 'the run before, which was longer than this one'.repeat(1_000));
  chmodSync(join(reports, 'real.xml'), 0o600);
  symlinkSync('real.xml', join(reports, 'report.xml'));
  const out = await replay(join(bundled, 'h2.pcapng'), '--reporter', `junit=${join(reports, 'report.xml')}`);
  assert.is(out.code, 0, out.stderr);
  assert.match(readFileSync(join(reports, 'real.xml'), 'utf8'), /^<\?xml [\s\S]*<\/testsuites>\s*$/);
  assert.is(statSync(join(reports, 'real.xml')).mode & 0o777, 0o600);
  assert.equal(readdirSync(reports), ['real.xml', 'report.xml']);
});

test.run();
