// Wireshark's filter language (wireshark-filter(4)) over packets written down here: what each expression selects, what binds
// tighter, and where errors point. Whether tshark selects the same of real captures is in filter-tshark.test.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDisplayFilter } from '../../../src/bench/inspect/display-filter.js';
import { FilterError } from '../../../src/bench/inspect/filter.js';
import type { InspectedField, InspectedLayer, InspectedPacket, Verdict } from '../../../src/bench/inspect/types.js';
import { ascii, concat, hex, testRandom } from '../../support/bytes.js';

const test = suite('display filters');

type Values = Readonly<Record<string, InspectedField['value'] | readonly InspectedField['value'][]>>;

function layer(name: InspectedLayer['name'], values: Values, texts: Readonly<Record<string, string>> = {}) {
  const fields = Object.entries(values).flatMap(([field, value]) =>
    (Array.isArray(value) ? (value as InspectedField['value'][]) : [value as InspectedField['value']]).map((one) => {
      const full = `${name}.${field}`;
      const text = texts[field];
      return text === undefined ? { name: full, value: one } : { name: full, value: one, text };
    }),
  );
  return { name, fields };
}

function packet(layers: readonly InspectedLayer[], bytes: Uint8Array, verdicts: readonly Verdict[] = []) {
  const rest = { number: 1, timeNs: undefined, atUs: 0, linkType: 1, fileOffset: 0, flow: undefined, events: [] };
  return { ...rest, bytes, originalLength: bytes.length, layers, verdicts } satisfies InspectedPacket;
}

const MACS = { dst: '02:00:00:00:00:02', src: '02:00:00:00:00:01', addr: ['02:00:00:00:00:02', '02:00:00:00:00:01'] };
const FRAME = layer('frame', { number: 7, len: 100 });

/** An answer over IPv4; two HTTP/2 frames. */
const PACKET = packet(
  [
    FRAME,
    layer('eth', MACS),
    {
      ...layer('ip', { src: '10.0.0.2', dst: '10.0.0.1', addr: ['10.0.0.2', '10.0.0.1'], ttl: 64 }),
      bytes: hex('45'),
    },
    {
      ...layer('tcp', {
        ...{ srcport: 443, dstport: 49152, port: [443, 49152], len: 80, seq: 3_000_000_000, flags: 0x18 },
        ...{ 'flags.push': true, 'flags.syn': false },
      }),
      bytes: concat(hex('01bbc000 b2d05e00 00000000 5012 0000 0000 0000'), ascii('GET /')),
    },
    layer(
      'tls',
      { 'handshake.random': hex('4a704b71 00ff'), 'handshake.type': 1 },
      { 'handshake.type': 'ClientHello' },
    ),
    layer('http2', { type: 4, streamid: 0, length: 6 }, { type: 'SETTINGS' }),
    layer('http2', { type: 1, streamid: 1, length: 40, 'headers.path': '/Index.html' }, { type: 'HEADERS' }),
    layer('http', { 'request.uri': '/a?b=10.10', user_agent: 'curl/8', 'request.method': 'GET' }),
  ],
  hex('020000000002 020000000001 0800 45'),
  [
    { severity: 'error', layer: 'http2', code: 'bad-frame', text: '', rule: 'RFC 9113 §6.5' },
    { severity: 'note', layer: 'tcp', code: 'zero-window', text: '' },
  ],
);
const OTHER = packet(
  [FRAME, layer('ipv6', { src: 'fd00::1', dst: 'fd00::2', addr: ['fd00::1', 'fd00::2'] })],
  ascii('GET'),
);

// biome-ignore format: a table
const TRUE_AND_FALSE: Readonly<Record<string, readonly [selects: readonly string[], not: readonly string[]]>> = {
  'whether something is there': [
    ['tcp', 'TCP', 'http2', 'tcp.flags.syn', 'tcp.len', 'not udp', '!udp', '! ! tcp', 'wirebench.rule'],
    ['udp', 'icmp', 'ipv6', 'tcp.options.mss_val', 'not tcp', '!(tcp)', 'tls.app_data'],
  ],
  'a field alone before a word': [
    ['tcp.len and tcp.seq', 'tcp.len or udp', 'udp.length or tcp.len', 'tcp.len and not udp.length'],
    ['tcp.len and udp.length', 'udp.length or udp.port'],
  ],
  'numbers': [
    ['tcp.len == 80', 'tcp.len eq 0x50', 'tcp.len == 0120', 'tcp.len != 81', 'tcp.len ne 79', 'tcp.len < 81', 'tcp.len lt 81',
     'tcp.len <= 80', 'tcp.len le 80', 'tcp.len > 79', 'tcp.len gt 79', 'tcp.len >= 80', 'tcp.len ge 80', 'tcp.seq > 2999999999',
     'tcp.seq == 0xb2d05e00'],
    ['tcp.len == 81', 'tcp.len != 80', 'tcp.len < 80', 'tcp.len <= 79', 'tcp.len > 80', 'tcp.len >= 81', 'udp.length == 80',
     'udp.length != 80', 'udp.length < 1'],
  ],
  'several values: == any, != none, ~= not all, === all': [
    ['tcp.port == 443', 'tcp.port == 49152', 'tcp.port any_eq 443', 'tcp.port != 80', 'tcp.port all_ne 80', 'tcp.port ~= 443',
     'tcp.port any_ne 443', 'tcp.port !== 443', 'frame.number === 7', 'frame.number all_eq 7', 'tcp.port > 1000', 'tcp.port < 1000'],
    ['tcp.port == 80', 'tcp.port != 443', 'tcp.port all_ne 443', 'tcp.port === 443', 'tcp.port all_eq 443', 'frame.number ~= 7',
     'frame.number !== 7', 'udp.port ~= 1', 'udp.port === 1'],
  ],
  'booleans': [
    ['tcp.flags.push == 1', 'tcp.flags.push == True', 'tcp.flags.push == true', 'tcp.flags.syn == 0', 'tcp.flags.syn == FALSE',
     'tcp.flags.push != 0', 'tcp.flags.push > tcp.flags.syn'],
    ['tcp.flags.push == 0', 'tcp.flags.syn == 1', 'tcp.flags.syn == True'],
  ],
  'names of values': [
    ['http2.type == HEADERS', 'http2.type == headers', 'http2.type == "SETTINGS"', 'http2.type == 4',
     'tls.handshake.type == ClientHello', 'http2.type in {DATA, HEADERS}', 'http2.type != DATA'],
    ['http2.type == DATA', 'http2.type != HEADERS', 'http2.type === HEADERS'],
  ],
  'texts': [
    ['http.request.method == GET', 'http.request.method == "GET"', "http.request.method == 'GET'", 'http.user_agent == "curl\\x2f8"',
     'http.user_agent < "d"', 'http.request.method != "POST"', 'http.request.method in {"POST", "GET"}'],
    ['http.request.method == "get"', 'http.request.method == "POST"', 'http.user_agent > "d"'],
  ],
  'contains': [
    ['http2.headers.path contains "Index"', 'http2.headers.path contains Index', 'http.request.uri contains 10.10',
     'tls.handshake.random contains 70:4b', 'tls.handshake.random contains 704b', 'tls.handshake.random contains ff',
     'tls.handshake.random contains "pK"', 'frame contains 45', 'frame contains 08:00:45', 'eth.src contains 00:01', 'ip.src contains "10.0"'],
    ['http2.headers.path contains "index"', 'http.user_agent contains 63:75', 'tls.handshake.random contains 4b:70',
     'frame contains "GET"', 'eth.src contains 00:02'],
  ],
  'matches: a regular expression, upper and lower case alike': [
    ['http2.headers.path matches "^/index\\\\.html$"', 'http.request.uri ~ "B=[0-9.]+"', 'http.user_agent matches "(?i)CURL"',
     'tls.handshake.random matches "^JP"', 'http.request.uri matches "."',
     'http.user_agent matches r"^\\w+/\\d$"', 'http.user_agent matches "\\\\d"', 'http.user_agent matches "\\x63\\165"'],
    ['http2.headers.path matches "^index"', 'http.user_agent matches "^/"', 'tls.handshake.extension.data matches "."'],
  ],
  'sets and ranges': [
    ['tcp.port in {443}', 'tcp.port in {80, 443}', 'tcp.port in {80 443}', 'tcp.port in {400..500}', 'tcp.port in {443..443}',
     'tcp.len in {1, 70..80, 5}', 'ip.src in {10.0.0.0/8}', 'ip.src in {10.0.0.1..10.0.0.9}', 'not tcp.port in {1}', 'ipv6 or tcp.len in {80}'],
    ['tcp.port in {80}', 'tcp.port in {444..500}', 'tcp.port in {500..400}', 'ip.src in {10.0.0.3..10.0.0.9}', 'udp.port in {1}'],
  ],
  'addresses and networks': [
    ['ip.src == 10.0.0.2', 'ip.addr == 10.0.0.1', 'ip.addr == 10.0.0.0/8', 'ip.src == 10.0.0.3/31', 'ip.src == 0.0.0.0/0',
     'ip.src != 10.1.0.0/16', 'ip.src > 10.0.0.1', 'ip.addr ~= 10.0.0.1', 'eth.src == 02:00:00:00:00:01', 'ip.src != 10.0.0.1'],
    ['ip.src == 10.0.0.1', 'ip.addr == 10.0.1.0/24', 'ip.addr != 10.0.0.1', 'ip.src == 10.0.0.0/31',
     'eth.addr == 02:00:00:00:00:03', 'ipv6.src == fd00::1'],
  ],
  'any and all values': [
    ['any tcp.port == 443', 'any tcp.port != 443', 'all tcp.port != 80', 'all tcp.port > 400', 'all frame.number == 7',
     'all tcp.port in {1..60000}', 'any http.request.uri contains "a"', 'all http.user_agent matches "curl"', 'any tcp.flags & 8 == 8'],
    ['any tcp.port == 80', 'all tcp.port == 443', 'all tcp.port > 1024', 'all udp.port > 1', 'any udp.port > 1', 'all tcp.port in {443}'],
  ],
  'the bytes of layers': [
    ['tcp contains "GET"', 'tcp contains 47:45:54', 'tcp[13] & 2', 'tcp[13] & 3 == 2', 'tcp[0:2] == 01:bb', 'tcp matches "get .$"', 'tcp[0-1,13] == 01:bb:12',
     'count(tcp) == 1', 'ip[0] == 45', 'tcp[0:2] == tcp[0:2]', 'tcp', 'tcp[19]', 'tcp[13] & 12'],
    ['tcp contains "get"', 'tcp[13] & 1', 'tcp[99]', 'udp contains "GET"', 'http contains "GET"', 'tcp[0:2] == tcp[2:2]', 'tcp[14:99]', 'tcp[12:2] & 00:01'],
  ],
  'slices': [
    ['tls.handshake.random[0] == 4a', 'tls.handshake.random[0:2] == 4a:70', 'tls.handshake.random[0-2] == 4a:70:4b',
     'tls.handshake.random[1-1] == 70', 'tls.handshake.random[:2] == 4a70', 'tls.handshake.random[4:] == 00:ff', 'tls.handshake.random[-1] == ff',
     'tls.handshake.random[-2:] == 00:ff', 'tls.handshake.random[-2:1] == 0', 'tls.handshake.random[0:1] != 4b', 'tls.handshake.random[5] > 7f',
     'eth.src[0:3] == 02:00:00', 'eth.src[5] == 1', 'ip.dst[3] == 01', 'ip.src[0:2] == 0a:00', 'frame[12:2] == 08:00', 'frame[-1] == 45',
     'http.user_agent[0:4] == "curl"', 'http.user_agent[0:2] == 63:75', 'http.user_agent[5:] matches "^8$"'],
    ['tls.handshake.random[0] == 4b', 'tls.handshake.random[0:2] == 4a', 'tls.handshake.random[9] == 00', 'eth.src[5] == 2', 'frame[12:2] == 86:dd'],
  ],
  'bits': [
    ['tcp.flags & 0x08', 'tcp.flags & 0x18 == 0x18', 'tcp.flags bitand 0x12 == 0x10', 'tcp.flags & 2 == 0', 'tcp.seq & 0x80000000',
     'tcp.seq & 0x80000000 == 0x80000000', 'not tcp.flags & 2'],
    ['tcp.flags & 2', 'tcp.flags & 0x18 == 0x08', 'udp.port & 1'],
  ],
  'functions': [
    ['len(http.user_agent) == 6', 'len(tls.handshake.random) == 6', 'len(ip.src) == 4', 'count(tcp.port) == 2', 'count(http2.type) == 2',
     'count(udp.port) == 0', 'lower(http.request.method) == "get"', 'upper(http2.headers.path) contains "INDEX"', 'string(tcp.len) matches "^80$"',
     'LEN(frame) == 15', 'len(http.user_agent) > len(http.request.method)', 'lower(http.request.method) != http.request.method'],
    ['len(http.user_agent) == 5', 'count(tcp.port) > 2', 'lower(http.request.method) == "GET"', 'len(udp.port) == 2'],
  ],
  'fields with each other: each value of one with each of the other': [
    ['tcp.srcport != tcp.dstport', 'tcp.srcport < tcp.dstport', 'tcp.port == tcp.srcport', 'tcp.port ~= tcp.srcport', 'tcp.len === tcp.len',
     'ip.src != ip.dst', 'ip.addr == ip.src'],
    ['tcp.srcport == tcp.dstport', 'tcp.srcport > tcp.dstport', 'tcp.port != tcp.srcport', 'tcp.port === tcp.srcport', 'tcp.len != tcp.len',
     'tcp.len ~= tcp.len', 'tcp.len != udp.length', 'tcp.len === udp.length'],
  ],
  'verdicts': [
    ['wirebench.verdict == "zero-window"', 'wirebench.severity == "error"', 'wirebench.severity == note', 'wirebench.rule contains "9113"',
     'wirebench.verdict in {"bad-frame"}', 'count(wirebench.verdict) == 2', 'count(wirebench.rule) == 1'],
    ['wirebench.severity == "warning"', 'wirebench.verdict == "retransmission"', 'wirebench.rule contains "RFC 1 "'],
  ],
  'and before xor before or, not before all; parentheses first': [
    ['tcp or udp and udp', 'udp and udp or tcp', '(tcp or udp) and http', 'not udp and tcp', 'not (udp and tcp)', 'tcp && !udp || icmp',
     'tcp xor udp', 'tcp ^^ tcp or tcp', 'udp xor tcp and tcp', 'tcp xor tcp and udp', '((tcp))', 'tcp AND NOT udp'],
    ['(tcp or udp) and udp', 'not tcp or udp', 'not (tcp or udp)', 'tcp xor tcp', 'tcp and tcp xor tcp', 'udp or tcp xor tcp'],
  ],
};

for (const [name, [selecting, others]] of Object.entries(TRUE_AND_FALSE)) {
  test(name, () => {
    for (const filter of selecting) assert.ok(parseDisplayFilter(filter).matches(PACKET), filter);
    for (const filter of others) assert.not.ok(parseDisplayFilter(filter).matches(PACKET), filter);
  });
}

test('IPv6 addresses and networks', () => {
  for (const filter of [
    'ipv6.src == fd00::1',
    'ipv6.addr == fd00::/8',
    'ipv6.dst == fd00::3/127',
    'ipv6.addr == ::/0',
  ]) {
    assert.ok(parseDisplayFilter(filter).matches(OTHER), filter);
    assert.not.ok(parseDisplayFilter(filter).matches(PACKET), filter);
  }
  for (const filter of ['ip.addr == 10.0.0.0/8', 'ipv6.addr == ::/8', 'tcp', 'tcp.len < 9'])
    assert.not.ok(parseDisplayFilter(filter).matches(OTHER), filter);
  assert.ok(parseDisplayFilter('ip.addr == 10.0.0.0/8 || ipv6').matches(OTHER));
  assert.ok(parseDisplayFilter('frame contains "GET"').matches(OTHER));
});

test('fields are needed where a field is named', () => {
  for (const filter of ['tcp', 'not udp and (http or http2)', 'frame contains "x"'])
    assert.not.ok(parseDisplayFilter(filter).needs.fields, filter);
  for (const filter of ['tcp.len', 'tcp and tcp.len', 'len(http.host) > 1', 'frame.number == 1'])
    assert.ok(parseDisplayFilter(filter).needs.fields, filter);
});

// biome-ignore format: a table
const ERRORS: readonly (readonly [filter: string, position: number, says: RegExp, advice?: RegExp])[] = [
  ['',                              0, /there is nothing in it/],
  ['   ',                           3, /there is nothing in it/],
  ['tcp.prot == 1',                 0, /unknown field "tcp\.prot"/, /tcp\.port/],
  ['tcp and htpp2',                 8, /unknown field "htpp2"/, /http2/],
  ['tcp.port == 443 and tcp.prot',  20, /unknown field "tcp\.prot"/],
  ['tcp.port ==',                   11, /a value is expected, not the end/],
  ['tcp.port == )',                 12, /a value is expected, not "\)"/],
  ['tcp.port 443',                  9, /"443" is no comparison/],
  ['tcp udp',                       4, /"udp" is not expected here/],
  ['tcp and',                       7, /a field is expected, not the end/],
  ['or tcp',                        0, /unknown field "or"/],
  ['(tcp',                          4, /\) is expected, not the end/],
  ['tcp)',                          3, /"\)" is not expected here/],
  ['not',                           3, /a field is expected, not the end/],
  ['tcp.port in 443',               12, /\{ is expected/],
  ['tcp.port in {443',              16, /\} is missing/],
  ['tcp.port in {}',                13, /nothing in this set/],
  ['tcp.port in {443..}',           18, /a value is expected, not "\}"/],
  ['http.host == "a',               13, /this string has no end/],
  ['http.host matches "("',         18, /no regular expression/],
  ['http.host matches "(?=a)"',     18, /looking around/],
  ['http.host matches "[a"',        18, /a bracket is not closed/],
  ['http.host matches "a\\d"',    20, /means nothing in a string/, /r"\.\.\."/],
  ['http.host == r"a',              13, /this string has no end/],
  ['http.host matches',             17, /a pattern is expected/],
  ['tcp.port = 443',                9, /"=" is not expected here/],
  ['tcp.len[0',                     7, /this is no slice/],
  ['tcp.len[a] == 1',               7, /this is no slice/],
  ['tcp.flags & x',                 12, /a number is expected, not "x"/],
  ['tcp contains GET',              13, /"GET" are no bytes/, /"GET"\./],
  ['tcp.port == abc',               12, /"abc" is no number, as tcp\.port is/],
  ['tcp.port == 99999',             12, /"99999" is too large for tcp\.port, which ends at 65535/],
  ['tcp.port in {1..70000}',        16, /"70000" is too large/],
  ['tcp.port == "80"',              12, /"80" is no number/],
  ['tcp.len == 1.5',                11, /no whole number/],
  ['tcp.port == tcp.srcprt',        12, /"tcp\.srcprt" is no number/, /tcp\.srcport/],
  ['frame.number == 1-3',           16, /"1-3" is no number/, /frame\.number in \{1\.\.3\}/],
  ['ip.addr == 300.1.1.1',          11, /"300\.1\.1\.1" is no IPv4 address/, /300 is more than 255/],
  ['ip.addr == localhost',          11, /"localhost" is no IPv4 address/, /10\.0\.0\.0\/8/],
  ['ip.addr == ::1',                11, /"::1" is no IPv4 address/, /ipv6\.addr == ::1/],
  ['ipv6.src == 10.0.0.1',          12, /no IPv6 address/, /ip\.src == 10\.0\.0\.1/],
  ['eth.src == 02:00',              11, /no Ethernet address/],
  ['http2.type == FOO',             14, /"FOO" is no value of http2\.type/, /DATA, HEADERS/],
  ['http2.type == HEADER',          14, /"HEADER" is no value/, /HEADERS\?/],
  ['http2.type in {HEADERS, FOO}',  24, /"FOO" is no value/],
  ['ip.proto == TPC',               12, /"TPC" is no value/, /TCP\?/],
  ['tcp.flags.syn == yes',          17, /neither true nor false/],
  ['frame.time_relative > abc',     22, /"abc" is no time/],
  ['tls.handshake.random == foo',   24, /"foo" are no bytes/],
  ['http2.stream == 5',             16, /http2\.stream has no value/, /alone asks/],
  ['tcp.port contains 8',           18, /tcp\.port is a number/, /string\(tcp\.port\)/],
  ['tcp.port matches "8"',          17, /tcp\.port is a number/],
  ['tcp.flags & 0x1ffff',           12, /too large/],
  ['http.host & 1',                 12, /http\.host is text and has no bits/],
  ['tcp.port[0] == 1',              8, /tcp\.port is a number and has no bytes/],
  ['tcp.len == ip.src',             11, /tcp\.len is a number and ip\.src an IPv4 address/],
  ['any tcp.port',                  12, /a comparison is expected/],
  ['tcp.flags.abc == 1',            0, /unknown field "tcp\.flags\.abc"/, /--fields/],
  ['tcp.syn == 1',                  0, /unknown field/, /tcp\.flags\.syn/],
  ['tls.handshake.extensions_server == "x"', 0, /unknown field/, /tls\.handshake\.extensions_server_name/],
  ['tls.handshke.type == 1',        0, /unknown field/, /tls\.handshake\.type/],
  ['tpc.port == 1',                 0, /unknown field/, /tcp\.port/],
  ['len(tcp.len',                   11, /\) is expected, not the end/],
  ['ip.addr == 10.0.0.0/33',        11, /"10\.0\.0\.0\/33" is no network/],
  ['ip.addr == 10.0.0.0/x',         11, /is no network/],
  ['ip.addr == 10.0.0.0/',          11, /is no network/],
  ['ip.addr in {fd00::/200}',       12, /is no IPv4 address/],
  ['ipv6.addr in {fd00::/200}',     14, /is no network/],
  ['tcp # udp',                     4, /"#" means nothing here/],
  ['tcp.port == 1 == 2',            14, /"==" is not expected here/],
  [`${'('.repeat(200)}tcp`,         100, /too many parentheses/],
  [`${'!'.repeat(200)}tcp`,         100, /too many parentheses/],
];

function errorOf(filter: string): FilterError {
  try {
    parseDisplayFilter(filter);
  } catch (error) {
    assert.instance(error, FilterError, filter);
    return error as FilterError;
  }
  throw new Error(`no error: ${filter}`);
}

test('errors say what is wrong and where', () => {
  for (const [filter, position, says, advice] of ERRORS) {
    const error = errorOf(filter);
    assert.match(error.message, says, filter);
    assert.is(error.position, position, filter);
    if (advice !== undefined) assert.match(error.advice ?? '', advice, filter);
    if (filter.length < 100) assert.match(error.message, `at character ${position + 1} of `);
  }
});

test('filters and patterns are bounded in length', () => {
  assert.match(errorOf(`tcp${' '.repeat(10_000)}`).message, /too long/);
  assert.match(errorOf(`http.host matches "${'a'.repeat(257)}"`).message, /the pattern is too long/);
  const longest = 'tcp or '.repeat(1400);
  assert.ok(parseDisplayFilter(`${longest}tcp`).matches(PACKET));
  const deep = `${'len('.repeat(1600)}tcp.len${')'.repeat(1600)} == 1`;
  assert.ok(parseDisplayFilter(deep).matches(PACKET));
});

test('whatever stands in a filter, it is one or a FilterError says where it is none', () => {
  const words = [
    ...[
      'tcp',
      'http2',
      'frame',
      'wirebench',
      'tcp.port',
      'ip.addr',
      'tls.handshake.random',
      'http2.type',
      'http.request.uri',
    ],
    ...[
      'wirebench.verdict',
      'eth.src',
      'tcp.flags',
      'and',
      'or',
      'not',
      'xor',
      '&&',
      '||',
      '^^',
      '!',
      '==',
      '!=',
      '~=',
      '===',
      '!==',
    ],
    ...[
      '<',
      '<=',
      '>',
      '>=',
      'eq',
      'contains',
      'matches',
      '~',
      'in',
      '{',
      '}',
      '..',
      ',',
      '(',
      ')',
      '[',
      ']',
      ':',
      '-',
      '&',
      '=',
      '|',
    ],
    ...[
      '443',
      '0x1bb',
      '1.5',
      '10.0.0.0/8',
      'fd00::/8',
      '10.0.0.1/99',
      '4a:70',
      '"a"',
      '"[("',
      "'x",
      'HEADERS',
      'len(',
      'count',
      'lower(',
    ],
    ...['string', '[0:2]', '[-1]', '"\\x41\\"', '\u{1F600}', '\0', 'true', '::', '1..2', '/', '#', '08', '0x', '\\'],
  ];
  const dice = testRandom(99);
  let filters = 0;
  for (let round = 0; round < 60_000; round++) {
    const count = 1 + dice.below(9);
    const glue = dice.below(3) === 0 ? '' : ' ';
    const text = Array.from({ length: count }, () => words[dice.below(words.length)]!).join(glue);
    try {
      const filter = parseDisplayFilter(text);
      filter.matches(PACKET);
      filter.matches(OTHER);
      filters++;
    } catch (error) {
      assert.instance(error, FilterError, text);
      const { position } = error as FilterError;
      assert.ok(position >= 0 && position <= text.length, text);
    }
  }
  assert.ok(filters > 1000, `${filters} filters`);
});

test.run();
