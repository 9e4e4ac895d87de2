// The record layer of one connection: records off the byte stream, checked and opened; records and alerts on to it. RFC
// 5246 §6 (records), §7.2 (alerts and closure). What handshake and application data mean is server.ts's concern.

import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { AlertDescription, AlertLevel, type AlertRule, alertRules, type Verdict } from './alerts.js';
import type { RecordCipher } from './cipher.js';
import { alertName } from './names.js';
import { RecordOutput } from './output.js';
import { ContentType, MAX_CIPHERTEXT_BYTES, MAX_PLAINTEXT_BYTES, RecordBuffer, TLS_1_2 } from './record.js';

const EMPTY = new Uint8Array(0);
/** Given by `next` when there is nothing to work on; no content type has this code. */
export const NOTHING = 0;

export class RecordLayer {
  readonly #flow: string;
  readonly #trace: Trace | undefined;
  readonly #input = new RecordBuffer();
  readonly #output: RecordOutput;
  #readCipher: RecordCipher | undefined;
  #content: Uint8Array = EMPTY;

  /** Before a ClientHello was accepted any {3, XX} is allowed in record headers (RFC 5246 §E.1). */
  #versionAgreed = false;
  #end: 'open' | 'closed' | 'failed' = 'open';
  #inputEnded = false;
  #finReceived = false;
  #emptyRecords = 0;
  #warnings = 0;

  constructor(flow: string, trace: Trace | undefined) {
    this.#flow = flow;
    this.#trace = trace;
    this.#output = new RecordOutput(flow, trace);
  }

  // ---- Input ----

  /** closed: our close_notify was sent. failed: a fatal alert was sent or received. */
  get end(): 'open' | 'closed' | 'failed' {
    return this.#end;
  }

  get inputEnded(): boolean {
    return this.#inputEnded;
  }

  get room(): number {
    return Math.max(0, limits.tls.inputBytes - this.#input.length);
  }

  /** The content of the record that `next` came to; valid until the next `receive`. */
  get content(): Uint8Array {
    return this.#content;
  }

  receive(nowUs: Micros, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    // RFC 5246 §7.2.1: data after a closure alert is ignored.
    if (this.#inputEnded) this.#drop(nowUs, 'bytes after the end of the TLS stream', bytes.length);
    else if (this.room === 0) this.fail(nowUs, 'inputOverrun');
    else this.#input.push(bytes);
  }

  /**
   * Goes to the next record of type handshake, change_cipher_spec or application_data and gives its content type, with
   * `content` opened and never empty; NOTHING when more input is needed or the input is over. Alerts are handled here.
   */
  next(nowUs: Micros): number {
    while (!this.#inputEnded && this.#input.readHeader()) {
      const verdict = this.#checkHeader();
      if (verdict !== undefined) {
        this.fail(nowUs, verdict);
        return NOTHING;
      }
      if (!this.#input.whole) break;
      const contentType = this.#open(nowUs);
      if (contentType !== NOTHING) return contentType;
    }
    if (this.#finReceived && !this.#inputEnded) this.#truncated(nowUs);
    return NOTHING;
  }

  /** FIN from the peer: a truncation unless there was a close_notify; noted as soon as all whole records are read. */
  endOfInput(nowUs: Micros): void {
    this.#finReceived = true;
    const unread = this.#input.readHeader() && this.#input.whole;
    if (!unread && !this.#inputEnded) this.#truncated(nowUs);
  }

  /** A ClientHello was accepted: from here on records are of version 1.2. */
  agreeOnVersion(): void {
    this.#versionAgreed = true;
  }

  /** RFC 5246 §7.1: records after the peer's ChangeCipherSpec are protected. */
  protectInput(cipher: RecordCipher): void {
    this.#readCipher = cipher;
  }

  /** Nothing more is read. `reason` is for the bytes that are left. */
  endInput(nowUs: Micros, reason: string): void {
    if (this.#input.length > 0) this.#drop(nowUs, reason, this.#input.length);
    this.#inputEnded = true;
    this.#input.clear();
  }

  /** What is wrong with the header that was read, before its fragment is waited for. */
  #checkHeader(): Verdict | undefined {
    const { contentType, version, fragmentBytes } = this.#input;
    if (contentType < ContentType.changeCipherSpec || contentType > ContentType.applicationData) {
      return this.#versionAgreed ? 'unknownContentType' : foreignProtocol(contentType, version);
    }
    if (this.#versionAgreed ? version !== TLS_1_2 : version >>> 8 !== TLS_1_2 >>> 8) return 'recordVersion';
    if (this.#readCipher === undefined) return fragmentBytes > MAX_PLAINTEXT_BYTES ? 'plaintextOverflow' : undefined;
    return fragmentBytes > MAX_CIPHERTEXT_BYTES ? 'ciphertextOverflow' : undefined;
  }

  /** Takes the record at the front; gives NOTHING when it was an alert, empty, or not good. */
  #open(nowUs: Micros): number {
    const { contentType, version } = this.#input;
    const fragment = this.#input.shiftFragment();
    const cipher = this.#readCipher;
    this.#trace?.(nowUs, {
      layer: 'tls',
      kind: 'record',
      flow: this.#flow,
      dir: 'in',
      contentType,
      version,
      length: fragment.length,
      encrypted: cipher !== undefined,
    });
    let content: Uint8Array | undefined = fragment;
    if (cipher !== undefined) {
      if (cipher.exhausted) return this.fail(nowUs, 'sequenceEnd');
      content = cipher.open(contentType, fragment);
      if (content === undefined) return this.fail(nowUs, 'badRecord');
      if (content.length > MAX_PLAINTEXT_BYTES) return this.fail(nowUs, 'decryptedOverflow');
    }
    if (content.length === 0) {
      if (contentType !== ContentType.applicationData) return this.fail(nowUs, 'emptyFragment');
      this.#emptyRecords++;
      return this.#emptyRecords > limits.tls.emptyRecords ? this.fail(nowUs, 'tooManyEmptyRecords') : NOTHING;
    }
    this.#emptyRecords = 0;
    if (contentType === ContentType.alert) return this.#receiveAlerts(nowUs, content);
    if (contentType === ContentType.applicationData) this.#warnings = 0;
    this.#content = content;
    return contentType;
  }

  /** Alerts may share a record. One that is cut in two by records is legal in theory, sent by nobody, and refused. */
  #receiveAlerts(nowUs: Micros, content: Uint8Array): number {
    if (content.length % 2 !== 0) return this.fail(nowUs, 'alertLength');
    for (let at = 0; at < content.length && !this.#inputEnded; at += 2) {
      this.#receiveAlert(nowUs, content[at]!, content[at + 1]!);
    }
    return NOTHING;
  }

  #receiveAlert(nowUs: Micros, level: number, description: number): void {
    if (level !== AlertLevel.warning && level !== AlertLevel.fatal) {
      this.fail(nowUs, 'alertLevel');
      return;
    }
    const isClosure = description === AlertDescription.close_notify;
    const isFatal = level === AlertLevel.fatal && !isClosure;
    this.#trace?.(nowUs, {
      layer: 'tls',
      kind: 'alert',
      flow: this.#flow,
      dir: 'in',
      level: level === AlertLevel.fatal ? 'fatal' : 'warning',
      description: alertName(description),
      ...(isClosure ? undefined : { severity: isFatal ? ('error' as const) : ('warning' as const) }),
    });
    if (isClosure) {
      // RFC 5246 §7.2.1: answer with a close_notify; what was still to be written is discarded.
      this.endInput(nowUs, 'bytes after close_notify');
      this.close(nowUs);
    } else if (isFatal) {
      this.endInput(nowUs, 'bytes after a fatal alert');
      this.#end = 'failed';
    } else {
      this.#warnings++;
      if (this.#warnings > limits.tls.warningAlerts) this.fail(nowUs, 'tooManyWarnings');
    }
  }

  #truncated(nowUs: Micros): void {
    const { length } = this.#input;
    const reason = 'end of the byte stream without close_notify';
    this.#trace?.(nowUs, { layer: 'tls', kind: 'truncated', flow: this.#flow, reason, length });
    this.#inputEnded = true;
    this.#input.clear();
  }

  #drop(nowUs: Micros, reason: string, length: number): void {
    this.#trace?.(nowUs, { layer: 'tls', kind: 'drop', severity: 'warning', flow: this.#flow, reason, length });
  }

  // ---- Output ----

  get pendingOutput(): number {
    return this.#output.length;
  }

  /** RFC 5246 §6.1: sequence numbers do not wrap, and we do not renegotiate; the last one is kept for close_notify. */
  get nearlyExhausted(): boolean {
    return this.#output.nearlyExhausted;
  }

  take(maxBytes: number): Uint8Array {
    return this.#output.take(maxBytes);
  }

  /** One record with at most 2^14 bytes of content. */
  write(nowUs: Micros, contentType: number, content: Uint8Array): void {
    this.#output.write(nowUs, contentType, content);
  }

  /** RFC 5246 §7.1: records after our ChangeCipherSpec are protected. */
  protectOutput(cipher: RecordCipher): void {
    this.#output.protect(cipher);
  }

  /** Sends close_notify, once. */
  close(nowUs: Micros): void {
    if (this.#end !== 'open') return;
    this.#writeAlert(nowUs, 'warning', 'close_notify', undefined, undefined);
    this.#end = 'closed';
  }

  /** Sends a warning; the connection goes on. */
  warn(nowUs: Micros, rule: AlertRule): void {
    if (this.#end === 'open') this.#writeAlert(nowUs, rule.level, rule.description, rule, undefined);
  }

  /** Sends the fatal alert of the verdict, and ends both directions. Gives NOTHING, for `next` to hand on. */
  fail(nowUs: Micros, verdict: Verdict, detail?: string): typeof NOTHING {
    const rule: AlertRule = alertRules[verdict];
    if (this.#end === 'open') this.#writeAlert(nowUs, rule.level, rule.description, rule, detail);
    else this.#drop(nowUs, `${rule.reason}; no alert, as close_notify was sent`, 0);
    this.#end = 'failed';
    this.endInput(nowUs, 'bytes after a fatal alert');
    return NOTHING;
  }

  #writeAlert(
    nowUs: Micros,
    level: AlertRule['level'],
    description: AlertRule['description'],
    rule: AlertRule | undefined,
    detail: string | undefined,
  ): void {
    this.#trace?.(nowUs, {
      layer: 'tls',
      kind: 'alert',
      flow: this.#flow,
      dir: 'out',
      level,
      description,
      ...(rule === undefined
        ? undefined
        : {
            reason: detail === undefined ? rule.reason : `${rule.reason}: ${detail}`,
            rule: rule.rule,
            severity: level === 'fatal' ? ('error' as const) : ('warning' as const),
          }),
    });
    this.#output.write(nowUs, ContentType.alert, Uint8Array.of(AlertLevel[level], AlertDescription[description]));
  }
}

/** The first bytes of a connection are no TLS record: tells what they look like. `version` is bytes 1 and 2. */
function foreignProtocol(firstByte: number, version: number): Verdict {
  // RFC 5246 §E.2: a length with its highest bit set, then msg_type 1.
  if ((firstByte & 0x80) !== 0 && (version & 0xff) === 1) return 'sslv2Hello';
  // A method begins with a capital letter (RFC 9110 §9.1).
  return firstByte >= 0x41 && firstByte <= 0x5a ? 'plainHttp' : 'unknownContentType';
}
