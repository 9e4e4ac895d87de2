// `wirebench inspect -e FIELD`: the same lines as `tshark -T fields -e FIELD`, nothing in them that a terminal would obey, and what is
// said of slips.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { INSPECTED_FIELDS } from '../../src/bench/inspect/fields.js';
import type { InspectedPacket } from '../../src/bench/inspect/types.js';
import { Columns, columnNames } from '../../src/cli/inspect-columns.js';
import { defaultCaptures, PREFERENCES } from '../support/against-tshark.js';
import { refusal } from '../support/command-line.js';
import { projectRoot, run, wirebench } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('inspect --columns');
const NGINX = join(projectRoot, 'fixtures/foreign/nginx-h2-tls13.pcapng');

const FIELDS =
  `frame.number frame.time_epoch frame.time_relative frame.len eth.src eth.type ip.src ip.dst ip.id ip.dsfield ip.flags.df ip.proto
  ipv6.src ipv6.flow ipv6.tclass tcp.srcport tcp.port tcp.stream tcp.seq tcp.ack tcp.len tcp.flags tcp.flags.syn tcp.checksum
  tcp.window_size tcp.options.sack_perm tcp.options.timestamp.tsval udp.srcport tls.record tls.record.version tls.record.content_type
  tls.handshake.type tls.handshake.random tls.handshake.ciphersuite tls.handshake.extension.data
  tls.handshake.extensions_server_name tls.handshake.extensions_alpn_str tls.alert_message.desc http2.type http2.flags http2.streamid
  http2.settings http2.headers.method http2.headers.path http2.headers.status http2.header.name http2.header.value
  http.request.method http.request.uri http.request.line http.user_agent http http2`.split(/\s+/);

testWith(test, needCommands('tshark'), 'what tshark prints, for every capture of other programs', async () => {
  for (const file of defaultCaptures().filter((name) => name.includes('foreign'))) {
    const keys = file.replace(/pcap$/, 'keys');
    const keyOption = keys !== file && existsSync(keys) ? ['-o', `tls.keylog_file:${keys}`] : [];
    const ask = FIELDS.flatMap((name) => ['-e', name]);
    const how = ['-T', 'fields', '-E', 'header=y', ...PREFERENCES, ...keyOption];
    const theirs = (await run('tshark', ['-r', file, ...how, ...ask])).stdout.split('\n');
    const ours = (await wirebench(['inspect', file, '--header', '-e', FIELDS.join(',')])).stdout.split('\n');
    assert.is(ours.length, theirs.length, file);
    theirs.forEach((line, at) => {
      const [mine, other] = [ours[at]!.split('\t'), line.split('\t')];
      // A response that ends with its connection is complete at the FIN, which tshark does not see within TLS.
      if (mine[FIELDS.indexOf('http')] === 'http' && other[FIELDS.indexOf('http')] === '') {
        mine[FIELDS.indexOf('http')] = '';
      }
      assert.equal(mine, other, `${file} line ${at}`);
    });
  }
});

test('several fields in the order given, filters, a header on request, and nothing else', async () => {
  const plain = await wirebench([
    'inspect',
    NGINX,
    '-e',
    'frame.number',
    '-e',
    'http2.headers.path,ip.src',
    '-Y',
    'http2.headers.path',
  ]);
  assert.is(plain.code, 0);
  assert.is(plain.stdout, '10\t/\t127.0.0.1\n18\t/status/404\t127.0.0.1\n20\t/redirect/1\t127.0.0.1\n');
  const headed = await wirebench([
    'inspect',
    NGINX,
    '--columns',
    'tcp.seq,tcp.seq,frame.number',
    '--header',
    '-c',
    '1',
  ]);
  assert.is(headed.stdout, 'tcp.seq\ttcp.seq\tframe.number\n0\t0\t1\n');
  const verdicts = await wirebench([
    'inspect',
    join(projectRoot, 'fixtures/foreign/packets-missing.pcapng'),
    '-e',
    'wirebench.verdict',
  ]);
  assert.match(verdicts.stdout, 'previous-segment-lost');
});

test('nothing in a value ends a column, a line, or moves the cursor', () => {
  const value = 'a\tb\r\n\x1b[1m\x9b\x7f\u202e\\c';
  const packet = {
    number: 1,
    layers: [
      {
        name: 'http',
        fields: [
          { name: 'http.host', value },
          { name: 'http.host', value: 'd' },
        ],
      },
    ],
    verdicts: [],
    timeNs: 999_999_999n,
  } as unknown as InspectedPacket;
  const columns = new Columns(['http.host', 'http.date']);
  assert.is(columns.line(packet, 0n), 'a\\tb\\r\\n\\x1b[1m\\x9b\\x7f\\u202e\\c,d\t\n');
});

test('times have nine digits, before the first packet too', () => {
  const fields = [
    { name: 'frame.time_relative', value: 0 },
    { name: 'frame.time_epoch', value: 0 },
  ];
  const line = (timeNs: bigint | undefined): string =>
    new Columns(['frame.time_relative', 'frame.time_epoch']).line(
      { layers: [{ name: 'frame', fields }], verdicts: [], timeNs } as unknown as InspectedPacket,
      1_000_000_005n,
    );
  assert.is(line(1_000_000_006n), '0.000000001\t1.000000006\n');
  assert.is(line(5n), '-1.000000000\t0.000000005\n');
  assert.is(line(undefined), '\t\n');
});

test('unknown fields are wrong usage, with what may be meant', () => {
  const refused = (...words: string[]): string => refusal('inspect', 'a', ...words).whole;
  assert.is(refused('-e', 'ip.scr'), '--columns: unknown field "ip.scr". Did you mean ip.src?');
  assert.match(refused('-e', 'ip.src,,'), '--columns: unknown field ""');
  assert.match(refused('-e', 'nothing.like.it'), 'wirebench inspect --fields lists them.');
  assert.match(refused('--header'), '--header is for --columns');
  for (const [other, what] of [
    ['--json', '--json and --columns exclude each other. The lines of --json have all fields.'],
    ['--summary', '--summary and --columns exclude each other. Run it once for each.'],
    ['-x', '--hex is for the log'],
    ['-v', '--verbose is for the log'],
  ] as const) {
    assert.match(refused('-e', 'ip.src', other), what);
  }
  assert.match(refused('-e', 'ip.src', '-w', '-'), '--columns prints there');
  assert.equal(columnNames(INSPECTED_FIELDS.names()), INSPECTED_FIELDS.names());
});

test.run();
