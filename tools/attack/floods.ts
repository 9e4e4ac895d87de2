// The attacks by packets: floods and injections past TCP, while a download runs that they aim at.

import { readFileSync } from 'node:fs';
import { type Kind, packetMaker } from './packets.js';
import { openRawSocket } from './raw-socket.js';
import { curl, DEVICE, Siege, sleep } from './siege.js';

/** The connection that injections aim at lasts as long as they do, and a little more. */
const VICTIM_BYTES_PER_SECOND = 1_000_000;
const TICK_MS = 5;

/** What the kernel gave to the device, and what it threw away before it; /sys shows the devices of another namespace. */
function sentToDevice(): { packets: number; dropped: number } {
  const line = readFileSync('/proc/self/net/dev', 'utf8')
    .split('\n')
    .find((text) => text.trim().startsWith(`${DEVICE}:`))!;
  const fields = line.split(':')[1]!.trim().split(/\s+/).map(Number);
  return { packets: fields[9]!, dropped: fields[11]! };
}

/** The local port of an open connection to 10.0.0.2:443, from the kernel's table of this namespace. */
async function clientPort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    for (const line of readFileSync('/proc/self/net/tcp', 'utf8').split('\n')) {
      // Addresses are in host order: 10.0.0.2 is 0200000A, port 443 is 01BB; state 01 is ESTABLISHED.
      const match = /^\s*\d+: [0-9A-F]{8}:([0-9A-F]{4}) 0200000A:01BB 01 /.exec(line);
      if (match) return Number.parseInt(match[1]!, 16);
    }
    await sleep(10);
  }
  throw new Error('curl did not connect');
}

/** Sends `count` packets at `rate` a second. */
async function flood(kind: Kind, count: number, rate: number, port: number): Promise<number> {
  const make = packetMaker(kind, count, { clientPort: port });
  const socket = openRawSocket();
  const startedMs = performance.now();
  let refused = 0;
  try {
    for (let index = 0; index < count; ) {
      const due = Math.min(count, Math.ceil(((performance.now() - startedMs) * rate) / 1_000));
      for (; index < due; index++) if (!socket.send(make(index))) refused++;
      await sleep(TICK_MS);
    }
  } finally {
    socket.close();
  }
  return refused;
}

export async function attackByPackets(kind: Kind, count: number, rate: number): Promise<boolean> {
  const siege = await Siege.begin(
    `${kind}: ${count.toLocaleString('en')} packets at ${rate.toLocaleString('en')} a second`,
  );
  try {
    const seconds = count / rate;
    const victimBytes = Math.round((seconds + 2) * VICTIM_BYTES_PER_SECOND);
    const clean = await curl(`/bytes/${victimBytes}`);
    siege.expect(clean.ok, `the download before: ${clean.why}`);
    const before = siege.figures('before');
    const wireBefore = sentToDevice();

    const victim = curl(`/bytes/${victimBytes}`, '--limit-rate', String(VICTIM_BYTES_PER_SECOND));
    const port = await clientPort();
    let flooding = true;
    const flooded = flood(kind, count, rate, port).finally(() => {
      flooding = false;
    });
    const visitor = siege.visit(() => flooding);
    await sleep((seconds * 1_000) / 2);
    siege.figures('during');
    const refused = await flooded;
    await visitor;
    const downloaded = await victim;
    await sleep(200);
    const after = siege.figures('after');

    const wire = sentToDevice();
    const arrived = wire.packets - wireBefore.packets;
    siege.say(
      `  ${refused} packets refused by the kernel, ${wire.dropped} lost in the queue before the server, ${arrived} read by it`,
    );
    siege.say(
      `  the download that ran through it: ${downloaded.ok ? `whole, ${downloaded.seconds.toFixed(1)} s` : downloaded.why}`,
    );
    const last = await curl('/bytes/100000');
    siege.expect(downloaded.ok && downloaded.sha256 === clean.sha256, `the download was hurt: ${downloaded.why}`);
    siege.expect(last.ok, `the curl behind it failed: ${last.why}`);
    const growth = siege.expectGrowth(before, after);
    siege.say(
      `  memory grew by ${growth.toFixed(0)} MB at most; CPU ${((1e6 * (after.cpuSeconds - before.cpuSeconds)) / count).toFixed(1)} us a packet`,
    );
  } finally {
    await siege.end();
  }
  return siege.held;
}
