// `npm test`: lint, types, tidy, then every test under c8, which prints the coverage summary and holds src/core to its
// floor. Each step runs even when one before it failed, so that one run shows everything.

import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, 'node_modules', '.bin', name);
const CORE_LINE_COVERAGE_FLOOR = 90;

const steps = [
  ['lint', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['types', bin('tsc'), ['--build']],
  ['tidy', process.execPath, ['dist/tools/tidy.js']],
  [
    'tests',
    bin('c8'),
    [
      '--temp-directory=coverage/tmp',
      '--reporter=text-summary',
      '--exclude-after-remap',
      '--include=src/core/**',
      '--check-coverage',
      `--lines=${CORE_LINE_COVERAGE_FLOOR}`,
      '--branches=0',
      '--functions=0',
      '--statements=0',
      process.execPath,
      'tools/run-tests.mjs',
    ],
  ],
];

const failed = [];
for (const [name, command, args] of steps) {
  process.stdout.write(`\n== ${name}\n`);
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (result.error) process.stderr.write(`${result.error.message}\n`);
  if (result.status !== 0) failed.push(name);
}
process.stdout.write(failed.length === 0 ? '\nall checks passed\n' : `\nfailed: ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
