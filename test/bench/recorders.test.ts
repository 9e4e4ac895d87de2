// Socket events on their way into a recording: which flows are held, and for how long.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamPackets, streamRecorder } from '../../src/bench/recorders.js';
import { RecordingWriter } from '../../src/bench/recording.js';
import { replayRecording } from '../../src/bench/replay.js';
import { type SocketEvent, SocketEventReader, synthesisLimits } from '../../src/bench/synthesis.js';
import { assembleStreams } from '../../src/io/assemble.js';
import { scratch } from '../support/captures.js';
import { siteIdentity } from '../support/site-run.js';

const test = suite('recorders');
const place = scratch();

const open = (flow: number): SocketEvent => ({
  kind: 'open',
  flow,
  peer: { address: '127.0.0.1', port: 1024 + (flow % 60_000) },
  local: { address: '127.0.0.1', port: 443 },
});

/** A short connection as tcp mode sees it: the last acknowledgement comes when the socket has written everything. */
const shortLife = (flow: number): SocketEvent[] => [
  open(flow),
  { kind: 'data', flow, dir: 'in', bytes: new Uint8Array(3) },
  { kind: 'data', flow, dir: 'out', bytes: new Uint8Array(5) },
  { kind: 'fin', flow, dir: 'in' },
  { kind: 'fin', flow, dir: 'out' },
  { kind: 'acknowledged', flow, bytes: 5 },
];

test('a connection outlives more others than may be open at once', () => {
  const packets = new StreamPackets();
  const reader = new SocketEventReader();
  const events: SocketEvent[] = [];
  const pass = (event: SocketEvent): void => {
    for (const packet of packets.of(event)) {
      const read = reader.read(packet.dir, packet.data);
      if (read?.flow === 0) events.push(read);
    }
  };
  pass(open(0));
  for (let flow = 1; flow <= synthesisLimits.flows + 1; flow++) for (const event of shortLife(flow)) pass(event);
  pass({ kind: 'data', flow: 0, dir: 'in', bytes: Uint8Array.of(7) });
  assert.is(events.length, 2);
  assert.equal(events[1], { kind: 'data', flow: 0, dir: 'in', bytes: Uint8Array.of(7) });
});

test('what is said of a connection behind its end is left out', () => {
  const packets = new StreamPackets();
  for (const event of shortLife(3)) packets.of(event);
  assert.equal(packets.of({ kind: 'reset', flow: 3, dir: 'in' }), []);
  packets.of(open(4));
  assert.is(packets.of({ kind: 'reset', flow: 4, dir: 'in' }).length, 1);
  assert.equal(packets.of({ kind: 'data', flow: 4, dir: 'out', bytes: new Uint8Array(1) }), []);
});

test('a run that refuses connections, by their port or at its end, is recorded so that it replays', async () => {
  const file = place.path('refused.pcapng');
  const identity = siteIdentity('tcp');
  const recorder = streamRecorder(
    new RecordingWriter(file, {
      format: 1,
      wirebench: 'test',
      seed: Buffer.from(identity.seed).toString('hex'),
      config: identity.config,
      startUnixUs: identity.startUnixUs,
    }),
  );
  const streams = assembleStreams(identity);
  const connect = (atUs: number, stream: number, localPort: number): void => {
    const addresses = { localAddress: '127.0.0.1', remoteAddress: '127.0.0.1' };
    const input = { kind: 'open', stream, localPort, remotePort: 50_000 + stream, ...addresses } as const;
    recorder.input(atUs, input);
    streams.receive(atUs, input);
    flush();
  };
  const flush = (): void => {
    for (let out = streams.poll(); out !== undefined; out = streams.poll()) recorder.output(out);
  };
  connect(1_000, 0, 81);
  connect(2_000, 1, 80);
  streams.close(3_000);
  recorder.event('close', 3_000);
  flush();
  connect(4_000, 2, 80);
  recorder.event('end', 5_000);
  recorder.close();
  const { difference, packets, complete } = await replayRecording(file);
  assert.is(difference, undefined);
  // Three openings of three packets, two resets, and the end of the one that was taken.
  assert.equal([packets, complete], [12, true]);
});

test.run();
