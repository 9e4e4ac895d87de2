// Segmentation offload on a real device: the kernel counts a super-segment as one packet, the client gets the same bytes,
// and the recording holds segments.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFile, run, type Server, wirebench, withFolder, withServer } from '../support/live.js';
import { needCommands, testWith } from '../support/needs.js';

const test = suite('offload, live');
const needs = ['root', 'tun', 'namespaces', ...needCommands('nsenter', 'curl', 'cat')] as const;
const BYTES = 3_000_000;
const SEGMENTS = Math.floor(BYTES / 1448);

/** Packets that the kernel got from the device so far: writes of the process. */
async function writes(server: Server): Promise<number> {
  const { stdout } = await server.client('cat', ['/proc/net/dev']);
  return Number(/wb0:\s*\d+\s+(\d+)/.exec(stdout)?.[1]);
}

/** `/bytes/N` of the site, by its description. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let k = 0; k < length; k++) {
    const r = k % 65_521;
    bytes[k] = (r ^ (r >> 8)) & 255;
  }
  return bytes;
}

for (const offload of [true, false]) {
  testWith(test, needs, `a download over both IP versions with ${offload ? '' : 'no '}offload`, async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'run.pcapng');
      const args = ['--mode', 'tun', '--log', 'none', '--record', file, ...(offload ? [] : ['--no-offload'])];
      const end = await withServer(args, { namespace: true }, async (server) => {
        for (const host of ['10.0.0.2', '[fd00::2]']) {
          const before = await writes(server);
          const out = join(folder, 'down');
          const curl = ['-sS', '-g', '--max-time', '60', '--cacert', certificateFile, '-o', out];
          const { code, stderr } = await server.client('curl', [...curl, `https://${host}/bytes/${BYTES}`]);
          assert.is(code, 0, stderr);
          assert.ok(readFileSync(out).equals(pattern(BYTES)), host);
          const count = (await writes(server)) - before;
          if (offload) assert.ok(count < SEGMENTS / 4, `${count} writes for ${SEGMENTS} segments`);
          else assert.ok(count >= SEGMENTS, `${count} writes for ${SEGMENTS} segments`);
        }
      });
      assert.is(end.code, 130, end.stderr);
      const replay = await wirebench(['replay', file]);
      assert.is(replay.code, 0, replay.stdout + replay.stderr);
      const packets = Number(/([\d,]+) packets/.exec(replay.stdout)?.[1]?.replaceAll(',', ''));
      assert.ok(packets > 2 * SEGMENTS, `${packets} packets recorded`);
    });
  });
}

/** A program that had the device before: it took packets of any size with the checksums left to it. */
const FORMER_USER = `
import { openSync } from "node:fs";
import koffi from "${pathToFileURL(createRequire(import.meta.url).resolve('koffi'))}";
const libc = koffi.load("libc.so.6");
const attach = libc.func("int ioctl(int fd, unsigned long request, void *argument)");
const offload = libc.func("ioctl", "int", ["int", "unsigned long", "unsigned long"]);
const fd = openSync("/dev/net/tun", "r+");
const request = Buffer.alloc(40);
request.write("wb0");
request.writeUInt16LE(0x5001, 16);
if (attach(fd, 0x400454ca, request) < 0 || offload(fd, 0x400454d0, 7) < 0) process.exit(1);
`;

for (const more of [[], ['--no-offload']]) {
  const name = `a device whose former user took offload works${more.length > 0 ? ', with no offload' : ''}`;
  testWith(test, [...needs, ...needCommands('ip', 'sh')], name, async () => {
    const node = `'${process.execPath}' --input-type=module -e '${FORMER_USER}'`;
    const script = `ip tuntap add mode tun name wb0 && ${node} && exec "$@"`;
    const through = ['unshare', '--net', 'sh', '-c', script, 'sh'];
    const end = await withServer(['--mode', 'tun', '--log', 'none', ...more], { through }, async ({ pid }) => {
      const curl = ['-sS', '--max-time', '10', '-o', '/dev/null', '-w', '%{http_code}', 'http://10.0.0.2/'];
      const { stdout, stderr } = await run('nsenter', ['-t', `${pid}`, '-n', 'curl', ...curl]);
      assert.is(stdout, '200', stderr);
    });
    assert.is(end.code, 130, end.stderr);
  });
}

test.run();
