// Real TLS clients, as tools/tls-clients.ts plays them: every suite, group and signature at least once, and every feature.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectRoot, run } from '../support/live.js';
import { type Need, needCommands, testWith } from '../support/needs.js';

const test = suite('TLS clients');

async function play(...args: string[]): Promise<void> {
  const tool = join(projectRoot, 'dist/tools/tls-clients.js');
  const out = await run(process.execPath, [tool, '--short', ...args], { timeoutMs: 300_000 });
  assert.is(out.code, 0, out.stderr);
  assert.match(out.stdout, /: \d+ runs, 0 failed\.\n/);
}

const tun: Need[] = ['root', 'tun', 'namespaces', ...needCommands('unshare', 'nsenter')];

testWith(test, needCommands('curl'), 'curl, tcp mode', () => play('--client', 'curl'));
testWith(test, [...tun, ...needCommands('curl')], 'curl, tun mode', () => play('--client', 'curl', '--mode', 'tun'));
testWith(test, needCommands('openssl'), 'openssl s_client, tcp mode', () => play('--client', 'openssl'));
testWith(test, needCommands('gnutls-cli'), 'gnutls-cli, tcp mode', () => play('--client', 'gnutls'));
testWith(test, [...tun, ...needCommands('gnutls-cli')], 'gnutls-cli, tun mode', () =>
  play('--client', 'gnutls', '--mode', 'tun'),
);
testWith(test, needCommands('tstclnt', 'certutil', 'pk12util', 'openssl'), 'NSS, tcp mode', () =>
  play('--client', 'tstclnt'),
);
testWith(test, needCommands('chromium', 'certutil'), 'Chromium, tcp mode', () => play('--client', 'chromium'));

test('a client that is not known is named', async () => {
  const out = await run(process.execPath, [join(projectRoot, 'dist/tools/tls-clients.js'), '--client', 'lynx']);
  assert.is(out.code, 2);
  assert.match(out.stderr, /no client is called lynx: there are curl, openssl s_client, /);
});

test.run();
