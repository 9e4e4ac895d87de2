// Tests of a client under node:test: `node --test examples/my-client.node.test.mjs`. The client is Node's own HTTP/2 over TLS;
// it talks to a server in this process, through a stream in place of a socket.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { expectEvents, openSession } from 'wirebench/test';

const ca = readFileSync(new URL('../fixtures/keys/server.cert.pem', import.meta.url));

test('the client under test negotiates TLS 1.3 and HTTP/2, and asks for what it should', async () => {
  const session = openSession({ over: 'tls', seed: 'my client' });
  const socket = connectTls({ socket: session.stream(), ca, servername: 'wirebench.test', ALPNProtocols: ['h2'] });
  const client = connect('https://wirebench.test', { createConnection: () => socket });
  const request = client.request({ ':path': '/status/204', 'x-mine': 'yes' });
  const [headers] = await new Promise((resolve, reject) => {
    request.on('response', (...answer) => resolve(answer));
    request.on('error', reject);
    client.on('error', reject);
  });
  client.destroy();

  assert.equal(headers[':status'], 204);
  expectEvents(session.events, [
    { layer: 'tls', kind: 'handshake', message: 'ClientHello', dir: 'in' },
    { layer: 'tls', kind: 'established', version: 'TLS1.3', alpn: 'h2', serverName: 'wirebench.test' },
    { layer: 'http', kind: 'request', method: 'GET', path: '/status/204', version: 'HTTP/2' },
  ]);
});

test('a test that fails says what there was instead', () => {
  const session = openSession();
  session.send('GET / HTTP/1.0\r\n\r\n');
  assert.throws(
    () => expectEvents(session.events, [{ layer: 'http', kind: 'request', version: 'HTTP/2' }]),
    /no event matches pattern 1 of 1: .*\n.*\n.*"version":"HTTP\/1\.0"/,
  );
});
