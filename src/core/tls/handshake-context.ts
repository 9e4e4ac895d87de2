// What the front of a TLS server (server.ts) and the machine of the version that was chosen (server12.ts, server13.ts) have
// in common: the record layer, the messages that wait, state, failure and the trace; and the interface between the two.

import { ByteQueue } from '../bytes/queue.js';
import type { ConnectionInfo } from '../http/message.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import type { Verdict } from './alerts.js';
import type { Version } from './client-hello.js';
import type { TlsConfig } from './config.js';
import type { TlsFields } from './describe.js';
import { type ClientHello, HANDSHAKE_HEADER_BYTES } from './messages.js';
import { ContentType } from './record.js';
import { RecordLayer } from './record-layer.js';
import type { SessionCache } from './session-cache.js';

/** What was agreed on, for HTTP to see. */
export type Negotiated = NonNullable<ConnectionInfo['tls']>;

/**
 * The handshake of one version, and what comes after it. The front calls it, record by record and in their order; it
 * answers through the context. After a failure nothing is called any more.
 */
export interface HandshakeMachine {
  /** Whether handshake messages mean something after our own close_notify; otherwise they are dropped. */
  readonly readsAfterClose: boolean;
  /**
   * The ClientHello that made the front choose this version: no extension twice, all fields well-formed. `bytes` is the
   * message with its header and stays as it is.
   */
  start(nowUs: Micros, hello: ClientHello, bytes: Uint8Array): void;
  /** Whether a message of this type may come now; asked as soon as its header is there. */
  admit(msgType: number): Verdict | undefined;
  /** A message that was admitted, whole, with its header. It stays as it is. */
  receiveMessage(nowUs: Micros, msgType: number, bytes: Uint8Array): void;
  /** The content of a change_cipher_spec record that the record layer did not pass over. */
  receiveChangeCipherSpec(nowUs: Micros, content: Uint8Array): void;
  /** The key that we write with is nearly used up. True when another is in its place; otherwise the front closes. */
  refreshWriteKey(nowUs: Micros): boolean;
  /** A fatal alert was sent or received; told once. */
  connectionFailed?(): void;
  /** Application data is about to be written. */
  beforeData?(nowUs: Micros): void;
  /** Application data of the peer was read. */
  dataRead?(): void;
}

export type CreateMachine = (context: HandshakeContext) => HandshakeMachine;

export interface HandshakeContextOptions {
  /** Names the connection in trace and random draws. */
  readonly flow: string;
  readonly config: TlsConfig;
  /** The sessions that the connections of a run share; absent: nothing is resumed by session id. */
  readonly sessions?: SessionCache | undefined;
  readonly trace?: Trace | undefined;
  /** Of those that the config allows and that are spoken; undefined: none. */
  readonly highestVersion: Version | undefined;
}

export class HandshakeContext {
  readonly flow: string;
  readonly config: TlsConfig;
  readonly sessions: SessionCache | undefined;
  readonly trace: Trace | undefined;
  readonly highestVersion: Version | undefined;
  /** Keys, versions and limits of records are set here by the machine. */
  readonly records: RecordLayer;
  /** Bytes of handshake messages behind the one that is being worked on. */
  readonly handshakeInput = new ByteQueue();
  #step = 'ExpectClientHello';
  #negotiated: Negotiated | undefined;

  constructor({ flow, config, sessions, trace, highestVersion }: HandshakeContextOptions) {
    this.flow = flow;
    this.config = config;
    this.sessions = sessions;
    this.trace = trace;
    this.highestVersion = highestVersion;
    this.records = new RecordLayer(flow, trace);
    this.records.refusesData = true;
  }

  /** Wall time, milliseconds since 1970: for ages of tickets and the validity of certificates. */
  unixMs(nowUs: Micros): number {
    return Math.floor(((this.config.startUnixUs ?? 0) + nowUs) / 1000);
  }

  /** The state's name, as the trace tells it. */
  get step(): string {
    return this.#step;
  }

  /** Set when the handshake is done. */
  get negotiated(): Negotiated | undefined {
    return this.#negotiated;
  }

  /** Logical time as microseconds since 1970. */
  unixUs(nowUs: Micros): number {
    return (this.config.startUnixUs ?? 0) + nowUs;
  }

  /** Changes the state; `Closed` and `Failed` are the front's. */
  to(nowUs: Micros, to: string): void {
    const from = this.#step;
    if (from === to) return;
    this.#step = to;
    this.trace?.(nowUs, { layer: 'tls', kind: 'state', flow: this.flow, from, to });
  }

  /** Ends the connection by the verdict's alert. */
  fail(nowUs: Micros, verdict: Verdict, detail?: string): void {
    this.records.fail(nowUs, verdict, detail);
    this.settle(nowUs);
  }

  /** The handshake is done: application data may go both ways from here on. `step` is the state for that. */
  establish(nowUs: Micros, step: string, negotiated: Negotiated): void {
    this.#negotiated = negotiated;
    this.records.refusesData = false;
    this.to(nowUs, step);
    const { version, cipherSuite, group, signature, serverName, alpn, extendedMasterSecret } = negotiated;
    const { resumed, encryptThenMac, clientCertificate } = negotiated;
    this.trace?.(nowUs, {
      layer: 'tls',
      kind: 'established',
      flow: this.flow,
      version,
      cipherSuite,
      group,
      signature,
      ...(serverName === undefined ? undefined : { serverName }),
      ...(alpn === undefined ? undefined : { alpn }),
      extendedMasterSecret,
      ...(resumed === undefined ? undefined : { resumed }),
      ...(encryptThenMac === undefined ? undefined : { encryptThenMac }),
      ...(clientCertificate === undefined ? undefined : { clientCertificate }),
    });
  }

  /** Follows the record layer's end. */
  settle(nowUs: Micros): void {
    const { records } = this;
    // An unfinished handshake has nobody to finish it. An open connection can still send its answers.
    if (records.inputEnded && this.#negotiated === undefined) records.close(nowUs);
    if (records.end === 'open') return;
    this.handshakeInput.clear();
    this.to(nowUs, records.end === 'closed' ? 'Closed' : 'Failed');
  }

  /**
   * Sends one handshake message, header included, in records of its own. `name` and `fields` are for the trace; `fields`
   * need not be made when there is none.
   */
  send(nowUs: Micros, name: string, bytes: Uint8Array, fields: TlsFields | undefined): void {
    this.traceHandshake(nowUs, 'out', name, bytes, fields);
    this.records.write(nowUs, ContentType.handshake, bytes);
  }

  /** Tells of bytes from the peer that are not looked at. */
  drop(nowUs: Micros, reason: string, length: number): void {
    this.trace?.(nowUs, { layer: 'tls', kind: 'drop', severity: 'warning', flow: this.flow, reason, length });
  }

  traceHandshake(
    nowUs: Micros,
    dir: 'in' | 'out',
    message: string,
    bytes: Uint8Array,
    fields: TlsFields | undefined,
  ): void {
    const length = bytes.length - HANDSHAKE_HEADER_BYTES;
    this.trace?.(nowUs, {
      layer: 'tls',
      kind: 'handshake',
      flow: this.flow,
      dir,
      message,
      length,
      fields: fields ?? {},
    });
  }
}
