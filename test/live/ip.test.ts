// Real hosts against IPv4 and IPv6: large pings, curl over IPv6, small and large MTUs, and a path that becomes narrower in
// the middle of a download. Each server has a network namespace of its own; a second one stands for a host behind a router.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFile, run, type Server, wirebench, withFolder, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('ip, live');
const needs = ['root', 'tun', 'namespaces', ...needCommands('ip', 'nsenter', 'ping', 'curl', 'sysctl')] as const;
const CURL = ['-sS', '-g', '--max-time', '60', '--cacert', certificateFile, '-o', '/dev/null'];
const MEGABYTE = 1_000_000;

async function pings(server: Server, address: string, ...args: string[]): Promise<void> {
  const { stdout, stderr } = await server.client('ping', ['-c2', '-i0.2', '-W3', ...args, address]);
  assert.match(stdout, /2 received, 0% packet loss/, `${args.join(' ')} ${address}: ${stdout}${stderr}`);
}

async function fetches(server: Server, url: string, bytes: number, ...args: string[]): Promise<void> {
  const report = '%{http_code} %{http_version} %{size_download}';
  const { stdout, stderr } = await server.client('curl', [...CURL, ...args, '-w', report, url]);
  const version = args.includes('--http2') ? '2' : '1.1';
  assert.is(`${stdout}${stderr}`, `200 ${version} ${bytes}`, `${url} ${args.join(' ')}`);
}

for (const mtu of [1280, 1500, 9000]) {
  testWith(test, needs, `MTU ${mtu}: pings of 8,000 bytes, curl over IPv6 and IPv4, replayed`, async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'run.pcapng');
      const args = ['--mode', 'tun', '--log', 'none', '--mtu', `${mtu}`, '--record', file];
      const end = await withServer(args, { namespace: true }, async (server) => {
        for (const address of ['10.0.0.2', 'fd00::2']) {
          await pings(server, address, '-s', '56');
          await pings(server, address, '-s', '8000');
          await pings(server, address, '-s', '60000');
        }
        for (const host of ['[fd00::2]', '10.0.0.2']) {
          await fetches(server, `http://${host}/bytes/300000`, 300_000);
          await fetches(server, `https://${host}/bytes/2000000`, 2_000_000, '--http1.1');
          await fetches(server, `https://${host}/bytes/2000000`, 2_000_000, '--http2');
        }
        const refused = await server.client('curl', [...CURL, 'http://[fd00::2]:81/']);
        assert.is(refused.code, 7, 'a closed port refuses');
      });
      assert.is(end.code, 130, end.stderr);
      const replay = await wirebench(['replay', file]);
      assert.is(replay.code, 0, replay.stdout + replay.stderr);
    });
  });
}

testWith(test, needs, '--no-ip6 and an MTU below 1280 leave IPv6 out', async () => {
  for (const args of [['--no-ip6'], ['--mtu', '1000']]) {
    const end = await withServer(['--mode', 'tun', '--log', 'none', ...args], { namespace: true }, async (server) => {
      const { stdout } = await server.client('ip', ['-6', 'address', 'show', 'dev', 'wb0']);
      assert.is(stdout, '');
      await pings(server, '10.0.0.2', '-s', '3000');
    });
    assert.not.match(end.stderr, /fd00/);
  }
});

/** A namespace behind a router, which is the server's host: 10.1.0.2 and fd01::2, reached through `va`. */
async function behindRouter(server: Server): Promise<{ readonly pid: number; readonly holder: ChildProcess }> {
  const holder = spawn('unshare', ['--net', 'sleep', '300'], { stdio: 'ignore' });
  const pid = holder.pid!;
  // The namespace is there when it differs from ours.
  for (let tries = 0; tries < 100; tries++) {
    const { stdout } = await run('readlink', [`/proc/${pid}/ns/net`, '/proc/self/ns/net']);
    const [theirs, ours] = stdout.trim().split('\n');
    if (theirs !== ours) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const script = `
    set -e
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip link add va type veth peer name vb
    ip link set vb netns ${pid}
    ip address add 10.1.0.1/24 dev va
    ip -6 address add fd01::1/64 dev va nodad
    ip link set va up
    nsenter -t ${pid} -n sh -ec '
      ip address add 10.1.0.2/24 dev vb
      ip -6 address add fd01::2/64 dev vb nodad
      ip link set vb up
      ip route add default via 10.1.0.1
      ip -6 route add default via fd01::1'
  `;
  const made = await server.client('sh', ['-c', script]);
  assert.is(made.code, 0, made.stderr);
  return { pid, holder };
}

for (const [host, least] of [
  ['10.0.0.2', 576],
  ['[fd00::2]', 1280],
] as const) {
  testWith(test, needs, `${host}: the path becomes narrower in the middle of a download, which goes on`, async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'run.pcapng');
      const args = ['--mode', 'tun', '--log', 'json', '--layers', 'icmp', '--record', file];
      const end = await withServer(args, { namespace: true }, async (server) => {
        const { pid, holder } = await behindRouter(server);
        try {
          const url = `https://${host}/bytes/${20 * MEGABYTE}`;
          const report = '%{http_code} %{size_download} %{time_total}';
          const options = [...CURL, '--http2', '--limit-rate', '8M', '-w', report, url];
          const download = run('nsenter', ['-t', `${pid}`, '-n', 'curl', ...options]);
          await new Promise((resolve) => setTimeout(resolve, 800));
          const narrowed = await server.client('ip', ['link', 'set', 'va', 'mtu', `${least}`]);
          assert.is(narrowed.code, 0, narrowed.stderr);
          const { stdout, stderr } = await download;
          const [code, size, seconds] = stdout.split(' ');
          assert.equal([code, size], ['200', `${20 * MEGABYTE}`], stderr);
          assert.ok(Number(seconds) < 20, `${seconds} s`);
          // The next connection begins with what was learned: no report comes for it.
          const before = server.stdout().split('path MTU taken').length;
          const again = await run('nsenter', [
            '-t',
            `${pid}`,
            '-n',
            'curl',
            ...CURL,
            '--http2',
            `https://${host}/bytes/${MEGABYTE}`,
          ]);
          assert.is(again.code, 0, again.stderr);
          assert.is(server.stdout().split('path MTU taken').length, before);
        } finally {
          holder.kill('SIGKILL');
        }
      });
      const taken = end.stdout.split('\n').filter((line) => line.includes('path MTU taken'));
      assert.ok(taken.length >= 1, end.stdout.slice(0, 2000));
      assert.is(JSON.parse(taken[0]!).mtu, least);
      const replay = await wirebench(['replay', file]);
      assert.is(replay.code, 0, replay.stdout + replay.stderr);
    });
  });
}

test.run();
