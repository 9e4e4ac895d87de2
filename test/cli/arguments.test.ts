// The command line: what is taken, in which spellings, and what exactly is said about what is not.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Arguments, commandNamed, parseArguments, UsageError } from '../../src/cli/arguments.js';
import { COMMANDS } from '../../src/cli/commands.js';
import { ALL_EXIT_CODES, EXIT_CODES } from '../../src/cli/exit-codes.js';
import type { Env } from '../../src/cli/given.js';
import type { ServeOptions } from '../../src/cli/serve-options.js';
import { toHex } from '../support/bytes.js';
import { projectRoot } from '../support/live.js';

/** Splits at single spaces; '' in the list stays what it is. */
function words(line: string): string[] {
  return line === '' ? [] : line.split(' ');
}

function serve(line: string, env: Env = {}): ServeOptions {
  const result = parseArguments(words(line), env);
  assert.is(result.command, 'serve');
  return (result as Extract<Arguments, { command: 'serve' }>).options;
}

function usageError(argv: readonly string[], env: Env = {}): UsageError {
  try {
    parseArguments(argv, env);
  } catch (error) {
    assert.instance(error, UsageError);
    return error as UsageError;
  }
  throw new Error(`accepted: ${argv.join(' ')}`);
}

const TLS_DEFAULTS: ServeOptions['tls'] = {
  credentials: [],
  minVersion: '1.2',
  maxVersion: '1.3',
  cipherSuites: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  ],
  groups: ['x25519', 'secp256r1', 'secp384r1'],
  alpnProtocols: ['h2', 'http/1.1'],
  resumption: true,
  strictServerName: false,
  clientCa: undefined,
  clientAuthRequired: true,
};
const DEFAULTS: ServeOptions = {
  mode: 'tun',
  tlsPort: 443,
  plainPort: 80,
  host: '127.0.0.1',
  device: 'wb0',
  localIp: '10.0.0.1',
  remoteIp: '10.0.0.2',
  prefixLength: 24,
  ip6: { localIp: 'fd00::1', remoteIp: 'fd00::2', required: false },
  mtu: 1500,
  offload: true,
  tcp: undefined,
  faults: undefined,
  seed: undefined,
  root: undefined,
  app: undefined,
  record: undefined,
  manifest: undefined,
  force: false,
  keylog: undefined,
  tls: TLS_DEFAULTS,
  log: 'pretty',
  layers: undefined,
  verbose: false,
  debug: false,
  color: 'auto',
  pause: new Set(),
};
const SOCKET_DEFAULTS: ServeOptions = { ...DEFAULTS, mode: 'tcp', ip6: undefined, tlsPort: 8443, plainPort: undefined };

const ACCEPTED: readonly [line: string, expected: ServeOptions][] = [
  ['', DEFAULTS],
  ['serve', DEFAULTS],
  // The original's flags, with one dash or two, joined or not.
  ['-mode tcp', SOCKET_DEFAULTS],
  ['--mode tcp', SOCKET_DEFAULTS],
  ['-mode=tcp', SOCKET_DEFAULTS],
  ['--mode=tcp', SOCKET_DEFAULTS],
  ['serve --mode tcp', SOCKET_DEFAULTS],
  ['--mode tcp serve', SOCKET_DEFAULTS],
  [
    '-dev tun7 -localIP 10.9.0.1 -remoteIP 10.9.0.2 -subnet 255.255.0.0 -mtu 9000 -port 8443 -debug',
    {
      ...DEFAULTS,
      device: 'tun7',
      localIp: '10.9.0.1',
      remoteIp: '10.9.0.2',
      prefixLength: 16,
      mtu: 9000,
      tlsPort: 8443,
      debug: true,
    },
  ],
  ['--localIP 10.0.0.7 --remoteIP=10.0.0.8', { ...DEFAULTS, localIp: '10.0.0.7', remoteIp: '10.0.0.8' }],
  ['--local-ip 10.0.0.7 -remote-ip 10.0.0.8', { ...DEFAULTS, localIp: '10.0.0.7', remoteIp: '10.0.0.8' }],
  // Ports.
  ['--port 8443 --plain-port 8080', { ...DEFAULTS, tlsPort: 8443, plainPort: 8080 }],
  ['--mode std --port 0 --plain-port 0', { ...SOCKET_DEFAULTS, mode: 'std', tlsPort: 0, plainPort: 0 }],
  ['--port 00443', DEFAULTS],
  // Networks.
  ['--subnet 8', { ...DEFAULTS, prefixLength: 8 }],
  ['--subnet /30', { ...DEFAULTS, prefixLength: 30 }],
  [
    '--subnet 31 --local-ip 10.0.0.2 --remote-ip 10.0.0.3',
    { ...DEFAULTS, prefixLength: 31, localIp: '10.0.0.2', remoteIp: '10.0.0.3' },
  ],
  ['--mtu 576', { ...DEFAULTS, mtu: 576, ip6: undefined }],
  ['--mtu 1280', { ...DEFAULTS, mtu: 1280 }],
  ['--no-ip6', { ...DEFAULTS, ip6: undefined }],
  ['-no-ip6', { ...DEFAULTS, ip6: undefined }],
  ['--tcp congestion=reno,sack=off', { ...DEFAULTS, tcp: { congestion: 'reno', sack: false } }],
  ['--no-offload', { ...DEFAULTS, offload: false }],
  ['--offload=false', { ...DEFAULTS, offload: false }],
  ['--offload', DEFAULTS],
  ['--ip6', { ...DEFAULTS, ip6: { localIp: 'fd00::1', remoteIp: 'fd00::2', required: true } }],
  [
    '--local-ip6 FD01:0:0::a --remote-ip6=fd01::0.0.0.11',
    { ...DEFAULTS, ip6: { localIp: 'fd01::a', remoteIp: 'fd01::b', required: true } },
  ],
  ['--mtu 65535', { ...DEFAULTS, mtu: 65_535 }],
  ['--mode tcp --host ::1', { ...SOCKET_DEFAULTS, host: '::1' }],
  ['--mode tcp --host localhost', { ...SOCKET_DEFAULTS, host: 'localhost' }],
  // Files. A name that looks like a number, or like two, stays what it is.
  ['--record 007', { ...DEFAULTS, record: '007' }],
  ['--record 1e3 --keylog 0x10', { ...DEFAULTS, record: '1e3', keylog: '0x10' }],
  ['--record r --force', { ...DEFAULTS, record: 'r', force: true }],
  ['--record=a=b', { ...DEFAULTS, record: 'a=b' }],
  ['--root -', { ...DEFAULTS, root: '-' }],
  ['--record=-x', { ...DEFAULTS, record: '-x' }],
  // Display.
  ['--log json', { ...DEFAULTS, log: 'json' }],
  ['-v', { ...DEFAULTS, verbose: true }],
  ['-v -v --verbose', { ...DEFAULTS, verbose: true }],
  ['--verbose=false', DEFAULTS],
  ['--debug=true', { ...DEFAULTS, debug: true }],
  ['--debug --debug=false', DEFAULTS],
  ['--no-color', { ...DEFAULTS, color: 'never' }],
  ['--color=always', { ...DEFAULTS, color: 'always' }],
  ['--layers ip,tcp', { ...DEFAULTS, layers: new Set(['ip', 'tcp']) }],
  ['--layers http', { ...DEFAULTS, layers: new Set(['http']) }],
  ['--pause ip,tcp', { ...DEFAULTS, pause: new Set(['ip', 'tcp']) }],
  ['--pause http', { ...DEFAULTS, pause: new Set(['http1', 'http2']) }],
  ['--pause tls,http2', { ...DEFAULTS, pause: new Set(['tls', 'http2']) }],
  ['--pause=', DEFAULTS],
];

for (const [line, expected] of ACCEPTED) {
  test(`accepts: ${line || '(nothing)'}`, () => assert.equal(serve(line), expected));
}

const REJECTED: readonly [argv: readonly string[], message: string, suggestion?: string][] = [
  // Unknown words.
  [['--prot', '80'], 'unknown option "--prot"', 'Did you mean --port?'],
  [['-localip', '10.0.0.1'], 'unknown option "-localip"', 'Did you mean --localIP?'],
  [['--recrod=x'], 'unknown option "--recrod"', 'Did you mean --record?'],
  [['--frobnicate'], 'unknown option "--frobnicate"'],
  [['-x'], '--hex is no option of serve', 'It is one of inspect.'],
  [['-vv'], 'unknown option "-vv"'],
  [['--v'], 'unknown option "--v"'],
  [['---mode', 'tcp'], 'unknown option "---mode"', 'Did you mean --mode?'],
  [['--no-debug'], 'unknown option "--no-debug"'],
  [['--no-colour'], 'unknown option "--no-colour"', 'Did you mean --no-color?'],
  [['--__proto__=x'], 'unknown option "--__proto__"'],
  [['--constructor'], 'unknown option "--constructor"'],
  [['--\x1b[31m'], 'unknown option "--\\u001b[31m"'],
  [['rplay', 'x'], 'unknown command "rplay"', 'Did you mean replay?'],
  [
    ['frobnicate'],
    'unknown command "frobnicate"',
    `The commands are ${COMMANDS.map(({ name }) => name).join(', ')}, help, version.`,
  ],
  [
    ['run.pcapng'],
    'unknown command "run.pcapng"',
    'To run a recording again: wirebench replay "run.pcapng"; to look into a capture: wirebench inspect "run.pcapng"',
  ],
  [['serve', 'x'], 'serve takes no arguments, but "x" was given'],
  [['serve', '--', '-mode'], 'serve takes no arguments, but "-mode" was given'],
  [
    ['--mode', 'tcp', '00'],
    'unknown command "00"',
    `The commands are ${COMMANDS.map(({ name }) => name).join(', ')}, help, version.`,
  ],
  // Options of other commands.
  [['inspect', '--seed', '1', 'x'], '--seed is no option of inspect', 'It is one of serve, replay and record.'],
  [['replay', '--record', 'f', 'x'], '--record goes with --re-execute'],
  [['--update'], '--update is no option of serve', 'It is one of replay.'],
  [['replay', 'x', '--keylog', 'k'], '--keylog goes with --re-execute'],
  // Values that are missing, too many, or not wanted.
  [['--port'], '--port needs a value (N)'],
  [['--record', '--debug'], '--record needs a value (FILE)'],
  [['--mtu', '-5'], '--mtu needs a value (BYTES)'],
  [['-mode'], '-mode needs a value (tun|tcp|std)'],
  [['--mode', 'tcp', '--mode', 'std'], '--mode is given more than once: "tcp" and "std"'],
  [['--localIP=10.0.0.1', '--local-ip=10.0.0.3'], '--local-ip is given more than once: "10.0.0.1" and "10.0.0.3"'],
  [['--color=always', '--no-color'], '--color is given more than once: "always" and "never"'],
  [['--debug=yes'], '--debug is a switch and takes no value, but "yes" was given'],
  [['--no-color=1'], 'unknown option "--no-color"', 'Did you mean --no-color?'],
  // Numbers.
  [['--port', 'abc'], '--port: "abc" is no whole number'],
  [['--port', ''], '--port: "" is no whole number'],
  [['--port='], '--port: "" is no whole number'],
  [['--port', '1e3'], '--port: "1e3" is no whole number'],
  [['--port', '0x50'], '--port: "0x50" is no whole number'],
  [['--port', '8443.5'], '--port: "8443.5" is no whole number'],
  [['--port=-1'], '--port: "-1" is no whole number'],
  [['--port', '9999999999'], '--port: "9999999999" is no whole number'],
  [['--port', '65536'], '--port: 65536 is out of range (1 to 65535)'],
  [['--port', '0'], '--port: 0 is out of range (1 to 65535)'],
  [['--mode', 'tcp', '--port', '65536'], '--port: 65536 is out of range (0 to 65535)'],
  [['--mtu', '575'], '--mtu: 575 is out of range (576 to 65535)'],
  [['--port', '80'], 'port 80 cannot speak both TLS and plain HTTP', 'Choose another --port or --plain-port.'],
  // Words of a list.
  [['--mode', 'tpc'], '--mode: "tpc" is not one of tun, tcp, std', 'Did you mean tcp?'],
  [['--log', 'xml'], '--log: "xml" is not one of pretty, json, none'],
  [['--color', 'yes'], '--color: "yes" is not one of auto, always, never'],
  [
    ['--layers', 'ip,htpt'],
    '--layers: "htpt" is not one of ip, icmp, tcp, tls, http1, http2, http',
    'Did you mean http?',
  ],
  [['--layers', ''], '--layers: "" is not one of ip, icmp, tcp, tls, http1, http2, http'],
  [['--pause', 'ip,,tcp'], '--pause: "" is not one of ip, icmp, tcp, tls, http1, http2, http'],
  [['--pause', 'quic'], '--pause: "quic" is not one of ip, icmp, tcp, tls, http1, http2, http'],
  // Addresses.
  [['--local-ip', '10.0.0.256'], '--local-ip: "10.0.0.256" is no IPv4 address (like 10.0.0.1)'],
  [['--remote-ip', '10.0.0.02'], '--remote-ip: "10.0.0.02" is no IPv4 address (like 10.0.0.1)'],
  [['--remote-ip', 'fd00::2'], '--remote-ip: "fd00::2" is no IPv4 address (like 10.0.0.1)'],
  [['--remote-ip', '10.0.0.255'], '--remote-ip: 10.0.0.255 is the broadcast address of its /24 network'],
  [['--local-ip', '10.0.0.0'], '--local-ip: 10.0.0.0 is the network address of its /24 network'],
  [['--local-ip', '127.0.0.1'], "--local-ip: 127.0.0.1 cannot be a host's address"],
  [['--remote-ip', '224.0.0.1'], "--remote-ip: 224.0.0.1 cannot be a host's address"],
  [
    ['--remote-ip', '10.0.0.1'],
    '--local-ip and --remote-ip are both 10.0.0.1',
    'The first is the address of this host on the device, the second the one that wirebench answers on.',
  ],
  [
    ['--remote-ip', '10.0.1.2'],
    '--local-ip 10.0.0.1 and --remote-ip 10.0.1.2 are not in one /24 network',
    'See --subnet.',
  ],
  [['--local-ip6', '10.0.0.1'], '--local-ip6: "10.0.0.1" is no IPv6 address (like fd00::1)'],
  [['--remote-ip6', 'fd00::1%eth0'], '--remote-ip6: "fd00::1%eth0" is no IPv6 address (like fd00::1)'],
  [['--remote-ip6', 'ff02::1'], "--remote-ip6: ff02::1 cannot be a host's address"],
  [['--local-ip6', '::1'], "--local-ip6: ::1 cannot be a host's address"],
  [['--remote-ip6', 'fd00::1'], '--local-ip6 and --remote-ip6 are both fd00::1'],
  [['--remote-ip6', 'fd01::2'], '--local-ip6 fd00::1 and --remote-ip6 fd01::2 are not in one /64 network'],
  [['--ip6', '--mtu', '1279'], '--mtu: 1279 is too small for IPv6, which needs 1280'],
  [['--subnet', '32'], '--subnet: 32 is out of range (1 to 31)'],
  [['--subnet', '0'], '--subnet: 0 is out of range (1 to 31)'],
  [
    ['--subnet', '255.0.255.0'],
    '--subnet: 255.0.255.0 is no network mask (like 255.255.255.0, or a prefix length like 24)',
  ],
  [['--subnet', '0.0.0.0'], '--subnet: 0.0.0.0 is no network mask (like 255.255.255.0, or a prefix length like 24)'],
  [
    ['--subnet', '255.255.255.255'],
    '--subnet: 255.255.255.255 is no network mask (like 255.255.255.0, or a prefix length like 24)',
  ],
  [['--mode', 'tcp', '--host', 'example.org'], '--host: "example.org" is no IP address (like 127.0.0.1 or ::1)'],
  // Names and files.
  [
    ['--dev', 'a-name-of-16-chr'],
    '--dev: "a-name-of-16-chr" is no device name (letters, digits, "_", "-" and ".", at most 15 characters)',
  ],
  [['--dev', '../x'], '--dev: "../x" is no device name (letters, digits, "_", "-" and ".", at most 15 characters)'],
  [['--record', ''], '--record: "" is no file name'],
  [['--record', '-'], '--record: "-" would be a file of that name', 'Name a file, or /dev/stdout for a pipe.'],
  [['--manifest=-'], '--manifest: "-" would be a file of that name', 'Name a file, or /dev/stdout for a pipe.'],
  [['--keylog', '-'], '--keylog: "-" would be a file of that name', 'Name a file, or /dev/stdout for a pipe.'],
  [
    ['replay', '--re-execute', '--record', '-', 'x'],
    '--record: "-" would be a file of that name',
    'Name a file, or /dev/stdout for a pipe.',
  ],
  [['--seed', ''], '--seed: the seed is empty'],
  [['--mode', 'std', '--record', 'r'], '--record: mode std cannot be recorded', 'Modes tun and tcp can.'],
  // Captures.
  [['replay'], 'replay: no capture was given', 'Usage: wirebench replay CAPTURE...'],
  [['replay', ''], 'replay: "" is no file name'],
];

for (const [argv, message, suggestion] of REJECTED) {
  test(`rejects: ${JSON.stringify(argv)}`, () => {
    const error = usageError(argv);
    assert.is(error.message, message);
    assert.is(error.suggestion, suggestion);
  });
}

test('a seed of 64 hex digits is the seed; any other text is hashed, whatever number it looks like', () => {
  const hex = '00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF';
  assert.is(toHex(serve(`--seed ${hex}`).seed!), hex.toLowerCase());
  // SHA-256 of "00", "0" and "lecture-3".
  assert.is(toHex(serve('--seed 00').seed!), 'f1534392279bddbf9d43dde8701cb5be14b82f76ec6607bf8d6ad557f60f304e');
  assert.is(toHex(serve('--seed 0').seed!), '5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9');
  assert.is(toHex(serve('--seed=lecture-3').seed!), toHex(serve('--seed lecture-3').seed!));
  assert.is(serve('--seed lecture-3').seed!.length, 32);
  assert.is.not(toHex(serve('--seed 1').seed!), toHex(serve('--seed 1.0').seed!));
});

test('replay takes captures, in order and as they are written', () => {
  assert.equal(parseArguments(['replay', 'a.pcapng', '-v', '00', '--', '--log', '-x'], {}), {
    command: 'replay',
    options: {
      captures: ['a.pcapng', '00', '--log', '-x'],
      update: false,
      jobs: undefined,
      shard: undefined,
      bail: false,
      filter: [],
      exclude: [],
      reporters: [{ name: 'pretty', file: undefined }],
      golden: 'compare',
      requiresEnd: false,
      log: 'none',
      layers: undefined,
      verbose: true,
      debug: false,
      color: 'auto',
      pause: new Set(),
      server: { seed: undefined, config: undefined, serve: [] },
    },
    notices: [],
  });
});

test('replay --update, with a log', () => {
  const result = parseArguments(words('replay --update --log json fixtures/captures'), {});
  assert.is(result.command, 'replay');
  if (result.command !== 'replay') return;
  assert.is(result.options.update, true);
  assert.is(result.options.log, 'json');
  assert.equal(result.options.captures, ['fixtures/captures']);
});

test('PAUSE_LAYER and SSLKEYLOGFILE stand in for options that are not given', () => {
  const env = { PAUSE_LAYER: 'ip,tcp,tls,http2', SSLKEYLOGFILE: 'keys.log' };
  assert.equal(serve('', env).pause, new Set(['ip', 'tcp', 'tls', 'http2']));
  assert.is(serve('', env).keylog, 'keys.log');
  assert.equal(serve('--pause tls', env).pause, new Set(['tls']));
  assert.equal(serve('--pause=', env).pause, new Set());
  assert.is(serve('--keylog mine.log', env).keylog, 'mine.log');
  assert.equal(serve('', { PAUSE_LAYER: '', SSLKEYLOGFILE: '' }), DEFAULTS);
  assert.is(
    usageError([], { PAUSE_LAYER: 'ip,tpc' }).message,
    'PAUSE_LAYER: "tpc" is not one of ip, icmp, tcp, tls, http1, http2, http',
  );
});

test('options without effect in the mode are named, not refused: scripts for the original go on working', () => {
  const notices = (line: string): readonly string[] => {
    const result = parseArguments(words(line), {});
    return 'notices' in result ? result.notices : [];
  };
  assert.equal(notices('-mode tcp -dev tun0 -mtu 1500'), [
    '--dev has no effect in mode tcp',
    '--mtu has no effect in mode tcp',
  ]);
  assert.equal(notices('--host 127.0.0.1'), ['--host has no effect in mode tun']);
  assert.equal(notices('--mode std --seed 1'), ['--seed has no effect in mode std']);
  assert.equal(notices('--mode tcp --seed 1 --host ::1'), []);
});

test('--version', () => {
  assert.equal(parseArguments(['--version'], {}), { command: 'version' });
  assert.equal(parseArguments(['replay', '--version'], {}), { command: 'version' });
});

for (const argv of [['--help'], ['-h'], ['serve', '--help'], ['replay', '-h'], ['replay', '--help', '--debug']]) {
  test(`help: ${argv.join(' ')}`, () => {
    const result = parseArguments(argv, {});
    assert.is(result.command, 'help');
    const { text } = result as Extract<Arguments, { command: 'help' }>;
    const command = argv[0]!.startsWith('-') ? '[command]' : argv[0]!;
    assert.ok(text.startsWith('Usage:\n  wirebench '), text);
    assert.ok(text.split('\n')[1]!.includes(command));
    assert.ok(text.includes('\nExamples:\n'));
    const examples = text.indexOf('\nExamples:\n');
    for (const line of text.slice(0, examples).split('\n')) assert.ok(line.length <= 100, line);
  });
}

const helpOf = (...argv: string[]): string =>
  (parseArguments(argv, {}) as Extract<Arguments, { command: 'help' }>).text;

test('help lists the exit codes of its command and no others', () => {
  const listed = (text: string): string[] =>
    [...text.slice(text.indexOf('\nExit codes:\n')).matchAll(/^ {2}([0-9][0-9, ]*?|other) {2,}\S/gm)].map(
      ([, code]) => code!,
    );
  for (const { name } of COMMANDS) {
    const codes = EXIT_CODES[name].map(([code]) => code);
    assert.equal(listed(helpOf(name, '--help')), codes, name);
    const isKnown = (code: string): boolean => ALL_EXIT_CODES.some(([known]) => known.split(', ').includes(code));
    assert.ok(
      codes.every((code) => code === 'other' || isKnown(code)),
      name,
    );
  }
  assert.equal(
    listed(helpOf('--help')),
    ALL_EXIT_CODES.map(([code]) => code),
  );
  const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');
  const table = readme.slice(readme.indexOf('## Exit codes'), readme.indexOf('## The house'));
  for (const [code] of ALL_EXIT_CODES) assert.match(table, `| ${code} |`);
});

test('help and version as words', () => {
  assert.is(helpOf('help'), helpOf('--help'));
  for (const { name } of COMMANDS) assert.is(helpOf('help', name), helpOf(name, '--help'));
  assert.equal(parseArguments(['version'], {}), { command: 'version' });
  for (const argv of [
    ['help', 'replya'],
    ['help', 'replay', 'x'],
    ['version', 'x'],
  ]) {
    assert.throws(
      () => parseArguments(argv, {}),
      (error: unknown) => error instanceof UsageError,
    );
  }
});

test('the help of a command lists its options with their defaults and the original spelling', () => {
  const { text } = parseArguments(['serve', '--help'], {}) as Extract<Arguments, { command: 'help' }>;
  assert.match(text, /^ {2}--mtu <BYTES> +MTU of the TUN device \(default: 1500\)$/m);
  assert.ok(text.includes('(-localIP too)') && text.includes('(-remoteIP too)'));
  assert.not.match(text, /--update/);
  const { text: general } = parseArguments(['--help'], {}) as Extract<Arguments, { command: 'help' }>;
  for (const usage of ['[serve] [options]', 'replay CAPTURE|DIR... [options]']) {
    assert.ok(general.includes(`  ${usage} `), usage);
  }
});

test('help lists the exit code of an interruption where there is one', () => {
  for (const command of ['serve', 'replay', 'inspect', 'record']) {
    const { text } = parseArguments([command, '--help'], {}) as Extract<Arguments, { command: 'help' }>;
    assert.match(text, /^ {2}130 /m, command);
  }
});

test('what is wrong with a command points to the help of the command', () => {
  const named = [
    ['replay', '--bogus'],
    ['--seed', 'x', 'inspect'],
    ['--bogus'],
    ['record', '--', 'replay'],
    ['--', 'cert'],
  ];
  assert.equal(named.map(commandNamed), ['replay', 'inspect', undefined, 'record', undefined]);
});

test('parsing writes nothing and leaves its input alone', () => {
  const argv = Object.freeze(['-mode', 'tcp', '--pause', 'tcp']) as readonly string[];
  assert.equal(parseArguments(argv, Object.freeze({})), parseArguments([...argv], {}));
});

test('no command line raises anything but UsageError', () => {
  const parts = [
    ...['-', '--', '-mode', '--seed', '=', '', '0', 'tcp'],
    ...['--no-color', '--no-', '-v=', '--=x', 'replay', '-h=2'],
  ];
  for (const a of parts) {
    for (const b of parts) {
      for (const c of parts) {
        try {
          parseArguments([a, b, c], {});
        } catch (error) {
          assert.instance(error, UsageError, `${a} ${b} ${c}: ${String(error)}`);
        }
      }
    }
  }
});

test.run();
