// The TLS server against OpenSSL, as Node's own client has it, over a pair of queues in memory: no sockets, no ports.

import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TlsServer } from '../../src/core/tls/server.js';
import type { TlsEvent } from '../../src/core/trace.js';
import { ascii, concat, equalBytes, testRandom, text } from '../support/bytes.js';
import { certificatePem, tracedServer } from '../support/tls-server.js';

interface Peers {
  readonly server: TlsServer;
  readonly client: TLSSocket;
  readonly events: TlsEvent[];
  /** The client's lines of the key log. */
  readonly keylog: string[];
  /** Plaintext that the server has read. */
  readonly read: Uint8Array[];
  /** Passes on what the server has to send. */
  flush(): void;
}

/** Joins a server and an OpenSSL client. `answer` sees each plaintext that the server reads. */
function join(options: ConnectionOptions, answer: (peers: Peers, plaintext: Uint8Array) => void = () => {}): Peers {
  const { server, events } = tracedServer();
  const read: Uint8Array[] = [];
  const keylog: string[] = [];
  const flush = (): void => {
    while (server.pendingOutput > 0) pipe.push(Buffer.from(server.take(16_384)));
    if (server.state === 'closed' || server.state === 'failed') pipe.push(null);
  };
  const pipe = new Duplex({
    read() {},
    write(chunk: Uint8Array, _encoding, done) {
      server.receive(0, chunk);
      for (let part = server.read(0); part !== undefined; part = server.read(0)) {
        read.push(part.slice());
        answer({ server, client, events, keylog, read, flush }, part);
      }
      flush();
      done();
    },
    final(done) {
      server.endOfInput(0);
      server.read(0);
      flush();
      done();
    },
  });
  const client = connect({ socket: pipe, ca: certificatePem, servername: 'wirebench.test', ...options });
  client.on('keylog', (line: Buffer) => keylog.push(text(line).trim()));
  client.on('error', () => {});
  return { server, client, events, keylog, read, flush };
}

function once(client: TLSSocket, event: 'secureConnect' | 'end' | 'close'): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('error', reject);
    client.once(event, () => resolve());
  });
}

function failure(client: TLSSocket): Promise<NodeJS.ErrnoException> {
  return new Promise((resolve, reject) => {
    client.once('error', resolve);
    client.once('secureConnect', () => reject(new Error('the handshake succeeded')));
  });
}

/** Handshake, one exchange of data, and an orderly end; then what the server says of it. */
async function talk(options: ConnectionOptions): Promise<Peers> {
  const peers = join(options, ({ server }, plaintext) => server.write(0, plaintext));
  const { client } = peers;
  await once(client, 'secureConnect');
  assert.ok(client.authorized, String(client.authorizationError));
  assert.is(client.getProtocol(), 'TLSv1.2');
  assert.is(client.getCipher().name, 'ECDHE-RSA-AES128-GCM-SHA256');
  client.write(ascii('ping'));
  const echo = await new Promise<Uint8Array>((resolve) => client.once('data', resolve));
  assert.is(text(echo), 'ping');
  const ended = once(client, 'close');
  client.end();
  await ended;
  assert.is(peers.server.state, 'closed');
  assert.ok(peers.server.inputEnded);
  assert.not(peers.events.some((event) => event.kind === 'truncated'));
  return peers;
}

test('a client that offers TLS 1.3 as well is served 1.2, over X25519 by default, and trusts the bundled certificate', async () => {
  const { server, client } = await talk({ ALPNProtocols: ['http/1.1', 'h2'] });
  assert.is(client.alpnProtocol, 'h2');
  assert.equal(server.negotiated, {
    version: 'TLS1.2',
    cipherSuite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    group: 'x25519',
    signature: 'rsa_pkcs1_sha256',
    serverName: 'wirebench.test',
    alpn: 'h2',
    extendedMasterSecret: true,
  });
});

test('each group works', async () => {
  for (const [ecdhCurve, group] of [
    ['X25519', 'x25519'],
    ['P-256', 'secp256r1'],
    ['P-384:P-256', 'secp256r1'],
  ] as const) {
    const { server } = await talk({ ecdhCurve, maxVersion: 'TLSv1.2' });
    assert.is(server.negotiated?.group, group);
  }
});

test('a client that takes only PSS gets PSS, and verifies it', async () => {
  const { server } = await talk({ sigalgs: 'rsa_pss_rsae_sha256', maxVersion: 'TLSv1.2' });
  assert.is(server.negotiated?.signature, 'rsa_pss_rsae_sha256');
});

test('a client without extended_master_secret derives the same keys', async () => {
  // SSL_OP_NO_EXTENDED_MASTER_SECRET of OpenSSL 3, which node:crypto has no name for.
  const { server } = await talk({ secureOptions: 1, maxVersion: 'TLSv1.2' });
  assert.is(server.negotiated?.extendedMasterSecret, false);
});

test('without ALPN and server name none are negotiated', async () => {
  const { server, client } = await talk({ servername: '', checkServerIdentity: () => undefined });
  assert.is(client.alpnProtocol, false);
  assert.is(server.negotiated?.alpn, undefined);
  assert.is(server.negotiated?.serverName, undefined);
});

test('the secret in the trace is the one in the client’s key log', async () => {
  const { keylog, events } = await talk({ maxVersion: 'TLSv1.2' });
  const secret = events.find((event) => event.kind === 'secret');
  assert.ok(secret?.kind === 'secret');
  assert.equal(keylog, [`${secret.label} ${secret.clientRandom} ${secret.secret}`]);
});

test('what cannot be negotiated fails at the client with our alert', async () => {
  const cases: [ConnectionOptions, string][] = [
    [{ ciphers: 'ECDHE-RSA-AES256-GCM-SHA384', maxVersion: 'TLSv1.2' }, 'handshake failure'],
    [{ ecdhCurve: 'P-384', maxVersion: 'TLSv1.2' }, 'handshake failure'],
    [{ sigalgs: 'ecdsa_secp256r1_sha256:ed25519', maxVersion: 'TLSv1.2' }, 'handshake failure'],
    [{ minVersion: 'TLSv1.3' }, 'protocol version'],
    [{ ALPNProtocols: ['h3'] }, 'no application protocol'],
  ];
  for (const [options, expected] of cases) {
    const { client, server } = join(options);
    const error = await failure(client);
    assert.match(error.message.toLowerCase(), expected);
    assert.is(server.state, 'failed');
  }
});

test('megabytes go both ways unchanged', async () => {
  const upload = testRandom(1).bytes(3_000_000);
  const download = testRandom(2).bytes(3_000_000);
  let received = 0;
  const peers = join({}, ({ server, flush }, plaintext) => {
    received += plaintext.length;
    if (received < upload.length) return;
    for (let at = 0; at < download.length; ) {
      at += server.write(0, download.subarray(at));
      flush();
    }
    server.close(0);
  });
  await once(peers.client, 'secureConnect');
  const parts: Uint8Array[] = [];
  peers.client.on('data', (part: Uint8Array) => parts.push(part));
  const ended = once(peers.client, 'end');
  peers.client.write(upload);
  await ended;
  equalBytes(concat(...peers.read), upload, 'upload');
  equalBytes(concat(...parts), download, 'download');
});

test('our close_notify is an orderly end for the client', async () => {
  const peers = join({}, ({ server }) => {
    server.write(0, ascii('bye'));
    server.close(0);
  });
  await once(peers.client, 'secureConnect');
  let heard = '';
  peers.client.on('data', (part: Uint8Array) => {
    heard += text(part);
  });
  const ended = once(peers.client, 'end');
  peers.client.write('hi');
  await ended;
  assert.is(heard, 'bye');
});

test('renegotiation is refused and the connection goes on', async () => {
  const peers = join({ maxVersion: 'TLSv1.2' }, ({ server }, plaintext) => server.write(0, plaintext));
  const { client, server } = peers;
  await once(client, 'secureConnect');
  const refused = new Promise<Error | null>((resolve) => {
    if (!client.renegotiate({ rejectUnauthorized: false }, resolve)) resolve(null);
  });
  client.write('after');
  const failed = new Promise<Error>((resolve) => client.once('error', resolve));
  const heard = new Promise<string>((resolve) => client.once('data', (part: Uint8Array) => resolve(text(part))));
  // OpenSSL's client takes the warning for a failure of its own and gives up: then the server saw that.
  await Promise.race([refused, failed, heard]);
  assert.ok(peers.events.some((event) => event.kind === 'alert' && event.description === 'no_renegotiation'));
  assert.is.not(server.state, 'failed');
  client.destroy();
});

test.run();
