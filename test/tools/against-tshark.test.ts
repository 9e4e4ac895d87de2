// The inspector and tshark say the same of every capture that others made.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareWithTshark, defaultCaptures } from '../support/against-tshark.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('against tshark');

for (const file of defaultCaptures().filter((name) => name.includes('/foreign/'))) {
  const name = file.slice(file.lastIndexOf('/') + 1);
  testWith(test, needCommands('tshark'), `every field of ${name}`, async () => {
    const { compared, differences } = await compareWithTshark(file);
    assert.equal(differences, []);
    assert.ok(compared > 300, `${compared} fields`);
  });
}

test.run();
