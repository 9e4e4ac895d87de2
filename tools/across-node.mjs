// Replays the bundled captures under several majors of Node and compares the hash of the whole JSON log: the same input
// must give the same bytes on each. The binaries come from npm's `node` package, installed beside the build.
//
//   node tools/across-node.mjs [major ...]     default 20 22 24 26

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const majors = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26'];

function nodeOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const folder = join(root, 'node_modules', '.across-node', major);
  const binary = join(folder, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    const install = spawnSync(
      'npm',
      ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--loglevel=error', `node@${major}`],
      { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
    );
    if (install.status !== 0 || !existsSync(binary)) return undefined;
  }
  return binary;
}

const hashes = new Map();
let missing = 0;
for (const major of majors) {
  const node = nodeOf(major);
  if (node === undefined) {
    process.stdout.write(`Node ${major}: could not be installed\n`);
    missing++;
    continue;
  }
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  const replay = spawnSync(node, [join(root, 'dist/src/cli/main.js'), 'replay', 'fixtures/captures', '--log', 'json'], {
    cwd: root,
    maxBuffer: 1 << 30,
  });
  const hash = createHash('sha256').update(replay.stdout).digest('hex');
  // With a JSON log the result lines are on the standard error.
  const lastLine = replay.stderr.toString('utf8').trimEnd().split('\n').at(-1);
  process.stdout.write(
    `Node ${version}: exit ${replay.status}, ${replay.stdout.length} bytes of log, sha256 ${hash}, ${lastLine}\n`,
  );
  hashes.set(`${hash} ${replay.status}`, version);
}
const same = hashes.size === 1 && missing === 0 && [...hashes.keys()][0].endsWith(' 0');
process.stdout.write(same ? 'the same log under every version\n' : 'the versions differ, or one is missing\n');
process.exitCode = same ? 0 : 1;
