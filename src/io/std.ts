// std mode: the same site on Node's own http, https and http2 modules, as a reference to compare with. Nothing of our
// protocols runs here; only the handler is shared.

import { constants, X509Certificate } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type SecureServerOptions,
} from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { ask, isDeferred } from '../core/http/deferral.js';
import type {
  Answer,
  BodySource,
  ConnectionInfo,
  Deferred,
  Field,
  Handler,
  Request,
  Response,
} from '../core/http/message.js';
import { listenError } from './sockets.js';
import { StdOutside, type Wake } from './std-outside.js';
import { opensslName, type TlsRunConfig } from './tls-config.js';

export interface StdOptions {
  readonly handler: Handler;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly tlsPort: number;
  readonly plainPort: number | undefined;
  readonly certificate: string;
  readonly key: string;
  readonly tls: TlsRunConfig;
}

type NodeRequest = IncomingMessage | Http2ServerRequest;
type NodeResponse = ServerResponse | Http2ServerResponse;

const READ_BYTES = 16_384;
export interface StdServer {
  readonly tlsPort: number;
  readonly plainPort: number | undefined;
  /** An answer from outside to a request that the handler deferred. */
  respond(token: string, answer: Answer): void;
  /** Closes the servers and their connections. */
  stop(): Promise<void>;
}

/** Listens on every port. Rejects with a DeviceError when one cannot be had. */
export async function runStd(options: StdOptions): Promise<StdServer> {
  const outside = new StdOutside();
  const listener = (request: NodeRequest, response: NodeResponse): void =>
    answer(options.handler, outside, request, response);
  const servers: Server[] = [];
  const start = async (server: Server, port: number, option: string): Promise<number> => {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, options.host, port, option)));
      server.listen({ host: options.host, port }, resolve);
    });
    servers.push(server);
    return (server.address() as AddressInfo).port;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(
      servers.map((server) => {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        for (const socket of sockets.get(server) ?? []) socket.destroy();
        return closed;
      }),
    );
  };
  const sockets = new Map<Server, Set<{ destroy(): void }>>();
  const tracked = (server: Server): Server => {
    const open = new Set<{ destroy(): void }>();
    sockets.set(server, open);
    server.on('connection', (socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    });
    return server;
  };
  try {
    const secure = createSecureServer({ ...secureOptions(options), allowHTTP1: true }, listener);
    secure.on('sessionError', () => {});
    stapleOcsp(secure, options);
    const tlsPort = await start(tracked(secure as unknown as Server), options.tlsPort, '--port');
    const wanted = options.plainPort;
    const plain = (port: number): Promise<number> => start(tracked(createHttpServer(listener)), port, '--plain-port');
    const plainPort = wanted === undefined ? wanted : await plain(wanted);
    return { tlsPort, plainPort, respond: (token, given) => outside.respond(token, given), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What Node's own TLS can be told of ours: all but ALPN, which its http2 module decides, and strict names. */
function secureOptions(options: StdOptions): SecureServerOptions {
  const { certificate, key, tls } = options;
  const { clientAuthentication } = tls;
  return {
    cert: certificate,
    key,
    minVersion: `TLSv${tls.minVersion}`,
    maxVersion: `TLSv${tls.maxVersion}`,
    ciphers: tls.cipherSuites.map(opensslName).join(':'),
    honorCipherOrder: true,
    ecdhCurve: tls.groups.map((group) => OPENSSL_GROUPS[group]).join(':'),
    ...(!tls.resumption && { secureOptions: constants.SSL_OP_NO_TICKET }),
    ...(clientAuthentication && {
      ca: clientAuthentication.ca,
      requestCert: true,
      rejectUnauthorized: clientAuthentication.required,
    }),
    ...(tls.otherCredentials.length > 0 && { SNICallback: chooseByName(options) }),
  };
}

const OPENSSL_GROUPS = { x25519: 'X25519', secp256r1: 'P-256', secp384r1: 'P-384' } as const;

/** Node's own choice among several contexts goes by patterns; here it is the certificate's names that decide, as in ours. */
function chooseByName({ certificate, tls }: StdOptions): NonNullable<SecureServerOptions['SNICallback']> {
  const first = new X509Certificate(certificate);
  const contexts = tls.otherCredentials.map(({ certificate, key }) => ({
    leaf: new X509Certificate(certificate),
    context: createSecureContext({ cert: certificate, key }),
  }));
  return (name, done) => {
    const other =
      first.checkHost(name) === undefined && contexts.find(({ leaf }) => leaf.checkHost(name) !== undefined);
    done(null, other ? other.context : undefined);
  };
}

function stapleOcsp(server: Http2SecureServer, { certificate, tls }: StdOptions): void {
  const responses = new Map<string, Buffer>();
  for (const one of [{ certificate, ocspResponse: tls.ocspResponse }, ...tls.otherCredentials]) {
    if (one.ocspResponse === undefined) continue;
    responses.set(new X509Certificate(one.certificate).fingerprint256, Buffer.from(one.ocspResponse, 'base64'));
  }
  if (responses.size === 0) return;
  server.on('OCSPRequest', (leaf: Buffer, _issuer: Buffer, done: (error: null, response: Buffer | null) => void) =>
    done(null, responses.get(new X509Certificate(leaf).fingerprint256) ?? null),
  );
}

function answer(handler: Handler, outside: StdOutside, request: NodeRequest, response: NodeResponse): void {
  request.on('error', () => {});
  response.on('error', () => {});
  const described = describe(request);
  let made: Response | Deferred;
  try {
    made = ask(handler, described);
  } catch {
    // As the core has it (RFC 9110 §15.6.1): one request does not end the server.
    made = { status: 500, headers: [] };
  }
  if (isDeferred(made)) {
    outside.defer(described, made, request, response, (given, wake) => begin(request, response, given, wake));
  } else begin(request, response, made);
}

/** `wake` is told how to go on when the body had nothing; absent: the request's content is what it waits for. */
function begin(request: NodeRequest, response: NodeResponse, made: Response, wake?: Wake): void {
  if (made.delayUs !== undefined && made.delayUs > 0) {
    // An answer that is still to come does not keep the process when its server has stopped.
    setTimeout(() => send(request, response, made, wake), made.delayUs / 1000).unref();
  } else send(request, response, made, wake);
}

function describe(request: NodeRequest): Request {
  const headers: Field[] = [];
  const raw = request.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (!name.startsWith(':')) headers.push([name, raw[i + 1]!]);
  }
  const tls = 'encrypted' in request.socket;
  return {
    version: request.httpVersion === '2.0' ? 'HTTP/2' : request.httpVersion === '1.0' ? 'HTTP/1.0' : 'HTTP/1.1',
    method: request.method ?? 'GET',
    scheme: tls ? 'https' : 'http',
    authority: ('authority' in request ? request.authority : undefined) ?? request.headers.host ?? '',
    path: request.url ?? '/',
    headers,
    body: bodyOf(request),
    connection: connectionOf(request, tls),
    serial: ++requests,
  };
}

/** Requests so far, of all connections: Node tells no number of its own. */
let requests = 0;

function connectionOf(request: NodeRequest, tls: boolean): ConnectionInfo {
  const flow = `node:${request.socket.remotePort ?? 0}`;
  if (!tls) return { flow };
  const socket = request.socket as TLSSocket;
  return {
    flow,
    tls: {
      version: socket.getProtocol?.() ?? 'unknown',
      cipherSuite: socket.getCipher?.()?.standardName ?? 'unknown',
      group: 'chosen by OpenSSL',
      signature: 'chosen by OpenSSL',
      serverName: (socket as TLSSocket & { servername?: string | false }).servername || undefined,
      alpn: socket.alpnProtocol || undefined,
      extendedMasterSecret: true,
    },
  };
}

function bodyOf(request: NodeRequest): BodySource {
  let ended = false;
  request.on('end', () => {
    ended = true;
  });
  const declared = request.headers['content-length'];
  return {
    length: declared === undefined ? undefined : Number(declared),
    read(maxBytes) {
      const available = request.readableLength;
      const bytes = available > 0 ? (request.read(Math.min(maxBytes, available)) as Buffer | null) : null;
      if (bytes !== null) return bytes;
      // `end` comes only when a read has found nothing left.
      if (!ended) request.read(0);
      return ended ? undefined : new Uint8Array(0);
    },
  };
}

function send(request: NodeRequest, response: NodeResponse, made: Response, wake?: Wake): void {
  if (response.destroyed || response.writableEnded) return;
  response.statusCode = made.status;
  for (const [name, value] of grouped(made.headers, request)) response.setHeader(name, value);
  const noContent = request.method === 'HEAD' || made.status === 204 || made.status === 304;
  const { body } = made;
  if (made.status !== 204 && made.status !== 304) {
    const length = body === undefined ? 0 : body.length;
    if (length !== undefined) response.setHeader('content-length', `${length}`);
  }
  if (noContent || body === undefined) {
    body?.cancel?.();
    response.end();
    request.resume();
    return;
  }
  pump(request, response, body, wake);
}

/**
 * Repeated fields under one name, for Node keeps only the last of those that are set one by one. In HTTP/2 it refuses two lines of
 * many fields, so there all but Set-Cookie are joined (RFC 9110 §5.3).
 */
function grouped(fields: readonly Field[], request: NodeRequest): Map<string, string | string[]> {
  const byName = new Map<string, string[]>();
  for (const [name, value] of fields) {
    const values = byName.get(name);
    if (values === undefined) byName.set(name, [value]);
    else values.push(value);
  }
  return new Map(
    Array.from(byName, ([name, values]) => [
      name,
      values.length === 1 ? values[0]! : isHttp2(request) && name !== 'set-cookie' ? values.join(', ') : values,
    ]),
  );
}

function isHttp2(request: NodeRequest): boolean {
  return request.httpVersionMajor === 2;
}

function pump(request: NodeRequest, response: NodeResponse, body: BodySource, wake?: Wake): void {
  // Both kinds of response are Writable; their types differ in overloads only.
  const out = response as ServerResponse;
  const next = (): void => {
    if (out.destroyed) return;
    for (;;) {
      const nowUs = Math.floor(performance.now() * 1_000);
      const bytes = body.read(READ_BYTES, nowUs);
      if (bytes === undefined) {
        const trailers = body.trailers?.() ?? [];
        // HTTP/1.1 takes pairs, HTTP/2 an object.
        if (trailers.length > 0 && isHttp2(request)) out.addTrailers(Object.fromEntries(grouped(trailers, request)));
        else if (trailers.length > 0) out.addTrailers(trailers as [string, string][]);
        out.end();
        request.resume();
        return;
      }
      if (bytes.length === 0) {
        if (body.dueUs !== undefined) setTimeout(next, Math.max(1, (body.dueUs - nowUs) / 1_000)).unref();
        else if (wake !== undefined) wake(next);
        else wait(request, next);
        return;
      }
      // The handler's view is valid until its next read, Node's stream may keep it longer.
      if (!out.write(Buffer.from(bytes))) {
        out.once('drain', next);
        return;
      }
    }
  };
  next();
}

/** Whichever comes first; the other is waited for no more. */
function wait(request: NodeRequest, next: () => void): void {
  const onEither = (): void => {
    request.off('readable', onEither);
    request.off('end', onEither);
    next();
  };
  request.on('readable', onEither);
  request.on('end', onEither);
}
