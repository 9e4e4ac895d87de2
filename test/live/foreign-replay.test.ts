// What tcpdump takes of a live server replays, with nothing but the manifest beside it: on the TUN device with offload and without,
// over both IP versions, and on loopback, where the packets are those of the system.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFile, type ServeOptions, type Server, wirebench, withFolder, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('replay of captures by tcpdump, live');
const clients = needCommands('nsenter', 'curl', 'tcpdump');
const needs = ['root', 'tun', 'namespaces', ...clients] as const;

/** The kernel gives a block of packets to tcpdump after a second at the latest. */
const FLUSH_MS = 1_500;

/** Captures while `body` runs, and until the kernel has given all of it; how many packets it dropped on the way. */
async function withTcpdump(command: readonly string[], body: () => Promise<void>): Promise<number> {
  const child: ChildProcess = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => reject(new Error(`tcpdump ended: ${said}`)));
    child.stderr!.on('data', (text) => {
      said += text;
      if (/listening on/.test(said)) resolve();
    });
  });
  try {
    await body();
    await new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
  } finally {
    child.kill('SIGINT');
    await ended;
  }
  return Number(/(\d+) packets? dropped by kernel/.exec(said)?.[1] ?? 0);
}

/** A server and a capture of it. A busy machine may drop packets, and what was dropped is in no capture: then once more. */
async function captured(
  args: readonly string[],
  options: ServeOptions,
  record: (server: Server) => Promise<number>,
): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    let dropped = 0;
    await withServer(args, options, async (server) => {
      dropped = await record(server);
    });
    if (dropped === 0) return;
  }
  assert.unreachable('tcpdump dropped packets each time');
}

async function fetchAll(server: Server, options: readonly string[], urls: readonly string[]): Promise<void> {
  const curl = ['-sS', '-g', '--max-time', '60', '--cacert', certificateFile, ...options];
  const outputs = urls.flatMap(() => ['-o', '/dev/null']);
  const { code, stderr } = await server.client('curl', [...curl, ...outputs, ...urls]);
  assert.is(code, 0, stderr);
}

function counts(stdout: string): { bytes: number; exact: number; outbound: number; merged: number } {
  const found = /identical \((\d+) bytes of \d+ streams?; (\d+) of (\d+) packets exact(?: and (\d+) merged)?/.exec(
    stdout,
  );
  assert.ok(found, stdout);
  const [bytes, exact, outbound, merged] = found.slice(1).map((text) => Number(text ?? 0));
  return { bytes: bytes!, exact: exact!, outbound: outbound!, merged: merged! };
}

for (const offload of [true, false]) {
  testWith(test, needs, `on the TUN device, ${offload ? 'with' : 'without'} offload`, async () => {
    await withFolder(async (folder) => {
      const capture = join(folder, 'run.pcap');
      const manifest = join(folder, 'run.manifest.json');
      const args = ['--mode', 'tun', '--log', 'none', '--manifest', manifest, ...(offload ? [] : ['--no-offload'])];
      await captured(args, { namespace: true }, async (server) => {
        const tcpdump = [
          'nsenter',
          '-t',
          `${server.pid}`,
          '-n',
          'tcpdump',
          '-U',
          '--immediate-mode',
          '-B',
          '65536',
          '-i',
          'wb0',
          '-w',
          capture,
        ];
        return withTcpdump(tcpdump, async () => {
          await fetchAll(server, ['--http2'], ['https://10.0.0.2/', 'https://10.0.0.2/bytes/400000']);
          await fetchAll(server, ['--tls-max', '1.2', '--http1.1'], ['https://[fd00::2]/bytes/100000']);
          await fetchAll(server, ['--data-binary', `@${certificateFile}`], ['http://10.0.0.2/echo']);
        });
      });
      const { code, stdout, stderr } = await wirebench(['replay', capture]);
      assert.is(code, 0, stdout + stderr);
      const { bytes, exact, outbound, merged } = counts(stdout);
      assert.ok(bytes > 500_000, stdout);
      // How many depends on what tcpdump lost on a busy machine: after that acknowledgments and windows are others.
      assert.ok(exact > 0 && exact + merged <= outbound, stdout);
      assert.is(merged > 0, offload, stdout);

      const other = await wirebench(['replay', capture, '--seed', 'another']);
      assert.is(other.code, 1, other.stdout);
      assert.match(other.stdout, 'no sequence number of the capture is one of this seed');
    });
  });
}

testWith(test, ['root', ...clients], 'on loopback, in tcp mode', async () => {
  await withFolder(async (folder) => {
    const capture = join(folder, 'run.pcap');
    const manifest = join(folder, 'run.manifest.json');
    const args = ['--mode', 'tcp', '--port', '0', '--log', 'none', '--manifest', manifest];
    await captured(args, {}, async (server) => {
      const tcpdump = [
        'tcpdump',
        '-U',
        '--immediate-mode',
        '-B',
        '65536',
        '-i',
        'lo',
        '-w',
        capture,
        'tcp',
        'port',
        `${server.tlsPort}`,
      ];
      return withTcpdump(tcpdump, async () => {
        const base = `https://localhost:${server.tlsPort}`;
        await fetchAll(server, ['-4', '--http2'], [`${base}/`, `${base}/headers`, `${base}/bytes/50000`]);
        await fetchAll(server, ['-4', '--tls-max', '1.2', '--http1.1'], [`${base}/bytes/3000`, `${base}/status/404`]);
      });
    });
    const { code, stdout, stderr } = await wirebench(['replay', capture]);
    assert.is(code, 0, stdout + stderr);
    assert.match(stdout, /identical \(\d+ bytes of 2 streams; packets are those of the system's own TCP\)/);
  });
});

test.run();
