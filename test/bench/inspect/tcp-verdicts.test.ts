// What is said of a segment, one short connection for each rule of docs/inspect.md. Each line is a packet: when (ms), who sends it
// (c or s), flags, first byte and length, acknowledgment and window, and behind the bar what is to be said of it. Numbers are
// relative to the first of either side. Where tshark is at hand it says the same of every packet.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { analysisFields } from '../../../src/bench/inspect/packet-fields.js';
import { Inspector } from '../../../src/bench/inspect/packets.js';
import type { ConversationReader, InspectedPacket } from '../../../src/bench/inspect/types.js';
import type { Direction } from '../../../src/core/trace.js';
import { text } from '../../support/bytes.js';
import { pcapFile, run, scratch } from '../../support/captures.js';
import { ACK, FIN, PSH, RST, SYN, tcpFrame } from '../../support/frames.js';
import { needCommands, testWith } from '../../support/needs.js';

const test = suite('verdicts on TCP segments');

const FLAGS = new Map(Object.entries({ S: SYN, F: FIN, R: RST, P: PSH, '.': ACK }));
/** Numbers wrap in the middle of a connection. */
const FIRST = { c: 0xffff_ff00, s: 0x7fff_ff00 };

interface Line {
  readonly atUs: number;
  readonly frame: Uint8Array;
  readonly said: string[];
  readonly line: string;
}

/** `0 c S 0:0 ack 0 win 1000 wscale 2 port 5000 fill X | verdict, verdict` */
function linesOf(script: string): Line[] {
  return script
    .trim()
    .split('\n')
    .map((row) => {
      const line = row.trim();
      const [packet = '', verdicts = ''] = line.split('|');
      const [ms, side, flags, numbers, ...rest] = packet.trim().split(/\s+/);
      const option = (name: string): string | undefined =>
        rest.includes(name) ? rest[rest.indexOf(name) + 1] : undefined;
      const [seq, length] = numbers!.split(':').map(Number) as [number, number];
      const own = side as 'c' | 's';
      const peer = own === 'c' ? 's' : 'c';
      const bits = [...flags!].reduce((sum, flag) => sum | FLAGS.get(flag)!, 0);
      const scale = option('wscale');
      const ports = [Number(option('port') ?? 49152), 443] as const;
      const first = Number(option('isn') ?? FIRST[own]);
      const frame = tcpFrame({
        source: own === 'c' ? '10.0.0.1' : '10.0.0.2',
        destination: own === 'c' ? '10.0.0.2' : '10.0.0.1',
        sourcePort: own === 'c' ? ports[0] : ports[1],
        destinationPort: own === 'c' ? ports[1] : ports[0],
        seq: (first + seq) >>> 0,
        ack: (bits & ACK) === 0 ? 0 : (FIRST[peer] + Number(option('ack'))) >>> 0,
        flags: bits,
        window: Number(option('win') ?? 1000),
        windowScale: scale === undefined ? undefined : Number(scale),
        payload: new Uint8Array(length).fill((option('fill') ?? 'a').charCodeAt(0)),
      });
      const said = verdicts
        .split(',')
        .map((code) => code.trim())
        .filter((code) => code !== '');
      return { atUs: Number(ms) * 1000, frame, said, line };
    });
}

interface Streams {
  in: string;
  out: string;
  ended: Direction[];
}

/** Runs the packets through the inspector; the streams that come of them are written down, `[n]` for a gap. */
function inspect(lines: readonly Line[]): { packets: InspectedPacket[]; streams: Streams } {
  const streams: Streams = { in: '', out: '', ended: [] };
  const reader: ConversationReader = {
    push(dir, bytes) {
      assert.not.ok(streams.ended.includes(dir), 'nothing comes behind the end');
      streams[dir] += text(bytes);
    },
    gap(dir, length) {
      streams[dir] += `[${length}]`;
    },
    end: (dir) => void streams.ended.push(dir),
  };
  const inspector = new Inspector({ keys: createKeyStore(), fields: true, createConversation: () => reader });
  const packets = lines.map(
    ({ atUs, frame }, at) =>
      inspector.take({
        kind: 'packet',
        index: at + 1,
        timeNs: BigInt(atUs) * 1000n,
        direction: undefined,
        linkType: 101,
        data: frame,
        originalLength: frame.length,
        fileOffset: 0,
      })!,
  );
  inspector.end();
  return { packets, streams };
}

const HANDSHAKE = `
    0 c S   0:0 win 1000 wscale 0
    5 s S.  0:0 ack 1 win 1000 wscale 0
   10 c .   1:0 ack 1 win 1000`;

const ZERO_WINDOW = `${HANDSHAKE}
   20 c P.  1:100 ack 1
   30 s .   1:0 ack 101 win 0     | zero-window`;

const SCRIPTS: Readonly<Record<string, string>> = {
  'nothing is said of a connection where all goes well': `${HANDSHAKE}
   20 c P.  1:100 ack 1
   21 s .   1:0 ack 101
   30 s P.  1:200 ack 101
   31 c .   101:0 ack 201
   40 c F.  101:0 ack 201
   41 s F.  201:0 ack 102
   42 c .   102:0 ack 202`,

  'a segment again after the timeout': `${HANDSHAKE}
   20 c P.  1:100 ack 1
  320 c P.  1:100 ack 1           | retransmission
  330 s .   1:0 ack 101`,

  'SYN and SYN-ACK again': `
    0 c S   0:0
 1000 c S   0:0                   | retransmission
 1005 s S.  0:0 ack 1
 2005 s S.  0:0 ack 1             | retransmission
 2010 c .   1:0 ack 1`,

  'FIN again': `${HANDSHAKE}
   20 c F.  1:0 ack 1
  320 c F.  1:0 ack 1             | retransmission`,

  'a segment after three duplicate ACKs': `${HANDSHAKE}
   20 c .   1:100 ack 1
   21 c .   201:100 ack 1         | previous-segment-lost
   22 c .   301:100 ack 1
   23 c .   401:100 ack 1
   25 s .   1:0 ack 101
   26 s .   1:0 ack 101           | duplicate-ack
   27 s .   1:0 ack 101           | duplicate-ack
   28 s .   1:0 ack 101           | duplicate-ack
   30 c .   101:100 ack 1         | fast-retransmission
   35 s .   1:0 ack 501`,

  'a segment again that was acknowledged already': `${HANDSHAKE}
   20 c P.  1:100 ack 1
   25 s .   1:0 ack 101
  320 c P.  1:100 ack 1           | spurious-retransmission`,

  'segments that overtook each other': `${HANDSHAKE}
   20 c .   101:100 ack 1         | previous-segment-lost
   21 c .   1:100 ack 1           | out-of-order
   25 s .   1:0 ack 201`,

  'a segment that is missing, and comes much later': `${HANDSHAKE}
   20 c .   101:100 ack 1         | previous-segment-lost
  320 c .   1:100 ack 1           | retransmission`,

  'an acknowledgment of what the capture lacks': `${HANDSHAKE}
   20 c .   1:100 ack 1
   25 s .   1:0 ack 301           | acked-unseen
   30 c .   301:100 ack 1         | previous-segment-lost`,

  'a window that closes and opens': `${ZERO_WINDOW}
  100 s .   1:0 ack 101 win 800   | window-update
  110 c P.  101:100 ack 1
  111 s .   1:0 ack 201 win 800`,

  'probes of a closed window': `${ZERO_WINDOW}
  230 c .   101:1 ack 1           | zero-window-probe
  235 s .   1:0 ack 101 win 0     | zero-window, zero-window-probe-ack
  630 c .   101:1 ack 1           | zero-window-probe
  635 s .   1:0 ack 101 win 0     | zero-window, zero-window-probe-ack
  700 s .   1:0 ack 101 win 1000  | window-update
  710 c .   101:100 ack 1`,

  'data up to the edge of the window': `${HANDSHAKE}
   20 c .   1:500 ack 1
   21 c .   501:500 ack 1         | window-full
   25 s .   1:0 ack 1001 win 1000`,

  'the edge of the window of a SYN-ACK, which is not scaled': `
    0 c S   0:0 win 1000 wscale 2
    5 s S.  0:0 ack 1 win 500 wscale 2
   10 c .   1:0 ack 1 win 1000
   20 c .   1:500 ack 1           | window-full`,

  'the edge of a window where neither side scales': `
    0 c S   0:0 win 1000
    5 s S.  0:0 ack 1 win 1000
   10 c .   1:0 ack 1 win 1000
   20 c .   1:500 ack 1
   21 c .   501:500 ack 1         | window-full`,

  'the edge of a window where one side alone offers to scale': `
    0 c S   0:0 win 1000 wscale 3
    5 s S.  0:0 ack 1 win 1000
   10 c .   1:0 ack 1 win 1000
   20 c .   1:500 ack 1
   21 c .   501:500 ack 1         | window-full`,

  'the edge of a scaled window': `
    0 c S   0:0 win 1000 wscale 2
    5 s S.  0:0 ack 1 win 1000 wscale 2
   10 c .   1:0 ack 1 win 100
   20 s .   1:200 ack 1
   21 s .   201:200 ack 1         | window-full`,

  'keep-alives with and without a byte': `${HANDSHAKE}
   20 c P.  1:100 ack 1
   25 s .   1:0 ack 101
 9000 c .   100:0 ack 1           | keep-alive
 9005 s .   1:0 ack 101           | keep-alive-ack
19000 c .   100:1 ack 1           | keep-alive
19005 s .   1:0 ack 101           | keep-alive-ack`,

  'a new connection on the ports of one that is over': `${HANDSHAKE}
   20 c R.  1:0 ack 1
   50 c S   100000:0              | port-reused
   55 s S.  0:0 ack 100001
   60 c .   100001:0 ack 1`,

  'other ports are no reuse': `${HANDSHAKE}
   20 c R.  1:0 ack 1
   50 c S   100000:0 port 49153`,

  'a connection that is refused': `
    0 c S   0:0
    5 s R.  0:0 ack 1             | connection-refused`,

  'the middle of a connection': `
    0 c P.  1:100 ack 1           | begins-in-the-middle
    5 s .   1:0 ack 101`,
};

for (const [name, script] of Object.entries(SCRIPTS)) {
  test(name, () => {
    const lines = linesOf(script);
    const { packets } = inspect(lines);
    for (const [at, { line, said }] of lines.entries()) {
      assert.equal(packets[at]!.verdicts.map(({ code }) => code).sort(), [...said].sort(), line);
    }
  });
}

const NAMES = ['retransmission', 'fast_retransmission', 'spurious_retransmission', 'out_of_order', 'lost_segment']
  .concat(['ack_lost_segment', 'duplicate_ack', 'zero_window', 'zero_window_probe', 'zero_window_probe_ack'])
  .concat(['window_full', 'window_update', 'keep_alive', 'keep_alive_ack', 'reused_ports']);

testWith(test, needCommands('tshark'), 'tshark says the same of all of them', () => {
  const files = scratch();
  for (const [name, script] of Object.entries(SCRIPTS)) {
    const lines = linesOf(script);
    const records = lines.map(({ atUs, frame }) => [Math.floor(atUs / 1e6), atUs % 1e6, frame] as const);
    const file = files.write('script.pcap', pcapFile(records));
    const fields = NAMES.flatMap((field) => ['-e', `tcp.analysis.${field}`]);
    const rows = run('tshark', '-r', file, '-T', 'fields', ...fields)
      .replace(/\n$/, '')
      .split('\n');
    for (const [at, { line, said }] of lines.entries()) {
      const values = rows[at]!.split('\t');
      const theirs = NAMES.filter((_, place) => (values[place] ?? '') !== '').map((field) => `tcp.analysis.${field}`);
      const ours = said.flatMap((code) => analysisFields(code));
      assert.equal(theirs.sort(), [...ours].sort(), `${name}: ${line}`);
    }
  }
});

test('of bytes that came twice the first copy counts, whatever the second holds', () => {
  const { packets, streams } = inspect(
    linesOf(`${HANDSHAKE}
   20 c .   1:4 ack 1 fill a
  320 c .   1:6 ack 1 fill b
  330 c .   11:4 ack 1 fill c
  331 c .   5:8 ack 1 fill d
  340 s .   1:0 ack 15`),
  );
  assert.is(streams.in, 'aaaabbddddcccc');
  assert.equal(
    packets[4]!.verdicts.map(({ code }) => code),
    ['retransmission'],
  );
});

test('a piece within one that waits already adds nothing; one around it fills both sides', () => {
  const within = linesOf(`${HANDSHAKE}
   20 c .   5:6 ack 1 fill a
   21 c .   7:2 ack 1 fill b
   22 c .   1:4 ack 1 fill c`);
  assert.is(inspect(within).streams.in, 'ccccaaaaaa');
  const around = linesOf(`${HANDSHAKE}
   20 c .   7:2 ack 1 fill a
   21 c .   5:6 ack 1 fill b
   22 c .   1:4 ack 1 fill c`);
  assert.is(inspect(around).streams.in, 'ccccbbaabb');
});

test('a FIN behind a hole ends the stream when the hole is filled, and not before', () => {
  const lines = linesOf(`${HANDSHAKE}
   20 c F.  5:4 ack 1 fill b
   40 s .   1:0 ack 1
   60 c .   1:4 ack 1 fill a`);
  assert.equal(inspect(lines.slice(0, 4)).streams, { in: '[4]bbbb', out: '', ended: ['in', 'out'] });
  const before = inspect(lines);
  assert.is(before.streams.in, 'aaaabbbb');
  assert.equal(before.streams.ended, ['in', 'out']);
});

test('a FIN alone behind a hole waits for it, too', () => {
  const { streams } = inspect(
    linesOf(`${HANDSHAKE}
   20 c F.  5:0 ack 1
   60 c .   1:4 ack 1 fill a
   70 s P.  1:2 ack 6 fill z`),
  );
  assert.is(streams.in, 'aaaa');
  assert.is(streams.out, 'zz');
});

test('a FIN behind a hole that the capture lacks ends the stream when it is acknowledged', () => {
  for (const length of [0, 2]) {
    const { streams } = inspect(
      linesOf(`${HANDSHAKE}
   10 s P.  1:1 ack 1 fill s
   20 c F.  5:${length} ack 2 fill b
   30 s F.  2:0 ack ${6 + length}
   40 c S   100000:0`),
    );
    assert.is(streams.in, length === 0 ? '[4]' : '[4]bb');
    assert.equal(streams.ended, ['in', 'out']);
  }
});

test('a hole that was acknowledged is passed over: the capture lacks it', () => {
  const { streams } = inspect(
    linesOf(`${HANDSHAKE}
   20 c .   1:4 ack 1 fill a
   21 c .   11:4 ack 1 fill b
   25 s .   1:0 ack 15
   30 c .   15:2 ack 1 fill c`),
  );
  assert.is(streams.in, 'aaaa[6]bbbbcc');
});

test('a RST outside of the window ends nothing: its receiver drops it (RFC 9293 §3.10.7.4)', () => {
  for (const seq of [-5000, 3000]) {
    const { streams } = inspect(
      linesOf(`${HANDSHAKE}
   20 c .   1:4 ack 1 fill a
   25 s .   1:0 ack 5
   30 c R   ${seq}:0
   40 c .   5:2 ack 1 fill c`),
    );
    assert.is(streams.in, 'aaaacc');
  }
  const inWindow = inspect(
    linesOf(`${HANDSHAKE}
   20 c .   1:4 ack 1 fill a
   25 s .   1:0 ack 5
   30 c R   5:0`),
  );
  assert.equal(inWindow.streams.ended, ['in', 'out']);
});

test('a SYN-ACK tells where both streams begin, when the capture lacks the SYN or has it later', () => {
  const behind = `
    5 s S.  0:0 ack 1
   10 c .   1:0 ack 1
   20 c .   5:4 ack 1 fill b
   21 c .   1:4 ack 1 fill a
   30 s .   1:0 ack 9`;
  assert.is(inspect(linesOf(behind)).streams.in, 'aaaabbbb');
  const lost = inspect(linesOf(behind.replace(/.*fill a\n/, '')));
  assert.is(lost.streams.in, '[4]bbbb');
  const late = inspect(linesOf(behind.replace('10 c .', '6 c S   0:0\n   10 c .')));
  assert.is(late.streams.in, 'aaaabbbb');
  assert.is(new Set(late.packets.map(({ flow }) => flow)).size, 1);
});

test('text of a RST is no part of the stream (RFC 9293 §3.5.3)', () => {
  const { streams } = inspect(
    linesOf(`${HANDSHAKE}
   20 c .   1:4 ack 1 fill a
   30 c R   5:4 fill r`),
  );
  assert.is(streams.in, 'aaaa');
});

test('what is behind the FIN is none of the connection, and does not keep the stream from its end', () => {
  const { streams } = inspect(
    linesOf(`${HANDSHAKE}
   15 c .   1000000:4 ack 1 fill x
   20 c F.  1:4 ack 1 fill a
   30 s F.  1:0 ack 6
   40 c .   6:0 ack 2
   50 c S   100000:0`),
  );
  assert.is(streams.in, 'aaaa');
  assert.equal(streams.ended, ['in', 'out']);
});

test('the byte of a probe counts once it is accepted', () => {
  const { streams } = inspect(
    linesOf(`${ZERO_WINDOW}
  230 c .   101:1 ack 1 fill x
  235 s .   1:0 ack 102 win 1000
  240 c .   102:2 ack 1 fill y`),
  );
  assert.is(streams.in, `${'a'.repeat(100)}xyy`);
});

test('a segment whose checksum is wrong is told and not taken', () => {
  const lines = linesOf(`${HANDSHAKE}
   20 c P.  1:4 ack 1 fill a
  320 c P.  1:4 ack 1 fill b`);
  lines[3]!.frame[40]! ^= 0xff;
  const { packets, streams } = inspect(lines);
  assert.equal(
    packets[3]!.verdicts.map(({ code }) => code),
    ['bad-checksum'],
  );
  assert.equal(packets[4]!.verdicts, []);
  assert.is(streams.in, 'bbbb');
});

test('an acknowledgment again is no duplicate when nothing is outstanding (RFC 5681 §2)', () => {
  // tshark calls the last one a duplicate.
  const { packets } = inspect(
    linesOf(`${HANDSHAKE}
   20 c P.  1:100 ack 1
   25 s .   1:0 ack 101
  320 c P.  1:100 ack 1
  325 s .   1:0 ack 101`),
  );
  assert.equal(packets.at(-1)!.verdicts, []);
});

test('each verdict has the fields of Wireshark that ask for it', () => {
  const lines = linesOf(SCRIPTS['a segment after three duplicate ACKs']!);
  const { packets } = inspect(lines);
  const tcp = packets[11]!.layers.find(({ name }) => name === 'tcp')!;
  const names = tcp.fields.map(({ name }) => name).filter((name) => name.startsWith('tcp.analysis.'));
  // The round trip is told wherever something else is.
  const expected = ['fast_retransmission', 'flags', 'initial_rtt', 'retransmission'].map(
    (name) => `tcp.analysis.${name}`,
  );
  assert.equal(names.sort(), expected);
});

test.run();
