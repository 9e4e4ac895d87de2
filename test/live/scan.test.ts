// Scanners against the stack: nmap sees what is open and what is not, odd flags get the answer of RFC 9293 and nothing else,
// and the server serves on.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFile, type Server, serve } from '../support/live.js';
import { met, needCommands, testWith } from '../support/needs.js';

const test = suite('scan');
const needs = ['root', 'tun', 'namespaces', ...needCommands('ip', 'nsenter', 'curl')] as const;

let server: Server;

test.before(async () => {
  if (met(needs)) server = await serve(['--mode', 'tun', '--log', 'none'], { namespace: true });
});

test.after(async () => {
  if (!met(needs)) return;
  const curl = ['-sS', '--max-time', '20', '--cacert', certificateFile, '-o', '/dev/null', 'https://10.0.0.2/'];
  const served = await server.client('curl', curl);
  const end = await server.stop();
  if (served.code !== 0) throw new Error(`curl behind the scans: ${served.stderr}`);
  if (end.code !== 130) throw new Error(`the server ended with ${end.code}: ${end.stderr}`);
});

testWith(test, [...needs, ...needCommands('nmap')], 'nmap -sS finds ports 80 and 443 open and 998 closed', async () => {
  const { stdout } = await server.client('nmap', ['-n', '-Pn', '-sS', '-p', '1-1000', '10.0.0.2']);
  assert.match(stdout, /Not shown: 998 closed tcp ports \(reset\)/);
  assert.equal(stdout.match(/^\d+\/tcp +\w+/gm), ['80/tcp  open', '443/tcp open']);
});

testWith(test, [...needs, ...needCommands('nmap')], "nmap -O's probes are answered and end nothing", async () => {
  const { stdout, code } = await server.client('nmap', ['-n', '-Pn', '-O', '10.0.0.2']);
  assert.is(code, 0, stdout);
  assert.match(stdout, /Not shown: 998 closed tcp ports \(reset\)/);
  assert.match(stdout, /OS detection performed/);
});

/** hping3's letters; the answer at a listening port (RFC 9293 §3.10.7.2) and at a closed one (§3.10.7.1). */
const PROBES: readonly [name: string, flags: readonly string[], listening: string, closed: string][] = [
  ['SYN', ['-S'], 'SA', 'RA'],
  ['ACK', ['-A'], 'R', 'R'],
  ['RST', ['-R'], '', ''],
  ['FIN', ['-F'], '', 'RA'],
  ['no flags', [], '', 'RA'],
  ['FIN PSH URG', ['-F', '-P', '-U'], '', 'RA'],
  ['SYN ACK', ['-S', '-A'], 'R', 'R'],
  ['SYN RST', ['-S', '-R'], '', ''],
  ['SYN FIN', ['-S', '-F'], '', 'RA'],
  ['FIN ACK', ['-F', '-A'], 'R', 'R'],
  ['all flags but RST', ['-S', '-F', '-A', '-P', '-U'], 'R', 'R'],
];

testWith(
  test,
  [...needs, ...needCommands('hping3')],
  'hping3 with odd flags is answered as RFC 9293 says',
  async () => {
    let sourcePort = 30_000;
    const probe = async (flags: readonly string[], port: number): Promise<string> => {
      const from = ['-s', String(sourcePort++)];
      const args = ['-c', '1', '-p', String(port), ...from, ...flags, '10.0.0.2'];
      const { stdout } = await server.client('timeout', ['10', 'hping3', ...args]);
      return new RegExp(`sport=${port} flags=(\\w+)`).exec(stdout)?.[1] ?? '';
    };
    // hping3 takes the answers to its neighbours for its own, so there is one at a time for each port.
    const probeAll = async (port: number, what: string, expected: (row: (typeof PROBES)[number]) => string) => {
      for (const row of PROBES) assert.is(await probe(row[1], port), expected(row), `${row[0]} to a ${what} port`);
    };
    await Promise.all([probeAll(443, 'listening', (row) => row[2]), probeAll(81, 'closed', (row) => row[3])]);
  },
);

test.run();
