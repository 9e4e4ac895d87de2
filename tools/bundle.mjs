// The command as a few files: what a small capture takes is mostly start-up, and most of that is the loading of modules. What is
// bundled is what was compiled; packages stay where they are. src/cli/main.ts takes the bundle while it is newer than the modules.

import { renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');
const fresh = join(dist, `bundle.${process.pid}`);

await build({
  // Workers are files of their own.
  entryPoints: ['command', 'replay-worker', 're-execute-worker'].map((name) => join(dist, 'src/cli', `${name}.js`)),
  // As deep as src/cli, so that paths to what lies beside dist are the same.
  outdir: join(fresh, 'cli'),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  logLevel: 'error',
});
rmSync(join(dist, 'bundle'), { recursive: true, force: true });
renameSync(fresh, join(dist, 'bundle'));
