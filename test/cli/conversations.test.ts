// `wirebench inspect --conversations`: the lines of TCP connections and UDP flows, held against tshark's, with filters, as JSON, and bounded.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { InspectedPacket } from '../../src/bench/inspect/types.js';
import { parseArguments, UsageError } from '../../src/cli/arguments.js';
import { Conversations } from '../../src/cli/conversations.js';
import type { TraceEvent } from '../../src/core/trace.js';
import { BLOCK } from '../../src/io/pcapng.js';
import { defaultCaptures } from '../support/against-tshark.js';
import { projectRoot, run, wirebench, withFolder } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('inspect --conversations');
const foreign = (name: string): string => join(projectRoot, 'fixtures/foreign', name);
const POST = foreign('node-h2-post.pcapng');

interface Row {
  readonly [name: string]: unknown;
}

async function rowsOf(file: string, ...words: string[]): Promise<Row[]> {
  const { code, stdout } = await wirebench(['inspect', file, '--conversations', '--json', ...words]);
  assert.is(code, 0);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
  assert.equal(lines[0], { schema: 1, kind: 'wirebench-inspect', capture: file });
  assert.is(lines.at(-1)!.kind, 'summary');
  return lines.slice(1, -1);
}

test('a table: a heading, a line for each connection, cells without spaces', async () => {
  const { code, stdout } = await wirebench(['inspect', POST, '--conversations']);
  assert.is(code, 0);
  const [headings, ...rows] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/));
  assert.is(
    headings!.join(' '),
    'stream first time duration protocol client server packets> bytes> <packets <bytes tls suite alpn name requests statuses verdicts end',
  );
  assert.equal(rows, [
    [
      ...['0', '1', '+0.000000', '0.023545', 'tcp', '127.0.0.1:40158', '127.0.0.1:443', '15', '31880', '12', '33101'],
      ...['TLS1.3', 'TLS_AES_256_GCM_SHA384', 'h2', '-', '1', '200', '-', 'RST'],
    ],
    [
      ...['1', '28', '+0.047428', '0.011094', 'tcp', '127.0.0.1:40160', '127.0.0.1:443', '12', '1627', '11', '3052'],
      ...['TLS1.3', 'TLS_AES_256_GCM_SHA384', 'h2', '-', '2', '200,404', '-', 'RST'],
    ],
  ]);
  const absolute = await wirebench(['inspect', POST, '--conversations', '-t', 'absolute']);
  assert.match(absolute.stdout, /^ +1 +28 {2}2026-11-26T\d\d:\d\d:\d\d\.\d{6}Z {2}0\.011094/m);
});

testWith(test, needCommands('tshark'), 'packets and bytes of each direction as tshark counts them', async () => {
  for (const file of defaultCaptures().filter((_, at) => at % 7 === 0)) {
    const { stdout } = await run('tshark', ['-r', file, '-q', '-z', 'conv,tcp']);
    const theirs = [...stdout.matchAll(/^(\S+) +<-> (\S+) +(.*)$/gm)].map(([, one, other, rest]) => {
      const numbers = rest!
        .replaceAll(' bytes', '')
        .replaceAll(/(\d) kB/g, '$1kB')
        .split(/\s+/);
      return [one, other, numbers[2], numbers[0]].join(' ');
    });
    const ours = (await rowsOf(file)).map(({ client, server, clientPackets, serverPackets }) =>
      [client, server, clientPackets, serverPackets].join(' ').replaceAll(/[[\]]/g, ''),
    );
    assert.equal(ours.sort(), theirs.map((line) => line.replaceAll(/[[\]]/g, '')).sort(), file);
  }
});

test('with a filter: which pass, and what passes of them', async () => {
  const rows = await rowsOf(POST, '-Y', 'tcp.stream == 1 && http2.type == HEADERS');
  assert.is(rows.length, 1);
  const { stream, requests, clientPackets, serverPackets, statuses, tls, end } = rows[0]!;
  assert.equal([stream, requests, statuses], [1, 2, { 200: 1, 404: 1 }]);
  assert.ok((clientPackets as number) < 12 && (serverPackets as number) < 11);
  // What the connection is does not depend on it.
  assert.equal([tls, end], [{ version: 'TLS1.3', cipherSuite: 'TLS_AES_256_GCM_SHA384', alpn: 'h2' }, 'RST']);
  assert.equal(await rowsOf(POST, 'udp'), []);
  assert.is((await wirebench(['inspect', POST, '--conversations', 'udp'])).stdout.split('\n').length, 2);
});

test('without keys the hellos tell version, suite and name', async () => {
  await withFolder(async (folder) => {
    const bare = join(folder, 'bare.pcapng');
    const bytes = readFileSync(foreign('s_server-hello-retry.pcapng'));
    const kept: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 4)) {
      const isSecret = bytes.readUInt32LE(at) === BLOCK.DECRYPTION_SECRETS;
      if (!isSecret) kept.push(bytes.subarray(at, at + bytes.readUInt32LE(at + 4)));
    }
    writeFileSync(bare, Buffer.concat(kept));
    const [row] = await rowsOf(bare);
    assert.is((row!.tls as Row).version, 'TLS1.3');
    assert.match(String((row!.tls as Row).cipherSuite), /^TLS_/);
    assert.equal(row!.verdicts, { 'no-keys': 1 });
  });
});

const segment = (number: number, dir: 'in' | 'out', flags: number, flow = 'a:1>b:2#0'): [InspectedPacket, boolean] => {
  const [src, dst] = dir === 'in' ? ['a:1', 'b:2'] : ['b:2', 'a:1'];
  const event = {
    layer: 'tcp',
    kind: 'segment',
    dir,
    flow,
    src,
    dst,
    seq: 0,
    ack: 0,
    flags,
    window: 0,
    length: 0,
  } as const;
  return [packetOf(number, event), true];
};

const packetOf = (number: number, ...events: TraceEvent[]): InspectedPacket => ({
  ...{ number, timeNs: BigInt(number), atUs: number, linkType: 1, bytes: new Uint8Array(60), originalLength: 60 },
  ...{
    fileOffset: 0,
    flow: undefined,
    layers: [],
    events,
    verdicts: [{ severity: 'note', layer: 'tcp', code: 'seen', text: '' }],
  },
});

const jsonOf = (conversations: Conversations): Row[] =>
  [...conversations.json()].map((line) => JSON.parse(line) as Row);

test('how a connection ended: both FIN, one FIN, RST, RST after both FIN, open', () => {
  const [FIN, RST, ACK] = [0x11, 0x04, 0x10];
  const ends: [readonly (readonly ['in' | 'out', number])[], string][] = [
    [
      [
        ['in', FIN],
        ['out', FIN],
      ],
      'FIN',
    ],
    [[['out', FIN]], 'half-closed'],
    [
      [
        ['in', ACK],
        ['out', RST],
      ],
      'RST',
    ],
    [
      [
        ['in', FIN],
        ['out', FIN],
        ['in', RST],
      ],
      'FIN',
    ],
    [[['in', ACK]], 'open'],
  ];
  for (const [steps, end] of ends) {
    const conversations = new Conversations();
    for (const [at, [dir, flags]] of steps.entries()) conversations.add(...segment(at + 1, dir, flags));
    assert.is(jsonOf(conversations)[0]!.end, end);
  }
});

test('UDP: a line for two ends, whoever sent first being the client', () => {
  const datagram = (srcPort: number, dstPort: number): TraceEvent => ({
    ...{
      layer: 'ip',
      kind: 'packet',
      dir: 'in',
      src: 'fd00::1',
      dst: 'fd00::2',
      protocol: 17,
      ttl: 1,
      length: 1,
      id: 0,
    },
    ...{ dontFragment: false, srcPort, dstPort },
  });
  const back: TraceEvent = { ...(datagram(53, 5353) as object), src: 'fd00::2', dst: 'fd00::1' } as TraceEvent;
  const conversations = new Conversations();
  conversations.add(packetOf(3, datagram(5353, 53)), true);
  conversations.add(packetOf(4, back), true);
  conversations.add(packetOf(5, datagram(5353, 53)), true);
  const [row, ...more] = jsonOf(conversations);
  assert.equal(more, []);
  assert.is(row!.client, '[fd00::1]:5353');
  assert.equal([row!.protocol, row!.clientPackets, row!.serverPackets, row!.first], ['udp', 2, 1, 3]);
  assert.equal([row!.verdicts, row!.durationUs, row!.time], [{ seen: 3 }, 2, '0.000000003']);
});

test('so many lines and no more; the rest is counted', () => {
  const conversations = new Conversations(2);
  for (let at = 0; at < 5; at++) conversations.add(...segment(at + 1, 'in', 2, `a:1>b:2#${at}`));
  const lines = [...conversations.table(0n, () => '+0')];
  assert.is(lines.length, 4);
  assert.is(lines[3], '3 packets of further conversations are not in the table\n');
});

test('it is one form of several', () => {
  for (const [other, what] of [
    ['--summary', '--summary and --conversations exclude each other'],
    ['-e=ip.src', '--columns and --conversations exclude each other'],
    ['-x', '--hex is for the log, and --conversations prints none'],
  ] as const) {
    try {
      parseArguments(['inspect', 'a', '--conversations', other], {});
      assert.unreachable(other);
    } catch (error) {
      assert.instance(error, UsageError);
      assert.match((error as UsageError).message, what);
    }
  }
});

test.run();
