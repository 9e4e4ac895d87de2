// docs/guide/test-your-client.md is followed word by word.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { followGuide } from '../support/guide.js';
import { projectRoot, withFolder } from '../support/live.js';
import { met, needCommands, testWith } from '../support/needs.js';

const test = suite('guide: test your client');
const hasTun = met(['root', 'tun', 'namespaces', ...needCommands('ip')]);

testWith(test, needCommands('bash', 'curl', 'diff'), 'every command does what the guide says', async () => {
  const guide = readFileSync(`${projectRoot}/docs/guide/test-your-client.md`, 'utf8');
  await withFolder(async (folder) => {
    const commands = await followGuide(guide, folder, new Map(hasTun ? [] : [['tun', 'lossy']]));
    assert.is(commands, hasTun ? 10 : 9);
  });
});

testWith(test, needCommands('bash'), 'a guide that shows something else is caught', async () => {
  const guide = (shown: string): string => `\`\`\`sh\necho one 12; echo two\n\`\`\`\n\n\`\`\`text\n${shown}\n\`\`\`\n`;
  const follow = (shown: string) =>
    withFolder(async (folder) => void (await followGuide(guide(shown), folder, new Map())));
  await follow('one 34\ntwo');
  for (const shown of ['one 12\nthree', 'two\none 12', 'one']) {
    const failed = await follow(shown).then(
      () => false,
      () => true,
    );
    assert.ok(failed, shown);
  }
});

test.run();
