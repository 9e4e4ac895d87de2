// One kind of session behind a listening socket on loopback, for handlers that the command does not have. Not a test file.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Session } from '../../src/core/types.js';

const TICK_MS = 20;

export interface SessionServer {
  readonly port: number;
  close(): void;
}

export async function serveSession(create: (flow: string) => Session): Promise<SessionServer> {
  const started = process.hrtime.bigint();
  const nowUs = (): number => Number((process.hrtime.bigint() - started) / 1_000n);
  let accepted = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const session = create(`accept#${accepted++}`);
    let ended = false;
    const pump = (): void => {
      while (!socket.writableNeedDrain) {
        const bytes = session.take(nowUs(), 65_536);
        if (bytes.length === 0) break;
        socket.write(Buffer.from(bytes));
      }
      if (session.state !== 'closed' || ended) return;
      ended = true;
      socket.end();
    };
    socket.on('data', (bytes) => {
      session.receive(nowUs(), bytes);
      pump();
    });
    socket.on('end', () => {
      session.endOfInput(nowUs());
      pump();
    });
    socket.on('drain', pump);
    socket.on('error', () => undefined);
    const timer = setInterval(() => {
      session.advance(nowUs());
      pump();
    }, TICK_MS);
    socket.on('close', () => clearInterval(timer));
    pump();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
