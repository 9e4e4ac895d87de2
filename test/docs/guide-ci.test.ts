// docs/guide/ci.md is followed word by word, and its workflow runs commands that there are.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../src/cli/arguments.js';
import { followGuide } from '../support/guide.js';
import { projectRoot, withFolder } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('guide: CI');
const guide = readFileSync(`${projectRoot}/docs/guide/ci.md`, 'utf8');

testWith(test, needCommands('bash', 'curl', 'sed'), 'every command does what the guide says', async () => {
  await withFolder(async (folder) => {
    assert.is(await followGuide(guide, folder, new Map()), 7);
  });
});

test('the commands of the workflow are read', () => {
  const [, workflow] = /^```yaml\n(.*?)^```$/ms.exec(guide)!;
  const lines = [...workflow!.matchAll(/npx wirebench (.*)$/gm)].map(([, words]) => words!);
  assert.is(lines.length, 2);
  const commands = lines.map((line) => {
    const words = line.replace('${' + '{ matrix.shard }}', '1').split(' ');
    return parseArguments(words, { CI: 'true' }).command;
  });
  assert.equal(commands, ['replay', 'record']);
});

test.run();
