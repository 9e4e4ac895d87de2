// `doctor` on machines that lack one thing or another: each finding says what to do, and only what is essential fails.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { examine, type Finding, type Machine } from '../../src/cli/doctor.js';
import { wirebench } from '../support/live.js';

const test = suite('doctor');

const GOOD: Machine = {
  nodeVersion: '20.19.0',
  platform: 'linux',
  uid: 0,
  run: (program) => ({
    code: 0,
    output: program === 'curl' ? 'curl 7.88.1 (x86_64)\nFeatures: HTTP2 SSL\n' : `${program} 1.0\n`,
  }),
  exists: () => true,
  mayOpen: () => true,
  read: () => 'CapEff:\t000001ffffffffff\n',
  loads: async () => undefined,
  portIsFree: async () => true,
};

async function find(name: string, change: Partial<Machine>): Promise<Finding> {
  const findings = await examine({ ...GOOD, ...change });
  return findings.find((finding) => finding.name === name)!;
}

test('nothing is wrong where nothing is missing', async () => {
  const findings = await examine(GOOD);
  assert.equal(
    findings.filter(({ health }) => health !== 'ok'),
    [],
  );
  assert.ok(findings.every(({ advice }) => advice === undefined));
});

const LACKING: readonly [
  what: string,
  name: string,
  change: Partial<Machine>,
  health: Finding['health'],
  advice: RegExp,
][] = [
  ['an old Node.js', 'node', { nodeVersion: '20.18.3' }, 'missing', /install Node\.js 20\.19 or newer/],
  ['another system', 'system', { platform: 'darwin' }, 'warn', /mode tun is for Linux/],
  ['no koffi', 'koffi', { loads: async () => 'Cannot find package' }, 'warn', /npm install koffi/],
  ['no device node', '/dev/net/tun', { exists: () => false }, 'missing', /modprobe tun/],
  ['a device node for root only', '/dev/net/tun', { mayOpen: () => false }, 'missing', /chmod 0666/],
  ['no privileges', 'privileges', { read: () => 'CapEff:\t0000000000000000\n' }, 'warn', /sudo, in `unshare -rn`/],
  ['no /proc', 'privileges', { read: () => undefined }, 'warn', /sudo/],
  ['no namespaces', 'namespaces', { run: () => ({ code: 1, output: 'denied' }) }, 'warn', /mode tcp/],
  [
    'curl without HTTP/2',
    'curl',
    { run: () => ({ code: 0, output: 'curl 7.1 (x)\nFeatures: SSL\n' }) },
    'warn',
    /nghttp2/,
  ],
  ['no programs', 'tshark', { run: () => undefined }, 'warn', /apt-get install tshark/],
  ['a port in use', 'port 8443', { portIsFree: async () => false }, 'warn', /another --port/],
];

for (const [what, name, change, health, advice] of LACKING) {
  test(`${what} is found`, async () => {
    const finding = await find(name, change);
    assert.is(finding.health, health);
    assert.match(finding.advice!, advice);
    assert.is(finding.essential, name === 'node');
  });
}

test('the command says it in lines and as JSON', async () => {
  const out = await wirebench(['doctor', '--no-color']);
  assert.is(out.code, 0, out.stdout + out.stderr);
  assert.match(out.stdout, /^ok +node +Node\.js \d+\.\d+\.\d+$/m);
  const json = await wirebench(['doctor', '--json']);
  const { schema, findings } = JSON.parse(json.stdout) as { schema: number; findings: Finding[] };
  assert.is(schema, 1);
  assert.ok(findings.length > 12);
});

test.run();
