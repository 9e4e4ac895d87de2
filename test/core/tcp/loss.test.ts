// Random loss, duplication, delay and reordering over many seeds in virtual time: every byte arrives in order, every
// connection ends, nothing stalls.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createStack } from '../../../src/core/stack.js';
import { testRandom } from '../../support/bytes.js';
import { hashRandomSource } from '../../support/random.js';
import { StubSession } from '../../support/stub-session.js';
import { exchange, type NetworkOptions, TcpPeer } from '../../support/tcp-peer.js';

const test = suite('loss');

interface Case {
  readonly upload: number;
  readonly download: number;
  readonly window: number;
  readonly mss: number;
  readonly echo: boolean;
  readonly room: number;
  readonly network: NetworkOptions;
}

function run(wanted: Case): void {
  let session: StubSession | undefined;
  const create = (): StubSession => {
    session = new StubSession({
      echo: wanted.echo,
      source: wanted.download,
      closeAfterInput: true,
      room: wanted.room,
    });
    return session;
  };
  const stack = createStack(
    { localAddress: '10.0.0.2', mtu: 1500, services: new Map([[80, create]]) },
    { random: hashRandomSource(wanted.network.seed) },
  );
  const peer = new TcpPeer({
    address: '10.0.0.1',
    server: '10.0.0.2',
    port: 50_000,
    serverPort: 80,
    isn: Math.imul(wanted.network.seed, 0x9e3779b1) >>> 0,
    upload: wanted.upload,
    window: wanted.window,
    mss: wanted.mss,
    closeFirst: true,
  });
  const { endUs } = exchange(stack, [peer], wanted.network);
  const label = JSON.stringify(wanted);
  assert.is(peer.state, 'done', label);
  assert.is(session?.received, wanted.upload, label);
  assert.is(session?.wrong, -1, label);
  assert.is(peer.received, wanted.download + (wanted.echo ? wanted.upload : 0), label);
  assert.is(stack.openFlows, 0, label);
  assert.is(stack.nextDeadlineUs(), undefined, label);
  assert.ok(endUs < 300_000_000, `took ${endUs} us: ${label}`);
}

test('a perfect network', () => {
  const network = { seed: 1, loss: 0, duplicate: 0, reorder: 0, latencyUs: 500 };
  run({ upload: 300_000, download: 300_000, window: 65_535, mss: 1460, echo: false, room: 1 << 20, network });
});

test('300 seeds of a bad one', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = testRandom(seed * 7919);
    run({
      upload: random.below(40_000),
      download: random.below(60_000),
      window: 1 + random.below(65_535),
      mss: [100, 536, 1000, 1460][random.below(4)]!,
      echo: random.below(2) === 0,
      room: 500 + random.below(100_000),
      network: {
        seed,
        loss: random.below(100),
        duplicate: random.below(100),
        reorder: random.below(300),
        latencyUs: 100 + random.below(20_000),
      },
    });
  }
});

test('a very bad one, where three of ten frames are lost', () => {
  for (let seed = 1; seed <= 10; seed++) {
    run({
      upload: 20_000,
      download: 20_000,
      window: 65_535,
      mss: 1460,
      echo: false,
      room: 1 << 20,
      network: { seed, loss: 300, duplicate: 50, reorder: 300, latencyUs: 5_000 },
    });
  }
});

test.run();
