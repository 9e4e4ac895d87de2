// --tcp: every knob with a good and a bad value.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tcpKnobs } from '../../src/cli/tcp-knobs.js';
import { UsageError } from '../../src/cli/values.js';
import type { TcpConfig } from '../../src/core/tcp/config.js';

const test = suite('--tcp');

const ACCEPTED: readonly [text: string, config: TcpConfig][] = [
  ['congestion=reno', { congestion: 'reno' }],
  ['recovery=newreno, congestion=cubic', { recovery: 'newreno', congestion: 'cubic' }],
  ['sack=off,timestamps=off,ecn=on', { sack: false, timestamps: false, ecn: true }],
  ['syncookies=off', { synCookies: false }],
  ['window=65535', { receiveWindowBytes: 65_535 }],
  ['scale=off', { windowScale: -1 }],
  ['scale=14', { windowScale: 14 }],
  ['keepalive=60s', { keepAliveUs: 60_000_000 }],
  ['keepalive=off', { keepAliveUs: 0 }],
  [
    'keepalive=1.5s,keepalive-interval=500ms,keepalive-probes=3',
    { keepAliveUs: 1_500_000, keepAliveIntervalUs: 500_000, keepAliveProbes: 3 },
  ],
  ['user-timeout=30s', { userTimeoutUs: 30_000_000 }],
  ['closed-window=5s', { closedWindowUs: 5_000_000 }],
  ['closed-window=off', { closedWindowUs: 0 }],
  ['linger=0', { lingerBytes: 0 }],
];

for (const [text, config] of ACCEPTED) {
  test(`takes ${text}`, () => assert.equal(tcpKnobs('--tcp', text), config));
}

const REFUSED: readonly [text: string, message: string][] = [
  ['', '--tcp: "" is no knob of TCP'],
  ['reno', '--tcp: "reno" is no knob of TCP'],
  ['congestion', '--tcp: congestion needs a value'],
  ['congestion=bbr', '--tcp: congestion: "bbr" is not one of cubic, reno'],
  ['sack=no', '--tcp: sack: "no" is not one of on, off'],
  ['sack=on,sack=off', '--tcp: sack is given twice in "sack=on,sack=off"'],
  ['window=1000', '--tcp: window: 1000 is not an integer between 65535 and 1073725440'],
  ['scale=15', '--tcp: scale: 15 is not an integer between -1 and 14'],
  ['keepalive=60', '--tcp: keepalive: "60" is no time (like 60s or 500ms)'],
  ['keepalive-probes=0', '--tcp: keepalive-probes: 0 is not an integer between 1 and 127'],
  ['__proto__=1', '--tcp: "__proto__=1" is no knob of TCP'],
];

for (const [text, message] of REFUSED) {
  test(`refuses ${text}`, () => {
    assert.throws(
      () => tcpKnobs('--tcp', text),
      (error: unknown) => {
        assert.instance(error, UsageError);
        assert.is((error as UsageError).message, message);
        return true;
      },
    );
  });
}

test.run();
