// What a run is made of reaches the parts that it is about: the config of a recording is all that a replay has.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TcpConfig } from '../../src/core/tcp/config.js';
import { assembleStack, type RunConfig } from '../../src/io/assemble.js';
import { parseTcpFrame, SYN, tcpFrame } from '../support/frames.js';

const test = suite('assemble');

function synAckOf(tcp: TcpConfig | undefined): ReturnType<typeof parseTcpFrame> {
  const config: RunConfig = {
    mode: 'tun',
    plainPorts: [80],
    tlsPorts: [],
    certificate: readFileSync(new URL('../../../fixtures/keys/server.cert.pem', import.meta.url), 'utf8'),
    key: readFileSync(new URL('../../../fixtures/keys/server.key.pem', import.meta.url), 'utf8'),
    ...(tcp && { tcp }),
  };
  const stored = JSON.parse(JSON.stringify(config)) as RunConfig;
  const stack = assembleStack({ config: stored, seed: new Uint8Array(32), startUnixUs: 0 });
  stack.receive(
    0,
    tcpFrame({
      source: '10.0.0.1',
      destination: '10.0.0.2',
      sourcePort: 40_000,
      destinationPort: 80,
      seq: 1,
      ack: 0,
      flags: SYN,
      window: 65_535,
      mss: 1460,
      windowScale: 7,
      sackPermitted: true,
      timestamps: [1, 0],
    }),
  );
  return parseTcpFrame(stack.poll()!.frame.slice());
}

test('the knobs of TCP in a config are those of its stack', () => {
  const byDefault = synAckOf(undefined);
  assert.ok(byDefault.sackPermitted);
  assert.is(byDefault.timestamps?.[1], 1);
  assert.is(byDefault.windowScale, 3);
  const without = synAckOf({ sack: false, timestamps: false, windowScale: 14 });
  assert.not(without.sackPermitted);
  assert.is(without.timestamps, undefined);
  assert.is(without.windowScale, 14);
  assert.throws(() => synAckOf({ windowScale: 15 }), /windowScale/);
});

test.run();
