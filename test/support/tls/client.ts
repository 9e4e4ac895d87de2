// A TLS client as a machine: bytes in, bytes out, its randomness from a seed. It is written from the RFCs alone, checks all
// that the server says, raises ServerFault for what the server may not say, and does what its hooks tell it to, right or
// wrong. The hello and what both versions share are here; the handshakes are in client12.ts and client13.ts.

import { X509Certificate } from 'node:crypto';
import { concat, text } from '../bytes.js';
import { Client12 } from './client12.js';
import { Client13 } from './client13.js';
import {
  Alert,
  alertName,
  DOWNGRADE_TO_11,
  DOWNGRADE_TO_12,
  Ext,
  fault,
  Message,
  messageName,
  require,
  SUITES,
  type Suite,
  TLS12,
  TLS13,
  Type,
} from './codes.js';
import { type BuiltHello, buildHello, encodeHello, fillBinders, type Offer, offerOf, type Retry } from './hello.js';
import type { ClientOptions, ClientSession, Step } from './options.js';
import { type Draw, digest, type KeyPair, seededDraw } from './primitives.js';
import { type Protection, protection13 } from './protection.js';
import { RecordIo } from './record-io.js';
import { messageHash, Schedule13 } from './schedule.js';
import { type CertificateRequest, readServerHello, type ServerHello } from './server-messages.js';

/** What was agreed on, as far as it is known. */
export interface Agreed {
  version: number | undefined;
  suite: Suite | undefined;
  /** Of the key exchange; undefined when a 1.2 session was resumed. */
  group: number | undefined;
  /** Of the server's signature. */
  scheme: number | undefined;
  resumed: 'session id' | 'ticket' | 'psk' | undefined;
  alpn: string | undefined;
  extendedMasterSecret: boolean;
  encryptThenMac: boolean;
  /** The server acknowledged server_name. */
  serverName: boolean;
  /** Bytes; undefined when it was not negotiated. */
  maxFragmentLength: number | undefined;
  /** The server's own limit (RFC 8449). */
  recordSizeLimit: number | undefined;
  helloRetry: boolean;
  chain: readonly Uint8Array[];
  ocspResponse: Uint8Array | undefined;
  certificateRequest: CertificateRequest | undefined;
}

/** The machine of one version, made when the server has chosen it. */
export interface VersionClient {
  message(type: number, body: Uint8Array, bytes: Uint8Array): void;
  changeCipherSpec(): void;
  readonly established: boolean;
}

const NOTHING = new Uint8Array(0);

export class TlsClient {
  readonly options: ClientOptions;
  readonly offer: Offer;
  readonly draw: Draw;
  readonly io: RecordIo;
  readonly agreed: Agreed;
  /** Handshake messages of both sides, as they count in hashes. */
  transcript: Uint8Array[] = [];
  /** By NSS key log label. */
  readonly secrets = new Map<string, Uint8Array>();
  /** To be resumed; the newest last. */
  readonly sessions: ClientSession[] = [];
  /** Names of the server's handshake messages and ChangeCipherSpecs, in order. */
  readonly seen: string[] = [];
  /** Alerts of the server as [level, description]. */
  readonly alerts: [number, number][] = [];
  /** Application data of the server, record by record. */
  readonly received: Uint8Array[] = [];
  serverKeyUpdates = 0;
  /** The secret of the key exchange. */
  shared: Uint8Array = NOTHING;
  clientRandom: Uint8Array = NOTHING;
  serverRandom: Uint8Array = NOTHING;
  hello: BuiltHello | undefined;
  /** The first and, behind a HelloRetryRequest, the second ClientHello as they were sent. */
  readonly helloBytes: Uint8Array[] = [];
  #versionClient: VersionClient | undefined;
  #partial: Uint8Array = NOTHING;
  #waiting: readonly Step[] = [];
  #pauseBefore: string | undefined;
  #changeCipherSpecSent = false;

  constructor(options: ClientOptions = {}) {
    this.options = options;
    this.offer = offerOf(options);
    this.draw = seededDraw(options.seed ?? 'client');
    this.io = new RecordIo(options);
    this.#pauseBefore = options.pauseBefore;
    this.agreed = {
      version: undefined,
      suite: undefined,
      group: undefined,
      scheme: undefined,
      resumed: undefined,
      alpn: undefined,
      extendedMasterSecret: false,
      encryptThenMac: false,
      serverName: false,
      maxFragmentLength: undefined,
      recordSizeLimit: undefined,
      helloRetry: false,
      chain: [],
      ocspResponse: undefined,
      certificateRequest: undefined,
    };
  }

  /** Both Finished messages were exchanged and were right. */
  get established(): boolean {
    return this.#versionClient?.established ?? false;
  }

  /** The server's fatal alert, or one that TLS 1.3 takes for fatal (RFC 8446 §6), by name. */
  get failure(): string | undefined {
    const fatal = this.alerts.find(([level, description]) => {
      if (this.agreed.version !== TLS13) return level === 2;
      return description !== Alert.close_notify && description !== Alert.user_canceled;
    });
    return fatal === undefined ? undefined : alertName(fatal[1]);
  }

  /** The server's close_notify came. */
  get closed(): boolean {
    return this.alerts.some(([, description]) => description === Alert.close_notify);
  }

  /** The step that the client stopped before. */
  get next(): string | undefined {
    return this.#waiting[0]?.name;
  }

  // ---- What the client does ----

  /** The first flight. */
  start(): Uint8Array {
    const steps: Step[] = [{ name: 'ClientHello', run: () => this.#sendHello() }];
    const { earlyData } = this.options;
    if (earlyData !== undefined) {
      // RFC 8446 §D.4: with early data the ChangeCipherSpec stands here.
      if (this.options.compatibility !== false) steps.push(this.changeCipherSpecStep());
      steps.push({ name: 'EarlyData', run: () => this.#sendEarlyData(earlyData) });
    }
    this.runFlight(steps);
    return this.take();
  }

  /** Takes bytes of the server, cut in any way; gives what the client says to them. */
  receive(bytes: Uint8Array): Uint8Array {
    this.io.push(bytes);
    for (let record = this.io.next(); record !== undefined; record = this.io.next()) {
      const { contentType, fragment } = record;
      if (contentType !== Type.handshake && this.#partial.length > 0) {
        fault('a record of another type within a handshake message', 'RFC 5246 §6.2.1, RFC 8446 §5.1');
      }
      if (contentType === Type.alert) this.#alert(fragment);
      else if (contentType === Type.handshake) this.#handshakeRecord(fragment);
      else if (contentType === Type.changeCipherSpec) this.#changeCipherSpec(fragment);
      else {
        require(this.io.readKeys !== undefined, 'application data in clear', 'RFC 8446 §5.1');
        require(this.established, 'application data before Finished', 'RFC 5246 §7.4.9');
        this.received.push(fragment.slice());
      }
    }
    return this.take();
  }

  /** What is to be sent. */
  take(): Uint8Array {
    return concat(...this.io.takeRecords());
  }

  /** Goes on behind `pauseBefore`. */
  resume(): Uint8Array {
    const steps = this.#waiting;
    this.#waiting = [];
    this.#pauseBefore = undefined;
    this.#run(steps);
    return this.take();
  }

  /** Takes one step and stops again. */
  step(): Uint8Array {
    const [first, ...rest] = this.#waiting;
    this.#waiting = rest;
    first?.run();
    return this.take();
  }

  /** Application data under the keys of the moment. */
  write(content: Uint8Array): Uint8Array {
    this.io.send(Type.applicationData, content, 'ApplicationData');
    return this.take();
  }

  close(): Uint8Array {
    return this.inject(Type.alert, Uint8Array.of(1, Alert.close_notify!));
  }

  /** TLS 1.3, behind the handshake: new keys for what the client sends, and for the server if that is asked for. */
  keyUpdate(requested: boolean): Uint8Array {
    if (!(this.#versionClient instanceof Client13)) throw new Error('KeyUpdate is of TLS 1.3');
    this.#versionClient.sendKeyUpdate(requested);
    return this.take();
  }

  /** One record of any type under the keys of the moment; the transcript does not notice. */
  inject(contentType: number, content: Uint8Array): Uint8Array {
    this.io.send(contentType, content, 'injected');
    return this.take();
  }

  /** One record in clear. */
  injectClear(contentType: number, content: Uint8Array): Uint8Array {
    this.io.sendClear(contentType, content, 'injected');
    return this.take();
  }

  // ---- What the versions' machines use ----

  /** Runs the steps of a flight through the hooks, up to a pause. */
  runFlight(steps: readonly Step[]): void {
    this.#run(this.options.hooks?.flight?.(steps) ?? steps);
  }

  /** A handshake message that counts in the transcript. */
  sendMessage(name: string, type: number, body: Uint8Array): void {
    const length = body.length;
    this.sendMessageBytes(name, concat(Uint8Array.of(type, length >>> 16, length >>> 8, length), body));
  }

  sendMessageBytes(name: string, bytes: Uint8Array): readonly Uint8Array[] {
    const hooked = this.options.hooks?.message?.(name, bytes) ?? bytes;
    const messages = hooked instanceof Uint8Array ? [hooked] : hooked;
    for (const message of messages) {
      this.transcript.push(message);
      this.io.queueHandshake(name, message);
    }
    return messages;
  }

  hash(): Uint8Array {
    return digest(this.agreed.suite!.hash, ...this.transcript);
  }

  /** The ChangeCipherSpec that means nothing (RFC 8446 §D.4), once. */
  changeCipherSpecStep(): Step {
    return {
      name: 'ChangeCipherSpec',
      run: () => {
        if (!this.#changeCipherSpecSent) this.io.sendClear(Type.changeCipherSpec, Uint8Array.of(1), 'ChangeCipherSpec');
        this.#changeCipherSpecSent = true;
      },
    };
  }

  /** The server's keys change: no part of a message may wait (RFC 8446 §5.1). */
  readWith(keys: Protection | undefined): void {
    require(this.#partial.length === 0, 'a handshake message spans a change of keys', 'RFC 8446 §5.1');
    this.io.readKeys = keys;
  }

  /** Ours change; what is queued goes out under the old ones. */
  writeWith(keys: Protection | undefined): void {
    this.io.flush();
    this.io.writeKeys = keys;
  }

  /** The server's chain; gives the leaf. */
  takeChain(chain: readonly Uint8Array[]): X509Certificate {
    require(chain.length > 0, 'the server sent no certificate', 'RFC 5246 §7.4.2, RFC 8446 §4.4.2');
    this.agreed.chain = chain;
    const { expectedLeaf } = this.options;
    if (expectedLeaf !== undefined && Buffer.compare(expectedLeaf, chain[0]!) !== 0) {
      throw new Error('the server shows another certificate than expected');
    }
    return parsedCertificate(chain[0]!);
  }

  /** RFC 8446 §4.1.4: the same hello again with what was asked for. */
  retry(hello: ServerHello, retry: Retry): void {
    const { hash } = SUITES.get(hello.cipherSuite)!;
    const first = this.transcript[0]!;
    const retryBytes = this.transcript[1]!;
    this.transcript = [messageHash(hash, first), retryBytes];
    this.writeWith(undefined);
    this.io.clearVersion = 0x0303;
    const steps: Step[] = [{ name: 'ClientHello', run: () => this.#sendHello(retry) }];
    if (this.options.compatibility !== false) steps.unshift(this.changeCipherSpecStep());
    this.runFlight(steps);
  }

  shareOf(group: number): KeyPair | undefined {
    return this.hello!.shares.get(group);
  }

  // ---- The hello ----

  #run(steps: readonly Step[]): void {
    for (let i = 0; i < steps.length; i++) {
      if (steps[i]!.name === this.#pauseBefore) {
        this.#waiting = steps.slice(i);
        break;
      }
      steps[i]!.run();
    }
    this.io.flush();
  }

  #sendHello(retry?: Retry): void {
    const built = buildHello(this.options, this.draw, retry);
    const parts = this.options.hooks?.hello?.(built.parts, retry === undefined ? 1 : 2) ?? built.parts;
    this.hello = { ...built, parts };
    this.clientRandom = parts.random;
    const bytes = encodeHello(parts);
    const before = (): readonly Uint8Array[] => this.transcript;
    // A test may have put another extension behind it.
    const last = parts.extensions?.at(-1)?.type === Ext.preSharedKey;
    if (built.sessions.length > 0 && last) fillBinders(bytes, built.sessions, before);
    this.helloBytes.push(concat(...this.sendMessageBytes('ClientHello', bytes)));
    this.io.clearVersion = 0x0303;
  }

  #sendEarlyData(parts: readonly Uint8Array[]): void {
    const session = this.offer.sessions13[0];
    if (session === undefined) throw new Error('early data needs a session of TLS 1.3');
    const suite = SUITES.get(session.cipherSuite)!;
    const secret = new Schedule13(suite.hash, session.psk).clientEarlyTraffic(digest(suite.hash, ...this.transcript));
    this.secrets.set('CLIENT_EARLY_TRAFFIC_SECRET', secret);
    this.writeWith(protection13(suite, secret));
    for (const part of parts) this.io.send(Type.applicationData, part, 'EarlyData');
  }

  #serverHello(body: Uint8Array): void {
    const hello = readServerHello(body);
    require(hello.compressionMethod === 0, 'a compression method', 'RFC 5246 §7.4.1.3, RFC 8446 §4.1.3');
    require(this.offer.cipherSuites.includes(hello.cipherSuite), suiteFault(
      hello,
    ), 'RFC 5246 §7.4.1.3, RFC 8446 §4.1.3');
    const suite = SUITES.get(hello.cipherSuite);
    if (suite === undefined) fault(suiteFault(hello), 'a suite that the client only names');
    const chosen = selectedVersion(hello);
    require(this.offer.versions.includes(chosen), `version ${chosen.toString(16)} was not offered`, 'RFC 8446 §4.2.1');
    require(suite.version === chosen, 'the suite belongs to another version', 'RFC 8446 §B.4');
    if (this.agreed.version !== undefined) {
      require(this.agreed.version === chosen, 'the version changed after a HelloRetryRequest', 'RFC 8446 §4.1.4');
      require(this.agreed.suite === suite, 'the suite changed after a HelloRetryRequest', 'RFC 8446 §4.1.4');
    }
    this.serverRandom = hello.random;
    this.agreed.version = chosen;
    this.agreed.suite = suite;
    this.io.version = chosen;
    if (chosen === TLS12) {
      this.#checkDowngrade(hello);
      this.#versionClient = new Client12(this, hello);
    } else {
      const machine = (this.#versionClient as Client13 | undefined) ?? new Client13(this);
      this.#versionClient = machine;
      machine.serverHello(hello);
    }
  }

  /** RFC 8446 §4.1.3. */
  #checkDowngrade({ random }: ServerHello): void {
    const end = text(random.subarray(24));
    const offered13 = this.offer.versions.includes(TLS13);
    require(!(offered13 && end === DOWNGRADE_TO_12), 'the server says that it was made to take 1.2', 'RFC 8446 §4.1.3');
    require(end !== DOWNGRADE_TO_11, 'the server says that it was made to take 1.1', 'RFC 8446 §4.1.3');
    const early = this.options.earlyData !== undefined;
    require(!early, 'TLS 1.2 in answer to early data', 'RFC 8446 §D.3');
  }

  // ---- What comes in ----

  #alert(fragment: Uint8Array): void {
    require(fragment.length === 2, `an alert of ${fragment.length} bytes`, 'RFC 5246 §7.2, RFC 8446 §5.1');
    const [level, description] = [fragment[0]!, fragment[1]!];
    require(level === 1 || level === 2, `alert level ${level}`, 'RFC 5246 §7.2');
    this.alerts.push([level, description]);
  }

  #changeCipherSpec(fragment: Uint8Array): void {
    const right = fragment.length === 1 && fragment[0] === 1;
    require(right, 'a ChangeCipherSpec that is not 1', 'RFC 5246 §7.1, RFC 8446 §5');
    if (this.#versionClient === undefined) fault('ChangeCipherSpec before ServerHello', 'RFC 5246 §7.1');
    this.seen.push('ChangeCipherSpec');
    this.#versionClient.changeCipherSpec();
  }

  #handshakeRecord(fragment: Uint8Array): void {
    this.#partial = concat(this.#partial, fragment);
    while (this.#partial.length >= 4) {
      const length = 4 + ((this.#partial[1]! << 16) | (this.#partial[2]! << 8) | this.#partial[3]!);
      if (this.#partial.length < length) return;
      const bytes = this.#partial.slice(0, length);
      this.#partial = this.#partial.slice(length);
      this.#message(bytes[0]!, bytes.subarray(4), bytes);
    }
  }

  #message(type: number, body: Uint8Array, bytes: Uint8Array): void {
    this.seen.push(messageName(type));
    if (type === Message.ServerHello) {
      const again = this.agreed.helloRetry && !this.seen.slice(0, -1).includes('EncryptedExtensions');
      require(this.#versionClient === undefined || again, 'a second ServerHello', 'RFC 5246 §7.4.1.3');
      this.transcript.push(bytes);
      this.#serverHello(body);
      return;
    }
    if (type === Message.HelloRequest && this.agreed.version !== TLS13) {
      // RFC 5246 §7.4.1.1: it does not count in hashes, and the client may ignore it.
      require(body.length === 0, 'HelloRequest is not empty', 'RFC 5246 §7.4.1.1');
      return;
    }
    if (this.#versionClient === undefined) fault(`${messageName(type)} before ServerHello`, 'RFC 5246 §7.3');
    this.#versionClient.message(type, body, bytes);
  }
}

function suiteFault({ cipherSuite }: ServerHello): string {
  return `cipher suite ${cipherSuite.toString(16)} was not offered`;
}

/** RFC 8446 §4.2.1. */
function selectedVersion(hello: ServerHello): number {
  require(hello.version === TLS12, `server_version ${hello.version.toString(16)}`, 'RFC 5246 §E.1, RFC 8446 §4.1.3');
  const extension = hello.extensions?.find((one) => one.type === Ext.supportedVersions);
  if (extension === undefined) return TLS12;
  require(extension.data.length === 2, 'supported_versions of the server', 'RFC 8446 §4.2.1');
  const version = (extension.data[0]! << 8) | extension.data[1]!;
  require(version >= TLS13, 'supported_versions in the ServerHello of an older version', 'RFC 8446 §4.2.1');
  return version;
}

const parsed = new Map<string, X509Certificate>();

/** Tests shake hands many times with few certificates, and parsing one costs more than the rest of a handshake. */
function parsedCertificate(der: Uint8Array): X509Certificate {
  const key = Buffer.from(der).toString('latin1');
  let certificate = parsed.get(key);
  if (certificate === undefined) {
    certificate = new X509Certificate(der);
    if (parsed.size > 64) parsed.clear();
    parsed.set(key, certificate);
  }
  return certificate;
}
