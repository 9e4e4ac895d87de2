// The TLS server of one connection, as a machine without callbacks: bytes in, plaintext out, and the same downwards. What
// is common to all versions: the record layer, handshake messages off their records (RFC 5246 §6.2.1, RFC 8446 §5.1), the
// ClientHello and the version that it leads to. That version's machine then does the handshake: server12.ts, server13.ts.

import { ParseError, Reader } from '../bytes/reader.js';
import { limits } from '../limits.js';
import type { Micros } from '../types.js';
import { chooseVersion, highestVersion } from './client-hello.js';
import type { TlsConfig } from './config.js';
import { describeHandshake } from './describe.js';
import {
  HandshakeContext,
  type HandshakeContextOptions,
  type HandshakeMachine,
  type Negotiated,
} from './handshake-context.js';
import { machines } from './machines.js';
import { type ClientHello, decodeHandshake, HANDSHAKE_HEADER_BYTES, HandshakeType } from './messages.js';
import { handshakeTypeName } from './names.js';
import { ContentType } from './record.js';
import { NOTHING, type RecordLayer } from './record-layer.js';

export type TlsServerOptions = Omit<HandshakeContextOptions, 'highestVersion'> & {
  /** When the connection began: the handshake has limits.tls.handshakeUs from then on. Absent: from the first bytes on. */
  readonly openedUs?: Micros | undefined;
};

/**
 * handshake: nothing can be written yet. open: both ways. closed: close_notify was sent, by us first or in answer to the
 * peer's, and nothing more is written. failed: a fatal alert was sent or received; nothing more is written or read.
 */
export type TlsState = 'handshake' | 'open' | 'closed' | 'failed';

export class TlsServer {
  readonly #context: HandshakeContext;
  readonly #records: RecordLayer;
  /** There once a ClientHello has come. */
  #machine: HandshakeMachine | undefined;
  /** When the handshake has to be done. */
  #deadlineUs: Micros | undefined;
  #failureTold = false;

  constructor(options: TlsServerOptions) {
    if (options.openedUs !== undefined) this.#setDeadline(options.config, options.openedUs);
    this.#context = new HandshakeContext({ ...options, highestVersion: highestVersion(options.config, machines) });
    this.#records = this.#context.records;
  }

  get state(): TlsState {
    if (this.#records.end !== 'open') return this.#records.end;
    return this.#context.negotiated === undefined ? 'handshake' : 'open';
  }

  /** The peer's close_notify, a failure or a truncation was seen: no more plaintext will come. */
  get inputEnded(): boolean {
    return this.#records.inputEnded;
  }

  /** Set when the handshake is done. */
  get negotiated(): Negotiated | undefined {
    return this.#context.negotiated;
  }

  get pendingOutput(): number {
    return this.#records.pendingOutput;
  }

  /** What a record adds to its plaintext at most, header included. */
  get recordOverhead(): number {
    return this.#records.overhead;
  }

  /** How many bytes `receive` takes now. At 0 the owner waits: a `receive` then fails the connection. */
  get room(): number {
    return this.#records.room;
  }

  /** Buffers bytes from the peer; `read` works on them. */
  receive(nowUs: Micros, bytes: Uint8Array): void {
    if (this.#deadlineUs === undefined) this.#setDeadline(this.#context.config, nowUs);
    this.#records.receive(nowUs, bytes);
    this.#settle(nowUs);
  }

  /**
   * Works on buffered records until one gives application data: that plaintext, valid until the next call. Undefined when
   * more input is needed or the input is over. Call it after `receive` and after `endOfInput` until it gives undefined.
   */
  read(nowUs: Micros): Uint8Array | undefined {
    const records = this.#records;
    for (let type = records.next(nowUs); type !== NOTHING; type = records.next(nowUs)) {
      if (type === ContentType.applicationData) {
        // Application data is taken after our own close_notify too, until the peer's.
        if (this.#context.negotiated !== undefined) {
          this.#machine?.dataRead?.();
          return records.content;
        }
        this.#context.fail(nowUs, 'earlyApplicationData');
      } else if (type === ContentType.handshake) this.#receiveHandshake(nowUs, records.content);
      else if (this.#machine !== undefined) this.#machine.receiveChangeCipherSpec(nowUs, records.content);
      else this.#context.fail(nowUs, 'unexpectedChangeCipherSpec');
    }
    this.#settle(nowUs);
    return undefined;
  }

  /** FIN from the peer. Without a close_notify before it that is a truncation, which is told in the trace. */
  endOfInput(nowUs: Micros): void {
    this.#records.endOfInput(nowUs);
    this.#settle(nowUs);
  }

  /**
   * Seals plaintext into records, each as long as the protocol and the peer's limits allow. Gives how much was taken: less
   * than all of it when limits.tls.outputBytes wait to be taken, and 0 in any state but 'open'.
   */
  write(nowUs: Micros, plaintext: Uint8Array): number {
    const records = this.#records;
    let taken = 0;
    while (taken < plaintext.length && this.state === 'open') {
      if (records.pendingOutput >= limits.tls.outputBytes) break;
      this.#machine?.beforeData?.(nowUs);
      if (records.nearlyExhausted && !this.#machine!.refreshWriteKey(nowUs)) {
        this.close(nowUs);
        break;
      }
      const count = Math.min(records.maxContentBytes, plaintext.length - taken);
      const part = count === plaintext.length ? plaintext : plaintext.subarray(taken, taken + count);
      records.write(nowUs, ContentType.applicationData, part);
      taken += count;
    }
    return taken;
  }

  /** Records for the peer; empty when there are none. Valid until the next call. */
  take(maxBytes: number): Uint8Array {
    return this.#records.take(maxBytes);
  }

  /** Sends close_notify, once; then nothing more is written. What the peer still sends can be read until its own end. */
  close(nowUs: Micros): void {
    // Before the handshake is done there is nothing to come that could be read.
    if (this.#context.negotiated === undefined) this.#records.endInput(nowUs, 'closed during the handshake');
    this.#records.close(nowUs);
    this.#settle(nowUs);
  }

  /** When `advance` wants to be called: at the end of the time that the handshake has. */
  nextDeadlineUs(): Micros | undefined {
    return this.state === 'handshake' ? this.#deadlineUs : undefined;
  }

  /**
   * Ends a handshake that takes too long. No alert of RFC 5246 or RFC 8446 means that; close_notify says that nothing more
   * comes, and that nobody cut it off.
   */
  advance(nowUs: Micros): void {
    const deadlineUs = this.nextDeadlineUs();
    if (deadlineUs === undefined || nowUs < deadlineUs) return;
    const { trace, flow, step } = this.#context;
    const reason = `the handshake is not done in time, in ${step}`;
    const rule = 'limit handshakeUs';
    trace?.(deadlineUs, { layer: 'tls', kind: 'timeout', severity: 'warning', flow, reason, rule });
    this.close(deadlineUs);
  }

  #setDeadline(config: TlsConfig, fromUs: Micros): void {
    if (!config.asFirstReleased) this.#deadlineUs = fromUs + limits.tls.handshakeUs;
  }

  #settle(nowUs: Micros): void {
    this.#context.settle(nowUs);
    if (this.#records.end !== 'failed' || this.#failureTold) return;
    this.#failureTold = true;
    this.#machine?.connectionFailed?.();
  }

  // ---- Handshake messages ----

  /** Messages may share a record, and a message may span records. */
  #receiveHandshake(nowUs: Micros, fragment: Uint8Array): void {
    const context = this.#context;
    if (this.#records.end !== 'open' && this.#machine?.readsAfterClose !== true) {
      context.drop(nowUs, 'handshake message after close_notify', fragment.length);
      return;
    }
    const queue = context.handshakeInput;
    queue.push(fragment);
    this.#receiveMessages(nowUs);
    this.#records.withinMessage = queue.length > 0;
  }

  #receiveMessages(nowUs: Micros): void {
    const context = this.#context;
    const queue = context.handshakeInput;
    while (queue.length >= HANDSHAKE_HEADER_BYTES) {
      const msgType = queue.at(0);
      const length = (queue.at(1) << 16) | (queue.at(2) << 8) | queue.at(3);
      const verdict = this.#machine === undefined ? admitFirst(msgType) : this.#machine.admit(msgType);
      if (verdict !== undefined) {
        context.fail(nowUs, verdict, handshakeTypeName(msgType));
        return;
      }
      if (length > limits.tls.handshakeMessageBytes) {
        context.fail(nowUs, 'handshakeTooLong');
        return;
      }
      if (queue.length < HANDSHAKE_HEADER_BYTES + length) return;
      const bytes = queue.shift(HANDSHAKE_HEADER_BYTES + length);
      if (this.#machine === undefined) this.#receiveClientHello(nowUs, bytes);
      else this.#machine.receiveMessage(nowUs, msgType, bytes);
    }
  }

  #receiveClientHello(nowUs: Micros, bytes: Uint8Array): void {
    const context = this.#context;
    let hello: ClientHello;
    try {
      hello = decodeHandshake(new Reader('tls', bytes)) as ClientHello;
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      context.fail(nowUs, 'malformedMessage', error.message);
      return;
    }
    context.traceHandshake(nowUs, 'in', hello.type, bytes, context.trace && describeHandshake(hello));
    const version = chooseVersion(hello, context.config, machines);
    if (typeof version === 'string') {
      context.fail(nowUs, version);
      return;
    }
    this.#machine = machines.get(version)!(context);
    this.#machine.start(nowUs, hello, bytes);
  }
}

function admitFirst(msgType: number): 'unexpectedHandshake' | undefined {
  return msgType === HandshakeType.ClientHello ? undefined : 'unexpectedHandshake';
}
