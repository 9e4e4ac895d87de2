// The TLS 1.3 handshake of the test client (RFC 8446 §2, §4): HelloRetryRequest, pre-shared keys with ECDHE, client
// certificates, and after it tickets and KeyUpdate.

import type { X509Certificate } from 'node:crypto';
import { Writer } from '../../../src/core/bytes/writer.js';
import { ascii, concat } from '../bytes.js';
import type { TlsClient, VersionClient } from './client.js';
import { alpnAnswer, recordSizeLimitAnswer } from './client12.js';
import { Ext, extensionName, fault, Message, messageName, require, SUITES, type Suite, TLS13 } from './codes.js';
import type { Session13, Step } from './options.js';
import { digest, makeSignature, schemeFits, verifySignature } from './primitives.js';
import { protection13, sameBytes } from './protection.js';
import { Schedule13 } from './schedule.js';
import {
  type CertificateEntry,
  readCertificate13,
  readCertificateRequest13,
  readCertificateStatus,
  readCertificateVerify,
  readEncryptedExtensions,
  readExtension,
  readTicket13,
  type ServerHello,
} from './server-messages.js';

const NOTHING = new Uint8Array(0);
/** §4.1.3: the random of a ServerHello that is a HelloRetryRequest. */
export const HELLO_RETRY_RANDOM = digest('sha256', ascii('HelloRetryRequest'));
const WITH_CERTIFICATE = [
  'EncryptedExtensions',
  '[CertificateRequest]',
  'Certificate',
  'CertificateVerify',
  'Finished',
];
const WITH_PSK = ['EncryptedExtensions', 'Finished'];

export class Client13 implements VersionClient {
  readonly #client: TlsClient;
  #expected: readonly string[] = ['ServerHello'];
  #schedule: Schedule13 | undefined;
  #leaf: X509Certificate | undefined;
  #retryGroup: number | undefined;
  /** ChangeCipherSpec may come now without meaning anything; `due` right behind the server's first message. */
  #changeCipherSpec: 'due' | 'seen' | 'none' = 'none';
  #clientSecret: Uint8Array = NOTHING;
  #serverSecret: Uint8Array = NOTHING;
  #resumptionSecret: Uint8Array = NOTHING;
  #finishedSent = false;
  #finishedReceived = false;

  constructor(client: TlsClient) {
    this.#client = client;
  }

  get established(): boolean {
    return this.#finishedSent && this.#finishedReceived;
  }

  get #suite(): Suite {
    return this.#client.agreed.suite!;
  }

  // ---- ServerHello and HelloRetryRequest ----

  serverHello(hello: ServerHello): void {
    const { hello: ours, agreed } = this.#client;
    const echoed = sameBytes(hello.sessionId, ours!.parts.sessionId);
    require(echoed, 'legacy_session_id_echo is another one', 'RFC 8446 §4.1.3');
    const isRetry = sameBytes(hello.random, HELLO_RETRY_RANDOM);
    require(!(isRetry && agreed.helloRetry), 'a second HelloRetryRequest', 'RFC 8446 §4.1.4');
    const allowed: number[] = isRetry
      ? [Ext.supportedVersions, Ext.cookie, Ext.keyShare]
      : [Ext.supportedVersions, Ext.keyShare, Ext.preSharedKey];
    for (const { type } of hello.extensions ?? []) {
      require(allowed.includes(type), `${extensionName(type)} in a ServerHello`, 'RFC 8446 §4.2');
    }
    // RFC 8446 §D.4: due behind the server's first message when the client sent a session id.
    if (this.#changeCipherSpec === 'none' && ours!.parts.sessionId.length > 0) this.#changeCipherSpec = 'due';
    if (isRetry) this.#helloRetryRequest(hello);
    else this.#selected(hello);
  }

  #helloRetryRequest(hello: ServerHello): void {
    const client = this.#client;
    client.agreed.helloRetry = true;
    const keyShare = hello.extensions?.find((one) => one.type === Ext.keyShare);
    const cookieExtension = hello.extensions?.find((one) => one.type === Ext.cookie);
    const group = keyShare && readExtension(keyShare, (r) => r.u16('selected_group'));
    const cookie =
      cookieExtension && readExtension(cookieExtension, (r) => r.take(r.u16('cookie length'), 'cookie').slice());
    if (group !== undefined) {
      require(client.offer.groups.includes(group), 'selected_group was not offered', 'RFC 8446 §4.2.8');
      require(client.shareOf(group) === undefined, 'selected_group has a share already', 'RFC 8446 §4.2.8');
      this.#retryGroup = group;
    }
    if (cookie !== undefined) require(cookie.length > 0, 'an empty cookie', 'RFC 8446 §4.2.2');
    require(group !== undefined || cookie !== undefined, 'a HelloRetryRequest without a change', 'RFC 8446 §4.1.4');
    client.retry(hello, { group, cookie, cipherSuite: hello.cipherSuite });
  }

  #selected(hello: ServerHello): void {
    const client = this.#client;
    const { agreed } = client;
    const psk = this.#selectedPsk(hello);
    const extension = hello.extensions?.find((one) => one.type === Ext.keyShare);
    // The client never offers psk_ke alone and goes on with it.
    if (extension === undefined) fault('a ServerHello without key_share', 'RFC 8446 §4.1.3');
    const { group, share } = readExtension(extension, (r) => ({
      group: r.u16('group'),
      share: r.take(r.u16('key_exchange length'), 'key_exchange').slice(),
    }));
    const ours = client.shareOf(group);
    if (ours === undefined) fault('the key share is of a group that the client sent none for', 'RFC 8446 §4.2.8');
    const retried = this.#retryGroup;
    require(retried === undefined || retried === group, 'not the group of the HelloRetryRequest', 'RFC 8446 §4.2.8');
    agreed.group = group;
    agreed.resumed = psk && 'psk';
    this.#schedule = new Schedule13(this.#suite.hash, psk?.psk);
    client.shared = ours.derive(share);
    const secrets = this.#schedule.handshakeTraffic(client.shared, client.hash());
    client.secrets.set('CLIENT_HANDSHAKE_TRAFFIC_SECRET', secrets.client);
    client.secrets.set('SERVER_HANDSHAKE_TRAFFIC_SECRET', secrets.server);
    this.#clientSecret = secrets.client;
    this.#serverSecret = secrets.server;
    client.readWith(protection13(this.#suite, secrets.server));
    this.#expected = psk === undefined ? WITH_CERTIFICATE : WITH_PSK;
  }

  #selectedPsk(hello: ServerHello): Session13 | undefined {
    const extension = hello.extensions?.find((one) => one.type === Ext.preSharedKey);
    if (extension === undefined) return undefined;
    const { sessions } = this.#client.hello!;
    const index = readExtension(extension, (r) => r.u16('selected_identity'));
    const session = sessions[index];
    if (session === undefined) fault(`selected_identity ${index} was not offered`, 'RFC 8446 §4.2.11');
    const hash = SUITES.get(session.cipherSuite)!.hash;
    require(hash === this.#suite.hash, "the suite's hash is not the one of the PSK", 'RFC 8446 §4.2.11');
    return session;
  }

  // ---- The server's messages ----

  changeCipherSpec(): void {
    require(!this.#finishedReceived, 'ChangeCipherSpec behind Finished', 'RFC 8446 §5');
    require(this.#changeCipherSpec !== 'seen', 'a second ChangeCipherSpec', 'RFC 8446 §D.4');
    this.#changeCipherSpec = 'seen';
  }

  message(type: number, body: Uint8Array, bytes: Uint8Array): void {
    require(this.#changeCipherSpec !== 'due', 'no ChangeCipherSpec behind the first message', 'RFC 8446 §D.4');
    if (this.#finishedReceived) this.#afterHandshake(type, body);
    else this.#handshake(type, body, bytes);
  }

  #handshake(type: number, body: Uint8Array, bytes: Uint8Array): void {
    const name = messageName(type);
    const at = this.#expected.findIndex((one) => one === name || one === `[${name}]`);
    const skipped = at < 0 ? ['x'] : this.#expected.slice(0, at);
    const fits = skipped.every((one) => one.startsWith('['));
    require(fits, `${name} where ${this.#expected.join(', ')} was due`, 'RFC 8446 §4');
    this.#expected = this.#expected.slice(at + 1);
    const client = this.#client;
    if (type === Message.EncryptedExtensions) this.#encryptedExtensions(body);
    else if (type === Message.CertificateRequest) {
      const request = readCertificateRequest13(body);
      require(request.context.length === 0, 'a context in the handshake', 'RFC 8446 §4.3.2');
      client.agreed.certificateRequest = request;
    } else if (type === Message.Certificate) this.#certificate(body);
    else if (type === Message.CertificateVerify) this.#certificateVerify(body);
    else {
      this.#finished(body, bytes);
      return;
    }
    client.transcript.push(bytes);
  }

  #encryptedExtensions(body: Uint8Array): void {
    const { agreed, io, options, hello } = this.#client;
    for (const extension of readEncryptedExtensions(body)) {
      const { type, data } = extension;
      const name = extensionName(type);
      const offered = hello!.parts.extensions?.some((one) => one.type === type);
      require(offered ?? false, `${name} was not offered`, 'RFC 8446 §4.2');
      if (type === Ext.serverName) {
        require(data.length === 0, 'server_name of the server is not empty', 'RFC 6066 §3');
        agreed.serverName = true;
      } else if (type === Ext.alpn) agreed.alpn = alpnAnswer(extension, options.alpn ?? []);
      else if (type === Ext.supportedGroups) {
        readExtension(extension, (r) => r.take(r.u16('named_group_list length'), 'named_group_list'));
      } else if (type === Ext.maxFragmentLength) {
        const same = data.length === 1 && data[0] === options.maxFragmentLength;
        require(same, 'max_fragment_length is not the one that was offered', 'RFC 6066 §4');
        agreed.maxFragmentLength = 2 ** (8 + data[0]!);
        io.readLimit = agreed.maxFragmentLength;
        io.writeLimit = agreed.maxFragmentLength;
      } else if (type === Ext.recordSizeLimit) {
        agreed.recordSizeLimit = recordSizeLimitAnswer(extension);
        io.protectedWriteLimit = agreed.recordSizeLimit;
        io.protectedReadLimit = options.recordSizeLimit!;
      } else if (type === Ext.earlyData) fault('the server takes early data', 'it was to refuse it');
      else fault(`${name} in EncryptedExtensions`, 'RFC 8446 §4.2');
    }
    const both = agreed.maxFragmentLength !== undefined && agreed.recordSizeLimit !== undefined;
    require(!both, 'max_fragment_length beside record_size_limit', 'RFC 8449 §5');
  }

  #certificate(body: Uint8Array): void {
    const { context, entries } = readCertificate13(body);
    require(context.length === 0, "a context in the server's Certificate", 'RFC 8446 §4.4.2');
    this.#leaf = this.#client.takeChain(entries.map((entry) => entry.certificate));
    for (const [i, entry] of entries.entries()) this.#entryExtensions(entry, i);
  }

  #entryExtensions({ extensions }: CertificateEntry, index: number): void {
    const { agreed, hello } = this.#client;
    for (const { type, data } of extensions) {
      const offered = hello!.parts.extensions?.some((one) => one.type === type) ?? false;
      require(offered, `${extensionName(type)} in Certificate was not offered`, 'RFC 8446 §4.4.2');
      require(type === Ext.statusRequest, `${extensionName(type)} in Certificate`, 'RFC 8446 §4.2');
      const response = readCertificateStatus(data);
      if (index === 0) agreed.ocspResponse = response;
    }
  }

  #certificateVerify(body: Uint8Array): void {
    const { agreed, offer } = this.#client;
    const { scheme, signature } = readCertificateVerify(body);
    require(offer.schemes.includes(scheme), `scheme ${scheme.toString(16)} was not offered`, 'RFC 8446 §4.4.3');
    require(!isPkcs1(scheme), 'a PKCS#1 signature', 'RFC 8446 §4.4.3');
    const key = this.#leaf!.publicKey;
    require(schemeFits(scheme, key), 'the scheme is not one of the certificate', 'RFC 8446 §4.4.3');
    const content = signedContent('server', this.#client.hash());
    require(verifySignature(scheme, key, content, signature), 'the signature is wrong', 'RFC 8446 §4.4.3');
    agreed.scheme = scheme;
  }

  #finished(body: Uint8Array, bytes: Uint8Array): void {
    const client = this.#client;
    const schedule = this.#schedule!;
    const expected = schedule.finished(this.#serverSecret, client.hash());
    require(sameBytes(expected, body), "the server's Finished is wrong", 'RFC 8446 §4.4.4');
    client.transcript.push(bytes);
    this.#finishedReceived = true;
    const secrets = schedule.applicationTraffic(client.hash());
    client.secrets.set('CLIENT_TRAFFIC_SECRET_0', secrets.client);
    client.secrets.set('SERVER_TRAFFIC_SECRET_0', secrets.server);
    client.secrets.set('EXPORTER_SECRET', secrets.exporter);
    this.#serverSecret = secrets.server;
    client.readWith(protection13(this.#suite, secrets.server));
    this.#secondFlight(secrets.client);
  }

  // ---- The client's second flight ----

  #secondFlight(applicationSecret: Uint8Array): void {
    const { options, agreed } = this.#client;
    const handshakeSecret = this.#clientSecret;
    const chain = options.certificate?.chain ?? [];
    const steps: Step[] = [];
    if (options.compatibility !== false) steps.push(this.#client.changeCipherSpecStep());
    const newKeys = (): void => this.#client.writeWith(protection13(this.#suite, handshakeSecret));
    steps.push({ name: 'NewKeys', run: newKeys });
    if (agreed.certificateRequest !== undefined) {
      steps.push({ name: 'Certificate', run: () => this.#sendCertificate(chain) });
      if (chain.length > 0) steps.push({ name: 'CertificateVerify', run: () => this.#sendCertificateVerify() });
    }
    steps.push({ name: 'Finished', run: () => this.#sendFinished(handshakeSecret, applicationSecret) });
    this.#client.runFlight(steps);
  }

  #sendCertificate(chain: readonly Uint8Array[]): void {
    const w = new Writer().prefixed(1, (context) => context.put(this.#client.agreed.certificateRequest!.context));
    w.prefixed(3, (list) => {
      for (const certificate of chain) list.prefixed(3, (one) => one.put(certificate)).u16(0);
    });
    this.#client.sendMessage('Certificate', Message.Certificate, w.finish());
  }

  #sendCertificateVerify(): void {
    const { options, agreed } = this.#client;
    const { key, scheme } = options.certificate!;
    const usable = agreed.certificateRequest!.schemes.filter((one) => !isPkcs1(one));
    const chosen = scheme ?? usable.find((one) => schemeFits(one, key!));
    if (chosen === undefined) throw new Error("the server takes no signature of the client's key");
    const signature = makeSignature(chosen, key!, signedContent('client', this.#client.hash()));
    const body = new Writer().u16(chosen).prefixed(2, (w) => w.put(signature));
    this.#client.sendMessage('CertificateVerify', Message.CertificateVerify, body.finish());
  }

  #sendFinished(handshakeSecret: Uint8Array, applicationSecret: Uint8Array): void {
    const client = this.#client;
    const data = this.#schedule!.finished(handshakeSecret, client.hash());
    client.sendMessage('Finished', Message.Finished, data);
    this.#finishedSent = true;
    this.#clientSecret = applicationSecret;
    client.writeWith(protection13(this.#suite, applicationSecret));
    this.#resumptionSecret = this.#schedule!.resumption(client.hash());
  }

  // ---- Behind the handshake ----

  #afterHandshake(type: number, body: Uint8Array): void {
    if (type === Message.NewSessionTicket) this.#newSessionTicket(body);
    else if (type === Message.KeyUpdate) this.#keyUpdate(body);
    else fault(`${messageName(type)} behind the handshake`, 'RFC 8446 §4.6');
  }

  #newSessionTicket(body: Uint8Array): void {
    require(this.#finishedSent, "a ticket before the client's Finished, which it depends on", 'RFC 8446 §4.6.1');
    const { sessions, options } = this.#client;
    const { lifetime, ageAdd, nonce, ticket, extensions } = readTicket13(body);
    let maxEarlyDataSize = 0;
    for (const extension of extensions) {
      if (extension.type === Ext.earlyData)
        maxEarlyDataSize = readExtension(extension, (r) => r.u32('max_early_data_size'));
    }
    const psk = this.#schedule!.ticketPsk(this.#resumptionSecret, nonce);
    const twice = sessions.some((one) => one.version === TLS13 && sameBytes(one.psk, psk));
    require(!twice, 'ticket_nonce comes twice', 'RFC 8446 §4.6.1');
    const cipherSuite = this.#suite.code;
    const receivedAtMs = options.nowMs ?? 0;
    sessions.push({ version: TLS13, ticket, psk, cipherSuite, lifetime, ageAdd, receivedAtMs, maxEarlyDataSize });
  }

  #keyUpdate(body: Uint8Array): void {
    require(body.length === 1 && body[0]! <= 1, 'a KeyUpdate that is neither 0 nor 1', 'RFC 8446 §4.6.3');
    this.#client.serverKeyUpdates++;
    this.#serverSecret = this.#schedule!.nextTraffic(this.#serverSecret);
    this.#client.readWith(protection13(this.#suite, this.#serverSecret));
    if (body[0] === 1) this.sendKeyUpdate(false);
  }

  /** RFC 8446 §4.6.3: goes out under the old keys, and the next record under the new ones. */
  sendKeyUpdate(requested: boolean): void {
    const bytes = Uint8Array.of(Message.KeyUpdate, 0, 0, 1, requested ? 1 : 0);
    const client = this.#client;
    client.io.queueHandshake('KeyUpdate', bytes);
    this.#clientSecret = this.#schedule!.nextTraffic(this.#clientSecret);
    client.writeWith(protection13(this.#suite, this.#clientSecret));
  }
}

function isPkcs1(scheme: number): boolean {
  return [0x0401, 0x0501, 0x0601].includes(scheme);
}

/** RFC 8446 §4.4.3. */
function signedContent(side: 'client' | 'server', transcriptHash: Uint8Array): Uint8Array {
  const context = ascii(`TLS 1.3, ${side} CertificateVerify`);
  return concat(new Uint8Array(64).fill(0x20), context, new Uint8Array(1), transcriptHash);
}
