// The tools' command lines: --help is on the standard output and costs nothing, and a word that is not known is wrong usage.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectRoot, run } from '../support/live.js';

const test = suite('arguments of the tools');

const TOOLS = ['attack', 'fuzz', 'goodput', 'make-many', 'tls-clients', 'against-tshark'];

for (const tool of TOOLS) {
  const script = join(projectRoot, 'dist/tools', `${tool}.js`);

  test(`${tool}: --help`, async () => {
    const out = await run(process.execPath, [script, '--help']);
    assert.is(out.code, 0, out.stderr);
    assert.match(out.stdout, new RegExp(`^usage: ${tool}\\.js .*\n`));
    assert.is(out.stderr, '');
  });

  test(`${tool}: an option that it does not have`, async () => {
    const out = await run(process.execPath, [script, '--colour']);
    assert.is(out.code, 2);
    assert.match(out.stderr, new RegExp(`^Unknown option '--colour'.*\nusage: ${tool}\\.js `));
    assert.is(out.stdout, '');
  });
}

test('make-many: what is no count is wrong usage, and no folder is made', async () => {
  const before = readdirSync(projectRoot);
  const out = await run(process.execPath, [join(projectRoot, 'dist/tools/make-many.js'), 'many', 'lots']);
  assert.is(out.code, 2);
  assert.match(out.stderr, /^make-many: lots is no count\nusage: make-many\.js FOLDER /);
  assert.equal(readdirSync(projectRoot), before);
});

test.run();
