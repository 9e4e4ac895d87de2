// A server under the attacks of `http2.ts`, on one connection after the other, while curl asks for pages over TLS: what that
// costs it, how each connection ends, and whether curl is served.

import { attackOnce, endOf, HTTP2_ATTACKS } from './http2.js';
import { curl, Siege, sleep } from './siege.js';

const PLAIN = { host: '10.0.0.2', port: 80 };
const PAGE = '/bytes/100000';

/** True: the server stood it. */
export async function attackByFrames(name: string, seconds: number): Promise<boolean> {
  const attack = HTTP2_ATTACKS.find((one) => one.name === name)!;
  const siege = await Siege.begin(`${attack.name}: ${attack.about}`);
  try {
    for (let i = 0; i < 3; i++) await curl(PAGE);
    const before = siege.figures('before');
    const startedMs = performance.now();
    const ends = new Map<string, number>();
    let octets = 0;
    let under = true;
    const visitor = siege.visit(() => under);
    do {
      const { end, octets: count } = await attackOnce(attack, PLAIN);
      ends.set(end, (ends.get(end) ?? 0) + 1);
      octets += count;
    } while (performance.now() - startedMs < seconds * 1_000);
    siege.figures('during');
    under = false;
    await visitor;
    await sleep(200);
    const after = siege.figures('after');
    const told = [...ends].map(([end, count]) => `${count} x ${end}`).join(', ');
    const connections = [...ends.values()].reduce((sum, count) => sum + count);
    siege.say(`  ${connections} connections, ${octets.toLocaleString('en')} octets: ${told}`);
    siege.say(`  memory grew by ${siege.expectGrowth(before, after).toFixed(0)} MB at most`);
    siege.expect(ends.size === 1 && ends.has(endOf(attack)), `it should have ended in ${endOf(attack)}: ${told}`);
  } finally {
    await siege.end();
  }
  return siege.held;
}
