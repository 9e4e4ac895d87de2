// docs/guide/read-a-capture.md is followed word by word.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { followGuide } from '../support/guide.js';
import { projectRoot, withFolder } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('guide: captures');
const guide = readFileSync(`${projectRoot}/docs/guide/read-a-capture.md`, 'utf8');

testWith(test, needCommands('bash'), 'every command does what the guide says', async () => {
  await withFolder(async (folder) => {
    assert.is(await followGuide(guide, folder, new Map()), 11);
  });
});

test.run();
