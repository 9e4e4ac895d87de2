// A session over any duplex stream: a socket here, but a pair of pipes, a serial line or a test's own stream do as well.
// The session is a pure machine; `serveOver` brings it bytes, time and room, and takes away what it has to say.

import { get } from 'node:http';
import { createServer } from 'node:net';
import { bytesBody, createSession } from 'wirebench';

const TAKE_BYTES = 65_536;

/** @param {import('node:stream').Duplex} stream @param {import('wirebench').Session} session */
export function serveOver(stream, session) {
  const startMs = performance.now();
  const nowUs = () => Math.floor((performance.now() - startMs) * 1000);
  let timer;
  let full = false;

  /** After every event: send what may be sent, read on if there is room, keep the next deadline. */
  function settle() {
    while (!full) {
      // What `take` gives is valid until the next call; the stream may keep it longer.
      const bytes = session.take(nowUs(), TAKE_BYTES);
      if (bytes.length === 0) break;
      full = !stream.write(Buffer.from(bytes));
    }
    if (session.state === 'aborted') stream.destroy();
    else if (session.state === 'closed') stream.end();
    else if (session.state === 'open' && session.room() === 0) stream.pause();
    else stream.resume();
    clearTimeout(timer);
    const deadlineUs = session.nextDeadlineUs();
    if (deadlineUs === undefined || stream.destroyed) return;
    timer = setTimeout(
      () => {
        session.advance(nowUs());
        settle();
      },
      Math.max(1, Math.ceil((deadlineUs - nowUs()) / 1000)),
    );
  }

  stream.on('data', (bytes) => {
    session.receive(nowUs(), bytes);
    settle();
  });
  stream.on('end', () => {
    session.endOfInput(nowUs());
    settle();
  });
  stream.on('drain', () => {
    full = false;
    settle();
  });
  stream.on('error', () => {});
  stream.on('close', () => {
    clearTimeout(timer);
    session.lost?.(nowUs());
  });
}

const handler = ({ path }) => ({
  status: 200,
  headers: [['content-type', 'text/plain']],
  body: bytesBody(new TextEncoder().encode(`this is ${path}\n`)),
});

let accepted = 0;
const server = createServer({ allowHalfOpen: true }, (socket) => {
  serveOver(socket, createSession({ flow: `example#${accepted++}`, handler, startUnixUs: Date.now() * 1000 }));
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  get({ port, host: '127.0.0.1', path: '/a/place', agent: false }, (response) => {
    response.setEncoding('utf8');
    response.on('data', (text) => process.stdout.write(`${response.statusCode}: ${text}`));
    response.on('end', () => server.close());
  });
});
