// TLS between two ends of OpenSSL in this process, with every byte between them kept in order: streams of a foreign client and
// server for those who look on.

import { readFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Direction } from '../../src/core/trace.js';
import type { Piece } from './inspected.js';

export interface Tapped {
  readonly pieces: Piece[];
  readonly keyLog: string;
  /** What the client got. */
  readonly received: string;
  readonly session: Buffer | undefined;
  readonly cipher: string;
}

export interface TapOptions {
  readonly client?: tls.ConnectionOptions;
  readonly server?: tls.TlsOptions;
  readonly ecdsa?: boolean;
  /** Called when the handshake is done; answers the bytes that the client sends. */
  readonly send: readonly string[];
  readonly answer: (request: string) => string;
  /** After the first answer (TLS 1.2). */
  readonly renegotiate?: boolean;
}

export async function tapTls({ client, server, ecdsa, send, answer, renegotiate }: TapOptions): Promise<Tapped> {
  const pieces: Piece[] = [];
  const [a, b] = pair((dir, bytes) => {
    pieces.push({ dir, bytes: new Uint8Array(bytes), packet: pieces.length + 1 });
  });
  const name = ecdsa ? 'server-ecdsa' : 'server';
  const serverSide = new tls.TLSSocket(
    b as never,
    {
      isServer: true,
      key: readFileSync(`fixtures/keys/${name}.key.pem`),
      cert: readFileSync(`fixtures/keys/${name}.cert.pem`),
      ticketKeys: Buffer.alloc(48, 7),
      dhparam: 'auto',
      ...server,
    } as tls.TLSSocketOptions,
  );
  const clientSide = tls.connect({
    socket: a as never,
    rejectUnauthorized: false,
    servername: 'wirebench.test',
    ...client,
  });
  let keyLog = '';
  let session: Buffer | undefined;
  clientSide.on('keylog', (line: Buffer) => {
    keyLog += line.toString('latin1');
  });
  clientSide.on('session', (made: Buffer) => {
    session = made;
  });
  serverSide.on('data', (data: Buffer) => serverSide.write(answer(data.toString('latin1')), 'latin1'));
  let received = '';
  await once(clientSide, 'secureConnect');
  const cipher = clientSide.getCipher().standardName;
  for (const [index, text] of send.entries()) {
    clientSide.write(text, 'latin1');
    const [data] = await once(clientSide, 'data');
    received += (data as Buffer).toString('latin1');
    if (index === 0 && renegotiate) {
      await new Promise<void>((resolve, reject) => {
        clientSide.renegotiate({ rejectUnauthorized: false }, (error) => (error ? reject(error) : resolve()));
      });
    }
  }
  clientSide.end();
  await Promise.race([once(serverSide, 'end'), new Promise((resolve) => setTimeout(resolve, 200))]);
  serverSide.end();
  await new Promise((resolve) => setImmediate(resolve));
  clientSide.destroy();
  serverSide.destroy();
  return { pieces, keyLog, received, session, cipher };
}

function once(socket: tls.TLSSocket, event: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    socket.once(event, (...values: unknown[]) => resolve(values));
    socket.once('error', reject);
  });
}

function pair(tap: (dir: Direction, bytes: Buffer) => void): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const end = (dir: Direction, other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        tap(dir, chunk);
        other().push(chunk);
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  ends.push(
    end('in', () => ends[1]!),
    end('out', () => ends[0]!),
  );
  return ends as [Duplex, Duplex];
}
