// All set-up that `npm start` and `npm test` need on a fresh clone: packages from the lock file when they are missing or
// older than it, then the compiler and the bundle. Plain JavaScript, because it runs before anything is compiled.

import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const installedMark = join(root, 'node_modules', '.package-lock.json');
const lockFile = join(root, 'package-lock.json');

function run(what, command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  if (result.status === 0) return;
  if (result.error) process.stderr.write(`${result.error.message}\n`);
  process.stderr.write(result.stdout ?? '');
  process.stderr.write(`setup: ${what} failed. Run it by hand to see why: ${command} ${args.join(' ')}\n`);
  process.exit(1);
}

// A node_modules that is a link belongs to another checkout: what is installed there is taken as it is.
const linked = lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink() === true;
const installed = existsSync(installedMark) && statSync(installedMark).mtimeMs >= statSync(lockFile).mtimeMs;
if (!linked && !installed) {
  process.stderr.write('setup: installing packages from package-lock.json\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  run('installing packages', npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}
run('compiling', process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--build']);
const changed = (file) => statSync(join(root, 'dist', file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const compiled = Math.max(changed('src/tsconfig.tsbuildinfo'), changed('src/core/tsconfig.tsbuildinfo'));
if (changed('bundle/cli/command.js') < compiled) run('bundling', process.execPath, [join(root, 'tools', 'bundle.mjs')]);
