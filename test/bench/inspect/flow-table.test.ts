// The connections of a capture: who is the client, when a new connection begins on the ports of an old one, and that no capture
// makes us follow more of them than the bound says.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FlowTable, type FoundFlow } from '../../../src/bench/inspect/flow-table.js';
import { inspectLimits } from '../../../src/bench/inspect/limits.js';
import { PacketView } from '../../../src/bench/inspect/packet-view.js';
import type { TcpFlow } from '../../../src/bench/inspect/tcp-flow.js';
import type { PacketSink } from '../../../src/bench/inspect/types.js';
import { decodeSegment, emptySegment } from '../../../src/core/tcp/segment.js';
import { ACK, FIN, RST, SYN, tcpFrame } from '../../support/frames.js';
import { ip6Frame } from '../../support/frames6.js';

const test = suite('the connections of a capture');

const CLIENT = '10.0.0.1';
const SERVER = '10.0.0.2';
const SILENT: PacketSink = {
  wantsFields: false,
  wantsEvents: false,
  event: () => {},
  layer: () => {},
  verdict: () => {},
};

/** No packet here has data. */
function noReader(): never {
  throw new Error('there is no data to read');
}

/** A table, and packets for it: each is found, and taken by its connection. */
function setUp(): {
  table: FlowTable;
  ended: TcpFlow[];
  see(from: string, to: string, flags: number, seq?: number, ack?: number): FoundFlow;
  give(frame: Uint8Array): FoundFlow;
} {
  const ended: TcpFlow[] = [];
  const table = new FlowTable((flow) => void ended.push(flow));
  const view = new PacketView();
  const segment = emptySegment();
  let packet = 0;
  const give = (frame: Uint8Array): FoundFlow => {
    view.read(101, frame);
    decodeSegment(view.upper, view.upperAt, view.upperEnd, segment);
    const found = table.find(view, segment, ++packet);
    found.flow.take(
      found.fromClient ? 'in' : 'out',
      segment,
      view.upper,
      segment.payloadLength,
      packet,
      SILENT,
      noReader,
    );
    return found;
  };
  const see = (from: string, to: string, flags: number, seq = 0, ack = 0): FoundFlow => {
    const [source, sourcePort] = from.split(':') as [string, string];
    const [destination, destinationPort] = to.split(':') as [string, string];
    const ports = { sourcePort: Number(sourcePort), destinationPort: Number(destinationPort) };
    return give(tcpFrame({ source, destination, ...ports, seq, ack, flags, window: 1000 }));
  };
  return { table, ended, see, give };
}

const C = `${CLIENT}:49152`;
const S = `${SERVER}:443`;

test('both directions are one connection, named after who sent the SYN', () => {
  const { table, see } = setUp();
  const syn = see(C, S, SYN, 100);
  assert.ok(syn.isNew && syn.fromClient && !syn.reused);
  assert.is(syn.flow.names.flow, `${C}>${S}#0`);
  assert.not.ok(syn.flow.midstream);
  const answer = see(S, C, SYN | ACK, 500, 101);
  assert.is(answer.flow, syn.flow);
  assert.not.ok(answer.fromClient || answer.isNew);
  assert.is(see(C, S, ACK, 101, 501).flow, syn.flow);
  assert.is(table.made, 1);
  assert.is([...table.all()].length, 1);
});

test('another port, another address, or the ends swapped: another connection', () => {
  const { table, see } = setUp();
  const flows = [
    see(C, S, SYN),
    see(`${CLIENT}:49153`, S, SYN),
    see('10.0.0.3:49152', S, SYN),
    see(C, `${SERVER}:444`, SYN),
    see(`${CLIENT}:443`, `${SERVER}:49152`, SYN),
  ].map(({ flow }) => flow);
  assert.is(new Set(flows).size, flows.length);
  assert.equal(
    flows.map(({ index }) => index),
    [0, 1, 2, 3, 4],
  );
  assert.is([...table.all()].length, flows.length);
});

test('the ports of a connection that is over are used again by its server, or by a client whose SYN the capture lacks', () => {
  const isOver = (): ReturnType<typeof setUp> => {
    const made = setUp();
    made.see(C, S, SYN, 100);
    made.see(S, C, SYN | ACK, 500, 101);
    made.see(C, S, FIN | ACK, 101, 501);
    made.see(S, C, FIN | ACK, 501, 102);
    assert.not.ok(made.see(S, C, SYN | ACK, 500, 101).isNew, 'the old SYN-ACK again');
    return made;
  };
  const swapped = isOver().see(S, C, SYN, 9000);
  assert.ok(swapped.isNew && swapped.reused && swapped.fromClient);
  assert.is(swapped.flow.names.flow, `${S}>${C}#0`);
  const lacking = isOver().see(S, C, SYN | ACK, 7000, 6001);
  assert.ok(lacking.isNew && lacking.reused && !lacking.fromClient);
  assert.is(lacking.flow.names.flow, `${C}>${S}#1`);
  const middle = setUp();
  assert.not.ok(middle.see(`${CLIENT}:4000`, `${SERVER}:5000`, ACK).fromClient);
  const opened = middle.see(`${CLIENT}:4000`, `${SERVER}:5000`, SYN, 9000);
  assert.ok(opened.isNew && opened.fromClient, 'who began in the middle was a guess');
  const live = setUp();
  live.see(C, S, SYN, 100);
  live.see(S, C, SYN | ACK, 500, 101);
  assert.not.ok(live.see(S, C, SYN | ACK, 7000, 6001).isNew);
  assert.not.ok(live.see(S, C, SYN, 7000).isNew);
});

// biome-ignore format: a table
const BEGINNINGS: readonly (readonly [name: string, from: string, to: string, flags: number, client: string])[] = [
  ['SYN',                         S, C, SYN,       S],
  ['SYN-ACK',                     C, S, SYN | ACK, S],
  ['data to a known port',        C, S, ACK,       C],
  ['data from a known port',      S, C, ACK,       C],
  ['data to the lower port',      `${CLIENT}:5000`, `${SERVER}:4000`, ACK, `${CLIENT}:5000`],
  ['data from the lower port',    `${CLIENT}:4000`, `${SERVER}:5000`, ACK, `${SERVER}:5000`],
];
for (const [name, from, to, flags, client] of BEGINNINGS) {
  test(`who is the client when a capture begins with ${name}`, () => {
    const { flow } = setUp().see(from, to, flags);
    assert.is(flow.names.client, client);
    assert.is(flow.midstream, (flags & SYN) === 0);
  });
}

test('a SYN again is the same connection; one with another number after it was answered is a new one', () => {
  const { table, ended, see } = setUp();
  const first = see(C, S, SYN, 100);
  assert.is(see(C, S, SYN, 100).flow, first.flow);
  see(S, C, SYN | ACK, 500, 101);
  assert.is(see(C, S, SYN, 100).flow, first.flow, 'a retransmission');
  see(C, S, ACK, 101, 501);
  const second = see(C, S, SYN, 90_000);
  assert.ok(second.isNew && second.reused);
  assert.is(second.flow.names.flow, `${C}>${S}#1`);
  assert.equal(ended, [first.flow]);
  assert.is(see(S, C, SYN | ACK, 700, 90_001).flow, second.flow);
  assert.equal([...table.all()], [second.flow]);
});

test('ports are used again after RST and after FINs of both', () => {
  for (const closing of [[[C, S, RST] as const], [[C, S, FIN | ACK] as const, [S, C, FIN | ACK] as const]]) {
    const { see } = setUp();
    see(C, S, SYN, 100);
    see(S, C, SYN | ACK, 500, 101);
    for (const [from, to, flags] of closing) see(from, to, flags, from === C ? 101 : 501, from === C ? 501 : 101);
    const again = see(C, S, SYN, 7);
    assert.ok(again.reused);
    assert.is(again.flow.names.flow, `${C}>${S}#1`);
  }
});

test('a SYN on the ports of a connection that began before the capture is a new one', () => {
  const { see } = setUp();
  see(C, S, ACK, 100, 100);
  const found = see(C, S, SYN, 5000);
  assert.ok(found.reused && !found.flow.midstream);
});

test('the direction of a packet is known without taking it', () => {
  const { table, see } = setUp();
  const frame = (from: readonly [string, number], to: readonly [string, number]): PacketView => {
    const view = new PacketView();
    const ends = { source: from[0], sourcePort: from[1], destination: to[0], destinationPort: to[1] };
    view.read(101, tcpFrame({ ...ends, seq: 0, ack: 0, flags: ACK, window: 0 }));
    return view;
  };
  see(C, S, SYN);
  assert.is(table.peek(frame([CLIENT, 49152], [SERVER, 443])), 'in');
  assert.is(table.peek(frame([SERVER, 443], [CLIENT, 49152])), 'out');
  assert.is(table.peek(frame([CLIENT, 49153], [SERVER, 443])), undefined);
  assert.is(table.known(frame([SERVER, 443], [CLIENT, 49152]))?.names.client, C);
});

test('IPv6 ends have brackets', () => {
  const { give } = setUp();
  const segment = tcpFrame({
    ...{ source: CLIENT, destination: SERVER, sourcePort: 49152, destinationPort: 443 },
    ...{ seq: 0, ack: 0, flags: SYN, window: 1000 },
  }).subarray(20);
  assert.is(give(ip6Frame('fd00::1', 'fd00::2', 6, segment)).flow.names.flow, '[fd00::1]:49152>[fd00::2]:443#0');
});

const client = (index: number): string => `10.1.${index >>> 8}.${index & 0xff}:49152`;

test('connections that are over make room first, without being counted as forgotten; a sixteenth goes at once', () => {
  const { table, ended, see } = setUp();
  const last = inspectLimits.conversations - 1;
  for (let index = 0; index <= last; index++) see(client(index), S, SYN, 1);
  see(client(5), S, RST, 2);
  see(client(last), S, RST, 2);
  see(client(last + 1), S, SYN, 1);
  const gone = inspectLimits.conversations >>> 4;
  assert.equal(
    ended.slice(0, 4).map(({ names }) => names.client),
    [client(5), client(last), client(0), client(1)],
  );
  assert.is(ended.length, gone);
  assert.is(table.forgotten, gone - 2);
  assert.is([...table.all()].length, inspectLimits.conversations - gone + 1);
});

test('else those that were silent for longest, and they are counted; a flood stays within the bound', () => {
  const { table, ended, see } = setUp();
  for (let index = 0; index < inspectLimits.conversations; index++) see(client(index), S, SYN, 1);
  // The first one is heard of again.
  see(S, client(0), SYN | ACK, 9, 2);
  for (let index = 0; index < 3000; index++) {
    see(client(inspectLimits.conversations + index), S, SYN, 1);
    assert.ok(table.made - ended.length <= inspectLimits.conversations);
  }
  assert.ok(table.forgotten > 0);
  assert.is(table.forgotten, ended.length);
  assert.not.ok(ended.some(({ names }) => names.client === client(0)));
  assert.is(ended[0]!.names.client, client(1));
  // One that was forgotten is met again: in its middle.
  const again = see(client(1), S, ACK, 2, 10);
  assert.ok(again.isNew && again.flow.midstream && !again.reused);
  assert.is(again.flow.names.flow, `${client(1)}>${S}#1`);
});

test('names stay unique where there are more pairs of ends than are counted', () => {
  const { see } = setUp();
  const names = new Set<string>();
  let made = 0;
  const open = (index: number, seq: number): string => {
    const found = see(`10.${index >>> 16}.${(index >>> 8) & 0xff}.${index & 0xff}:49152`, S, SYN, seq);
    if (found.isNew) made++;
    names.add(found.flow.names.flow);
    return found.flow.names.flow;
  };
  for (let index = 0; index < inspectLimits.countedPairs; index++) open(index, 1);
  for (let round = 0; round < 3; round++) {
    for (let index = inspectLimits.countedPairs; index < inspectLimits.countedPairs + 25_000; index++)
      open(index, round);
  }
  assert.is(open(7, 9), '10.0.0.7:49152>10.0.0.2:443#1');
  assert.is(names.size, made);
  assert.ok(made > inspectLimits.countedPairs + 50_000);
});

test.run();
