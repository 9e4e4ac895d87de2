// What is said where the TUN device cannot be had.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rootlessAdvice } from '../../src/io/tun.js';
import { projectRoot } from '../support/live.js';

test('the recipe for a device without root names the one that was asked for, as README has it', () => {
  const options = { name: 'wb7', hostAddress: '10.0.0.1', prefixLength: 24, mtu: 1500, offload: true };
  const recipe = /beforehand/.test(rootlessAdvice(options)) && /`(ip tuntap [^`]+)`/.exec(rootlessAdvice(options))![1]!;
  const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');
  for (const command of String(recipe).replace('YOU', '$USER').split('; '))
    assert.ok(readme.includes(`    ${command}\n`), command);
  assert.match(rootlessAdvice({ ...options, name: 'x0', mtu: 1280 }), /dev x0 mtu 1280 txqueuelen 5000 up`/);
});

test.run();
