// Runs every test file in a process of its own and counts. A file that ran no test fails (uvu passes it silently when
// `test.run()` is missing). Skipped tests are listed with their reasons, and are a failure when CI=true.
//
//   node tools/run-tests.mjs [part of a path ...]     only files whose path contains one of the parts

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const FILE_TIMEOUT_MS = 600_000;
const parts = process.argv.slice(2);
const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join('test', name))
  .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
  .sort();

const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const skips = [];

function runFile(file) {
  return new Promise((done) => {
    const started = Date.now();
    const script = join(root, 'dist', file.replace(/\.ts$/, '.js'));
    const child = spawn(process.execPath, ['--enable-source-maps', script], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0' },
    });
    let output = '';
    let timedOut = false;
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, FILE_TIMEOUT_MS);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      report(file, code, timedOut ? `no end after ${FILE_TIMEOUT_MS / 1000} s` : signal, output, Date.now() - started);
      done();
    });
  });
}

function sum(output, word) {
  let value = 0;
  for (const match of output.matchAll(new RegExp(`^\\s*${word}:\\s+(\\d+)`, 'gm'))) value += Number(match[1]);
  return value;
}

function report(file, code, signal, output, milliseconds) {
  const ran = sum(output, 'Total');
  const passed = sum(output, 'Passed');
  const skipped = sum(output, 'Skipped');
  for (const match of output.matchAll(/^SKIP (.*)$/gm)) skips.push(`${file}: ${match[1]}`);
  let problem = '';
  if (signal) problem = `ended by ${signal}`;
  else if (ran === 0) problem = 'ran 0 tests (does it end in test.run()?)';
  else if (code !== 0) problem = `exit code ${code}`;
  else if (passed + skipped < ran) problem = `${ran - passed - skipped} failed`;
  total.passed += passed;
  total.skipped += skipped;
  total.failed += Math.max(problem ? 1 : 0, ran - passed - skipped);
  const name = relative('test', file);
  process.stdout.write(
    `${problem ? 'FAIL' : 'ok  '} ${name} (${passed}${skipped ? `, ${skipped} skipped` : ''}, ${milliseconds} ms)\n`,
  );
  if (problem) {
    failures.push(`${file}: ${problem}`);
    process.stdout.write(`${output.trimEnd()}\n${file}: ${problem}\n`);
  }
}

async function runAll(list, atOnce) {
  const queue = [...list];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let file = queue.shift(); file; file = queue.shift()) await runFile(file);
    }),
  );
}

// Live tests start servers and real clients: one file at a time, so that they do not slow each other down.
const isLive = (file) => file.startsWith(join('test', 'live'));
await runAll(
  files.filter((file) => !isLive(file)),
  2,
);
await runAll(files.filter(isLive), 1);

for (const skip of skips) process.stdout.write(`skipped: ${skip}\n`);
for (const failure of failures) process.stdout.write(`failed: ${failure}\n`);
if (files.length === 0) process.stdout.write('no test file matches\n');
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
const skippedInCi = process.env.CI === 'true' && total.skipped > 0;
if (skippedInCi) process.stdout.write('CI=true: a skipped test is a failure\n');
process.exitCode = total.failed > 0 || skippedInCi || files.length === 0 ? 1 : 0;
