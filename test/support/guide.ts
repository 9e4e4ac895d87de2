// Runs a guide of docs/guide/ as a new user would: its shell blocks in order, in a folder that looks like the clone, and each
// output against the block that shows it.
//
//   ```sh            is run; `sh tun` only where a TUN device may be made; `sh fails` ends with exit code 1
//   ```sh project    is for a project of the user's own, and not run
//   ```text          what it prints, in order; other lines may come between. Numbers, hex and ports count as equal
//   ```text varies   another one each time: only its first line is looked for
//   ```text terminal what it prints in a terminal; not compared

import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { projectRoot, run } from './live.js';

interface Block {
  readonly info: string;
  readonly text: string;
}

const SHELL = 'sh';

/** `without`: what is not run, by the word behind `sh`, and a word of output lines that then are missing. */
export async function followGuide(
  markdown: string,
  folder: string,
  without: ReadonlyMap<string, string>,
): Promise<number> {
  for (const name of ['dist', 'fixtures', 'examples', 'docs', 'node_modules']) {
    symlinkSync(join(projectRoot, name), join(folder, name));
  }
  const blocks = [...markdown.matchAll(/^```([a-z ]+)\n(.*?)^```$/gms)].map(
    ([, info, text]): Block => ({ info: info!, text: text! }),
  );
  const missing = [...without.values()];
  let commands = 0;
  let output: string | undefined;
  for (const { info, text } of blocks) {
    const [kind, detail = ''] = info.split(' ');
    if (kind === SHELL) {
      output = detail === 'project' || without.has(detail) ? undefined : await shell(text, detail === 'fails', folder);
      if (output !== undefined) commands++;
    } else if (kind === 'text' && output !== undefined && detail !== 'terminal') {
      const lines = text.split('\n').filter((line) => line !== '' && !missing.some((word) => line.includes(word)));
      shows(output, detail === 'varies' ? lines.slice(0, 1) : lines, text);
    }
  }
  return commands;
}

async function shell(script: string, fails: boolean, folder: string): Promise<string> {
  const out = await run('bash', ['-e', '-c', `exec 2>&1\n${script}`], {
    cwd: folder,
    env: { CI: '', WIREBENCH_UPDATE: '' },
  });
  // diff(1) says 1 where there are differences, which is what it is there for.
  const expected = fails || /^diff /m.test(script) ? 1 : 0;
  assert.is(out.code, expected, `${script}${out.stdout}`);
  return out.stdout;
}

function shows(output: string, expected: readonly string[], shown: string): void {
  const lines = output.split('\n').map(stable);
  let at = 0;
  for (const line of expected) {
    // What other programs say of an error is theirs.
    if (line.startsWith('curl: (')) continue;
    const found = lines.indexOf(stable(line), at);
    assert.ok(found >= 0, `not printed any more: ${line}\nthe guide shows:\n${shown}\nprinted was:\n${output}`);
    at = found + 1;
  }
}

function stable(line: string): string {
  return line.trim().replace(/\d[\d.,]*/g, '#');
}
