// The TLS 1.2 handshake of the test client (RFC 5246 §7.3): full and abbreviated, with the extensions' checks, client
// certificates and tickets.

import type { X509Certificate } from 'node:crypto';
import { Writer } from '../../../src/core/bytes/writer.js';
import { concat, text } from '../bytes.js';
import type { TlsClient, VersionClient } from './client.js';
import { Ext, extensionName, fault, Message, messageName, require, TLS12, Type } from './codes.js';
import type { Session12, Step } from './options.js';
import { type KeyPair, keyPair, makeSignature, schemeFits, verifySignature } from './primitives.js';
import { aead12, cbc12, type Protection, sameBytes } from './protection.js';
import { keyBlock12, masterSecret12, type SideKeys, verifyData12 } from './schedule.js';
import {
  type RawExtension,
  readCertificate12,
  readCertificateRequest12,
  readCertificateStatus,
  readExtension,
  readServerKeyExchange,
  readTicket12,
  type ServerHello,
} from './server-messages.js';

const NOTHING = new Uint8Array(0);

/** What may come next. A name in brackets may be left out. */
const FULL = ['Certificate', '[CertificateStatus]', 'ServerKeyExchange', '[CertificateRequest]', 'ServerHelloDone'];
const END = ['[NewSessionTicket]', 'ChangeCipherSpec', 'Finished'];

export class Client12 implements VersionClient {
  readonly #client: TlsClient;
  readonly #sessionId: Uint8Array;
  #expected: string[];
  #leaf: X509Certificate | undefined;
  #ours: KeyPair | undefined;
  #master: Uint8Array = NOTHING;
  #readKeys: Protection | undefined;
  #writeKeys: Protection | undefined;
  #ticket: { lifetimeHint: number; ticket: Uint8Array } | undefined;
  #ticketPromised = false;
  #statusPromised = false;
  #finishedSent = false;
  #finishedReceived = false;

  constructor(client: TlsClient, hello: ServerHello) {
    this.#client = client;
    this.#sessionId = hello.sessionId;
    this.#extensions(hello);
    const resumed = this.#resumed(hello);
    if (resumed === undefined) this.#expected = [...FULL];
    else {
      this.#expected = [...END];
      this.#resume(resumed);
    }
    this.#checkPromises(resumed);
  }

  get established(): boolean {
    return this.#finishedSent && this.#finishedReceived;
  }

  // ---- ServerHello ----

  /** Each answer has to belong to an offer (RFC 5246 §7.4.1.4) and to say what its RFC allows. */
  #extensions(hello: ServerHello): void {
    const { agreed, io, options } = this.#client;
    const offered = this.#client.hello!.parts;
    const secure = this.#client.hello!.parts.cipherSuites.includes(0x00ff);
    for (const extension of hello.extensions ?? []) {
      const { type, data } = extension;
      const name = extensionName(type);
      const asked = offered.extensions?.some((one) => one.type === type) || (type === Ext.renegotiationInfo && secure);
      require(asked, `ServerHello answers ${name}, which was not offered`, 'RFC 5246 §7.4.1.4');
      const empty = (rule: string): void => require(data.length === 0, `${name} of the server is not empty`, rule);
      if (type === Ext.serverName) {
        empty('RFC 6066 §3');
        agreed.serverName = true;
      } else if (type === Ext.extendedMasterSecret) {
        empty('RFC 7627 §5.1');
        agreed.extendedMasterSecret = true;
      } else if (type === Ext.encryptThenMac) {
        empty('RFC 7366 §2');
        const cbc = agreed.suite!.cipher.endsWith('cbc');
        require(cbc, 'encrypt_then_mac with a suite that is not CBC', 'RFC 7366 §3');
        agreed.encryptThenMac = true;
      } else if (type === Ext.renegotiationInfo) {
        const initial = data.length === 1 && data[0] === 0;
        require(initial, 'renegotiation_info of a first handshake is not empty', 'RFC 5746 §3.4');
      } else if (type === Ext.ecPointFormats) {
        const formats = readExtension(extension, (r) => [...r.take(r.u8('length'), 'formats')]);
        require(formats.includes(0), 'ec_point_formats without uncompressed', 'RFC 8422 §5.2');
      } else if (type === Ext.sessionTicket) {
        empty('RFC 5077 §3.2');
        this.#ticketPromised = true;
      } else if (type === Ext.statusRequest) {
        empty('RFC 6066 §8');
        this.#statusPromised = true;
      } else if (type === Ext.alpn) agreed.alpn = alpnAnswer(extension, options.alpn ?? []);
      else if (type === Ext.maxFragmentLength) {
        const same = data.length === 1 && data[0] === options.maxFragmentLength;
        require(same, 'max_fragment_length is not the one that was offered', 'RFC 6066 §4');
        agreed.maxFragmentLength = 2 ** (8 + data[0]!);
        io.readLimit = agreed.maxFragmentLength;
        io.writeLimit = agreed.maxFragmentLength;
      } else if (type === Ext.recordSizeLimit) {
        agreed.recordSizeLimit = recordSizeLimitAnswer(extension);
        io.protectedWriteLimit = agreed.recordSizeLimit;
        io.protectedReadLimit = options.recordSizeLimit!;
      } else fault(`${name} has no place in the ServerHello of TLS 1.2`, 'RFC 5246 §7.4.1.4, RFC 8446 §4.2');
    }
    const both = agreed.maxFragmentLength !== undefined && agreed.recordSizeLimit !== undefined;
    require(!both, 'max_fragment_length beside record_size_limit', 'RFC 8449 §5');
    const asks = (options.renegotiation ?? 'extension') !== 'none';
    const answered = hello.extensions?.some((one) => one.type === Ext.renegotiationInfo) ?? false;
    require(!asks || answered, 'the server does not answer renegotiation_info', 'RFC 5746 §3.4');
  }

  /** The session that the server goes on with. */
  #resumed(hello: ServerHello): Session12 | undefined {
    const sent = this.#client.hello!.parts.sessionId;
    if (hello.sessionId.length === 0 || !sameBytes(hello.sessionId, sent)) return undefined;
    const session = this.#client.offer.session12;
    if (session === undefined) fault('the server resumes a session that does not exist', 'RFC 5246 §7.4.1.3');
    return session;
  }

  #resume(session: Session12): void {
    const { agreed } = this.#client;
    require(agreed.suite!.code === session.cipherSuite, 'a resumed session has another suite', 'RFC 5246 §7.4.1.3');
    const same = agreed.extendedMasterSecret === session.extendedMasterSecret;
    require(same, 'a resumed session differs in its extended master secret', 'RFC 7627 §5.3');
    agreed.resumed = session.ticket.length > 0 ? 'ticket' : 'session id';
    this.#master = session.masterSecret;
    this.#deriveKeys();
  }

  #checkPromises(resumed: Session12 | undefined): void {
    if (resumed === undefined) return;
    const { agreed } = this.#client;
    // RFC 6066 §1.1: in an abbreviated handshake the server does not take up server_name or status_request.
    require(!agreed.serverName, 'server_name is answered in a resumed handshake', 'RFC 6066 §3');
    require(!this.#statusPromised, 'status_request is answered in a resumed handshake', 'RFC 6066 §8');
  }

  // ---- The server's messages ----

  changeCipherSpec(): void {
    this.#expect('ChangeCipherSpec');
    this.#client.readWith(this.#readKeys);
  }

  message(type: number, body: Uint8Array, bytes: Uint8Array): void {
    const name = messageName(type);
    this.#expect(name);
    const { agreed, transcript } = this.#client;
    if (type === Message.Finished) {
      this.#finished(body, bytes);
      return;
    }
    transcript.push(bytes);
    if (type === Message.Certificate) this.#leaf = this.#client.takeChain(readCertificate12(body));
    else if (type === Message.CertificateStatus) {
      require(this.#statusPromised, 'CertificateStatus without a status_request of the server', 'RFC 6066 §8');
      agreed.ocspResponse = readCertificateStatus(body);
    } else if (type === Message.ServerKeyExchange) this.#serverKeyExchange(body);
    else if (type === Message.CertificateRequest) agreed.certificateRequest = readCertificateRequest12(body);
    else if (type === Message.NewSessionTicket) {
      require(this.#ticketPromised, 'NewSessionTicket that was not announced', 'RFC 5077 §3.2');
      this.#ticket = readTicket12(body);
    } else {
      require(body.length === 0, 'ServerHelloDone is not empty', 'RFC 5246 §7.4.5');
      this.#secondFlight();
    }
  }

  /** Takes the name off what is expected, and what may be left out before it. */
  #expect(name: string): void {
    const at = this.#expected.findIndex((one) => one === name || one === `[${name}]`);
    const skipped = at < 0 ? ['x'] : this.#expected.slice(0, at);
    const allowed = skipped.every((one) => one.startsWith('['));
    require(allowed, `${name} where ${this.#expected.join(', ') || 'nothing'} was due`, 'RFC 5246 §7.3');
    const missing = skipped.includes('[NewSessionTicket]') && this.#ticketPromised;
    require(!missing, 'the server announced a NewSessionTicket and sent none', 'RFC 5077 §3.3');
    this.#expected = this.#expected.slice(at + 1);
  }

  #serverKeyExchange(body: Uint8Array): void {
    const { agreed, offer, clientRandom, serverRandom, draw } = this.#client;
    const { group, publicKey, params, scheme, signature } = readServerKeyExchange(body);
    require(offer.groups.includes(group), `group ${group.toString(16)} was not offered`, 'RFC 8422 §5.1');
    require(offer.schemes.includes(scheme), `scheme ${scheme.toString(16)} was not offered`, 'RFC 5246 §7.4.3');
    const key = this.#leaf!.publicKey;
    require(schemeFits(scheme, key), 'the scheme is not one of the certificate', 'RFC 5246 §7.4.3');
    const rsa = key.asymmetricKeyType === 'rsa';
    require(rsa === (agreed.suite!.signer === 'rsa'), 'the certificate does not go with the suite', 'RFC 5246 §7.4.2');
    const signed = concat(clientRandom, serverRandom, params);
    require(verifySignature(scheme, key, signed, signature), 'the signature is wrong', 'RFC 5246 §7.4.3');
    agreed.group = group;
    agreed.scheme = scheme;
    this.#ours = keyPair(group, draw);
    this.#client.shared = this.#ours!.derive(publicKey);
  }

  #finished(body: Uint8Array, bytes: Uint8Array): void {
    const client = this.#client;
    const expected = verifyData12(client.agreed.suite!.hash, this.#master, 'server', client.transcript);
    require(sameBytes(expected, body), "the server's Finished is wrong", 'RFC 5246 §7.4.9');
    client.transcript.push(bytes);
    this.#finishedReceived = true;
    this.#remember();
    if (client.agreed.resumed !== undefined)
      this.#client.runFlight([this.#changeCipherSpecStep(), this.#finishedStep()]);
  }

  #remember(): void {
    const { agreed, sessions, offer } = this.#client;
    const ticket = this.#ticket ?? { lifetimeHint: 0, ticket: NOTHING };
    // RFC 5077 §3.3: an empty ticket gives none, and an old one stays good while no other came.
    const old = agreed.resumed === 'ticket' && ticket.ticket.length === 0 ? offer.session12 : undefined;
    sessions.push({
      version: TLS12,
      sessionId: ticket.ticket.length > 0 ? NOTHING : this.#sessionId,
      ticket: old?.ticket ?? ticket.ticket,
      lifetimeHint: ticket.lifetimeHint,
      masterSecret: this.#master,
      cipherSuite: agreed.suite!.code,
      extendedMasterSecret: agreed.extendedMasterSecret,
    });
  }

  // ---- The client's second flight ----

  #secondFlight(): void {
    const { agreed, options } = this.#client;
    const steps: Step[] = [];
    const asked = agreed.certificateRequest !== undefined;
    const chain = options.certificate?.chain ?? [];
    if (asked) steps.push({ name: 'Certificate', run: () => this.#sendCertificate(chain) });
    steps.push({ name: 'ClientKeyExchange', run: () => this.#sendKeyExchange() });
    if (asked && chain.length > 0) steps.push({ name: 'CertificateVerify', run: () => this.#sendCertificateVerify() });
    steps.push(this.#changeCipherSpecStep(), this.#finishedStep());
    this.#expected = [...END];
    this.#client.runFlight(steps);
  }

  #sendCertificate(chain: readonly Uint8Array[]): void {
    const w = new Writer().prefixed(3, (list) => {
      for (const certificate of chain) list.prefixed(3, (one) => one.put(certificate));
    });
    this.#client.sendMessage('Certificate', Message.Certificate, w.finish());
  }

  #sendKeyExchange(): void {
    const body = new Writer().prefixed(1, (w) => w.put(this.#ours!.publicKey)).finish();
    const client = this.#client;
    client.sendMessage('ClientKeyExchange', Message.ClientKeyExchange, body);
    const randoms = { client: client.clientRandom, server: client.serverRandom };
    const { suite, extendedMasterSecret } = client.agreed;
    // RFC 7627 §3: all messages up to and with this one.
    const sessionHash = extendedMasterSecret ? client.hash() : undefined;
    this.#master = masterSecret12(suite!.hash, client.shared, randoms, sessionHash);
    this.#deriveKeys();
  }

  /** RFC 5246 §7.4.8: over all messages so far. */
  #sendCertificateVerify(): void {
    const { options, agreed, transcript } = this.#client;
    const { key, scheme } = options.certificate!;
    const chosen = scheme ?? agreed.certificateRequest!.schemes.find((one) => schemeFits(one, key!));
    if (chosen === undefined) throw new Error("the server takes no signature of the client's key");
    const signature = makeSignature(chosen, key!, concat(...transcript));
    const body = new Writer().u16(chosen).prefixed(2, (w) => w.put(signature));
    this.#client.sendMessage('CertificateVerify', Message.CertificateVerify, body.finish());
  }

  #changeCipherSpecStep(): Step {
    return {
      name: 'ChangeCipherSpec',
      run: () => {
        this.#client.io.send(Type.changeCipherSpec, Uint8Array.of(1), 'ChangeCipherSpec');
        if (this.#writeKeys !== undefined) this.#client.writeWith(this.#writeKeys);
      },
    };
  }

  #finishedStep(): Step {
    return {
      name: 'Finished',
      run: () => {
        const client = this.#client;
        const data = verifyData12(client.agreed.suite!.hash, this.#master, 'client', client.transcript);
        client.sendMessage('Finished', Message.Finished, data);
        this.#finishedSent = true;
      },
    };
  }

  #deriveKeys(): void {
    const { agreed, clientRandom, serverRandom, secrets } = this.#client;
    secrets.set('CLIENT_RANDOM', this.#master);
    const keys = keyBlock12(agreed.suite!, this.#master, { client: clientRandom, server: serverRandom });
    this.#writeKeys = this.#protection(keys.client);
    this.#readKeys = this.#protection(keys.server);
  }

  #protection({ mac, key, iv }: SideKeys): Protection {
    const { agreed, draw } = this.#client;
    const { encryptThenMac } = agreed;
    if (agreed.suite!.cipher.endsWith('cbc')) return cbc12(agreed.suite!, { mac, key, encryptThenMac }, draw);
    return aead12(agreed.suite!, key, iv);
  }
}

/** RFC 7301 §3.1: one protocol, out of those that were offered. */
export function alpnAnswer(extension: RawExtension, offered: readonly string[]): string {
  return readExtension(extension, (r) => {
    const list = r.sub(r.u16('protocol_name_list length'), 'protocol_name_list');
    const name = text(list.take(list.u8('protocol length'), 'protocol'));
    list.expectEnd('protocol_name_list');
    require(offered.includes(name), `the server chose the protocol ${name}`, 'RFC 7301 §3.2');
    return name;
  });
}

/** RFC 8449 §4: at least 64. */
export function recordSizeLimitAnswer(extension: RawExtension): number {
  const limit = readExtension(extension, (r) => r.u16('record_size_limit'));
  require(limit >= 64, `record_size_limit of ${limit}`, 'RFC 8449 §4');
  return limit;
}
