// `wirebench record`: what its command line takes, and what becomes of the command's words and environment.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Arguments, parseArguments, UsageError } from '../../src/cli/arguments.js';
import { environmentOf, fillIn, type Target, urlOf } from '../../src/cli/record-client.js';
import type { RecordOptions } from '../../src/cli/record-options.js';
import { toHex } from '../support/bytes.js';

function record(...argv: string[]): RecordOptions {
  const parsed = parseArguments(['record', ...argv], { SSLKEYLOGFILE: '/keys', PAUSE_LAYER: 'tcp' });
  assert.is(parsed.command, 'record');
  return (parsed as Extract<Arguments, { command: 'record' }>).options;
}

function usageError(...argv: string[]): string {
  try {
    record(...argv);
  } catch (error) {
    assert.instance(error, UsageError);
    const { message, suggestion } = error as UsageError;
    return suggestion === undefined ? message : `${message} | ${suggestion}`;
  }
  throw new Error(`accepted: ${argv.join(' ')}`);
}

test('the command is everything behind --, with dashes of its own', () => {
  const options = record('--', 'curl', '-sS', '--out', 'x', '{url}', '--', '--help');
  assert.equal(options.command, ['curl', '-sS', '--out', 'x', '{url}', '--', '--help']);
  assert.is(options.out, 'r.pcapng');
  assert.is(options.mode, 'auto');
  assert.is(options.timeoutMs, undefined);
  assert.equal([options.allowFailure, options.force], [false, false]);
});

test('both modes are prepared in mode auto, one where it is named', () => {
  const auto = record('--seed', 'one', '--', 'curl');
  assert.is(auto.tun?.options.mode, 'tun');
  assert.equal([auto.tun?.options.tlsPort, auto.tun?.options.plainPort], [443, 80]);
  assert.is(auto.tcp?.options.mode, 'tcp');
  assert.equal([auto.tcp?.options.tlsPort, auto.tcp?.options.plainPort], [0, 0], 'any free port');
  assert.is(toHex(auto.tun!.options.seed!), toHex(auto.tcp!.options.seed!));
  assert.is(record('--mode', 'tun', 'curl').tcp, undefined);
  assert.is(record('--mode', 'tcp', 'curl').tun, undefined);
  assert.is(record('--mode', 'tcp', '--port', '9000', 'curl').tcp?.options.tlsPort, 9000);
});

test('the options of serve are taken, and none that would ask or speak on the streams of the command', () => {
  const { tun } = record('--fault', 'drop=2%', '--tcp', 'sack=off', '--app', 'a.mjs', '--tls-max', '1.2', '--', 'curl');
  assert.ok(tun?.options.faults);
  assert.ok(tun.options.tcp);
  assert.is(tun.options.app, 'a.mjs');
  assert.is(tun.options.tls.maxVersion, '1.2');
  assert.is(tun.options.log, 'none');
  assert.is(tun.options.pause.size, 0, 'PAUSE_LAYER is not for it');
  assert.is(tun.options.keylog, undefined, 'SSLKEYLOGFILE is the client’s');
  assert.match(usageError('--pause', 'tcp', '--', 'curl'), /--pause is no option of record/);
  assert.match(usageError('--record', 'x', '--', 'curl'), /--record is no option of record/);
});

test('what has no effect in a mode is kept to be said in that mode only', () => {
  const { tun, tcp } = record('--fault', 'drop=2%', '--', 'curl');
  assert.equal(tun?.notices, []);
  assert.equal(tcp?.notices, ['--fault has no effect in mode tcp']);
});

test('own options', () => {
  const options = record('-o', 'a/b.pcapng', '--timeout', '3', '--allow-failure', '--force', '--cacert', 'ca', 'curl');
  assert.is(options.out, 'a/b.pcapng');
  assert.is(options.timeoutMs, 3_000);
  assert.equal([options.allowFailure, options.force, options.cacert], [true, true, 'ca']);
});

test('what is wrong is said', () => {
  assert.is(usageError(), 'record: no command was given | Usage: wirebench record [options] -- curl {url}');
  assert.is(usageError('--', ''), 'record: no command was given | Usage: wirebench record [options] -- curl {url}');
  assert.is(
    usageError('--out', 'r.pcap', 'curl'),
    '--out: "r.pcap" does not end in .pcapng | Write --out "r.pcap.pcapng".',
  );
  assert.match(usageError('--out', '.pcapng', 'curl'), /does not end in/);
  assert.match(usageError('--mode', 'std', 'curl'), /--mode: "std" is not one of auto, tun, tcp/);
  assert.match(usageError('--timeout', '0', 'curl'), /--timeout: 0 is out of range \(1 to 86400\)/);
  assert.match(usageError('--', 'curl', 'a\0b'), /cannot be a word of a command/);
});

const TARGET: Target = { host: '127.0.0.1', tlsPort: 8443, plainPort: 8080, cacert: '/ca.pem' };

test('placeholders are filled in, as often as they stand there, and nothing else in braces', () => {
  const { words, filled } = fillIn(
    ['sh', '-c', 'curl {url}/a {url}/b', '{plain-url}', '{host}:{port}', '{plain-port}', '{cacert}', '{"a":{}}', '{x}'],
    TARGET,
  );
  assert.equal(words, [
    'sh',
    '-c',
    'curl https://127.0.0.1:8443/a https://127.0.0.1:8443/b',
    'http://127.0.0.1:8080',
    '127.0.0.1:8443',
    '8080',
    '/ca.pem',
    '{"a":{}}',
    '{x}',
  ]);
  assert.is(filled, 7);
  assert.is(fillIn(['curl', 'https://example.test/'], TARGET).filled, 0);
});

test('addresses', () => {
  assert.is(urlOf('https', '10.0.0.2', 443), 'https://10.0.0.2');
  assert.is(urlOf('http', '10.0.0.2', 80), 'http://10.0.0.2');
  assert.is(urlOf('http', '10.0.0.2', 443), 'http://10.0.0.2:443');
  assert.is(urlOf('https', '::1', 8443), 'https://[::1]:8443');
});

test('the environment says where the server is, what to trust, and that no proxy is on the way', () => {
  const env = environmentOf(TARGET, { PATH: '/bin', NO_PROXY: 'a.test', SSL_CERT_FILE: '/other' });
  assert.is(env.PATH, '/bin');
  for (const name of ['SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS']) {
    assert.is(env[name], '/ca.pem', name);
  }
  assert.is(env.WIREBENCH_URL, 'https://127.0.0.1:8443');
  assert.is(env.WIREBENCH_PLAIN_URL, 'http://127.0.0.1:8080');
  assert.equal([env.WIREBENCH_HOST, env.WIREBENCH_PORT, env.WIREBENCH_CACERT], ['127.0.0.1', '8443', '/ca.pem']);
  assert.equal([env.NO_PROXY, env.no_proxy], ['a.test,127.0.0.1', 'a.test,127.0.0.1']);
  assert.is(environmentOf(TARGET, {}).NO_PROXY, '127.0.0.1');
});

test.run();
