// A handler of one's own on the whole stack: IP, TCP and HTTP of a host at 10.0.0.2, behind a TUN device of this machine.
//
//   sudo node examples/handler-over-tun.mjs          then: curl http://10.0.0.2/anything
//
// A Desk in place of the handler makes it asynchronous: see docs/library.md.

import { randomBytes } from 'node:crypto';
import { bytesBody, createRandomSource, createSession, createStack, SEED_BYTES } from 'wirebench';
import { createClock, openTun, runTun } from 'wirebench/live';
import { nodeCrypto } from 'wirebench/node-crypto';

/** @type {import('wirebench').SyncHandler} */
function handler(request) {
  const page = `${request.method} ${request.path} over ${request.version}, flow ${request.connection.flow}\n`;
  return { status: 200, headers: [['content-type', 'text/plain']], body: bytesBody(new TextEncoder().encode(page)) };
}

const clock = createClock();
const random = createRandomSource(nodeCrypto, new Uint8Array(randomBytes(SEED_BYTES)));
const { startUnixUs } = clock;
const services = new Map([[80, (_nowUs, flow) => createSession({ flow, handler, startUnixUs })]]);
const stack = createStack({ localAddress: '10.0.0.2', mtu: 1500, services }, { random });

const device = await openTun({
  name: 'wbex0',
  hostAddress: '10.0.0.1',
  prefixLength: 24,
  mtu: 1500,
  offload: true,
});
const { loop } = runTun({ stack, device, clock });
process.once('SIGINT', () => loop.stop());
process.once('SIGTERM', () => loop.stop());
console.log('listening on 10.0.0.2 port 80');
await loop.done;
