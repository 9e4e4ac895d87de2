// The record layer of one connection, for both versions: what record-input.ts opens is handed on, alerts are understood and
// sent, either direction is closed, and what is written goes to output.ts. RFC 5246 §6, §7.2; RFC 8446 §5, §6. What handshake
// messages, the ChangeCipherSpec of 1.2 and application data mean is server.ts's concern.

import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { AlertDescription, AlertLevel, type AlertRule, alertRule, type Verdict } from './alerts.js';
import { TLS_1_3 } from './config.js';
import { alertName } from './names.js';
import { RecordOutput } from './output.js';
import type { RecordProtection } from './protection.js';
import { ContentType, MAX_PLAINTEXT_BYTES, type TLS_1_2 } from './record.js';
import { FAULT, NOTHING, RecordInput } from './record-input.js';

export { NOTHING } from './record-input.js';

export class RecordLayer {
  readonly #flow: string;
  readonly #trace: Trace | undefined;
  readonly #input: RecordInput;
  readonly #output: RecordOutput;

  #end: 'open' | 'closed' | 'failed' = 'open';
  #inputEnded = false;
  #finReceived = false;
  #warnings = 0;
  /** TLS 1.2: the first byte of an alert that goes on in the next alert record, and what that one was protected by. */
  #alertLevel: number | undefined;
  #alertProtection: RecordProtection | undefined;

  constructor(flow: string, trace: Trace | undefined) {
    this.#flow = flow;
    this.#trace = trace;
    this.#input = new RecordInput(flow, trace);
    this.#output = new RecordOutput(flow, trace);
  }

  // ---- What the handshake tells the record layer ----

  /** A ClientHello was accepted: from here on the rules of this version hold. */
  agreeOnVersion(version: typeof TLS_1_2 | typeof TLS_1_3): void {
    this.#input.agreeOnVersion(version);
  }

  /** Records behind the one that `next` came to are protected so: RFC 5246 §7.1, RFC 8446 §7.1, §4.6.3. */
  protectInput(protection: RecordProtection): void {
    this.#input.protect(protection);
  }

  /** The same for what is written from here on. */
  protectOutput(protection: RecordProtection): void {
    this.#output.protect(protection);
  }

  /**
   * record_size_limit was agreed on: our value and the client's, as they are in the extensions (RFC 8449 §4). They limit
   * protected records only, in 1.3 with the content type. To be called once the version is agreed on.
   */
  limitRecordSize(ours: number, theirs: number): void {
    const typeBytes = this.#input.version === TLS_1_3 ? 1 : 0;
    this.#input.limitRecordSize(ours);
    // RFC 8449 §4: a limit above the protocol's own changes nothing.
    const bytes = Math.min(theirs - typeBytes, MAX_PLAINTEXT_BYTES);
    // It is about protected records only. GnuTLS 3.7 holds the clear ones of TLS 1.2 to it, too, and short ones are always right.
    this.#output.limit(typeBytes === 1 ? MAX_PLAINTEXT_BYTES : bytes, bytes);
  }

  /** max_fragment_length was agreed on (RFC 6066 §4): both ways, and for records in clear, too. When as above. */
  limitFragmentLength(bytes: number): void {
    this.#input.limitFragmentLength(bytes);
    // RFC 8446 §5.4: the limit applies to all of TLSInnerPlaintext.
    this.#output.limit(bytes, this.#input.version === TLS_1_3 ? bytes - 1 : bytes);
  }

  /**
   * TLS 1.3: the client offers early data and is refused (RFC 8446 §4.2.10). Without keys, after a HelloRetryRequest, its
   * records are passed over by their type; with keys, as long as they do not open; limits.tls.earlyDataBytes of them. To be
   * called at the ClientHello.
   */
  skipEarlyData(): void {
    this.#input.skipEarlyData();
  }

  /** Handshake bytes of an unfinished message wait. To be kept up to date after each handshake record. */
  set withinMessage(withinMessage: boolean) {
    this.#input.withinMessage = withinMessage;
  }

  /** Whether application data is out of place, an empty record of it included; data that is not empty is the owner's concern. */
  set refusesData(refusesData: boolean) {
    this.#input.refusesData = refusesData;
  }

  /** TLS 1.3: the client's Finished is good: ChangeCipherSpec and alerts in clear are not taken any more (RFC 8446 §5). */
  handshakeDone(): void {
    this.#input.handshakeDone();
  }

  // ---- Input ----

  /** closed: our close_notify was sent. failed: a fatal alert was sent or received. */
  get end(): 'open' | 'closed' | 'failed' {
    return this.#end;
  }

  /** Nothing more comes. In 1.3 we may go on writing after the peer's close_notify (RFC 8446 §6.1). */
  get inputEnded(): boolean {
    return this.#inputEnded;
  }

  get room(): number {
    return Math.max(0, limits.tls.inputBytes - this.#input.length);
  }

  /** The content of the record that `next` came to; valid until the next `receive`. */
  get content(): Uint8Array {
    return this.#input.content;
  }

  receive(nowUs: Micros, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    // RFC 5246 §7.2.1, RFC 8446 §6.1: data after a closure alert is ignored.
    if (this.#inputEnded) this.#drop(nowUs, 'bytes after the end of the TLS stream', bytes.length);
    else if (this.room === 0) this.fail(nowUs, 'inputOverrun');
    else this.#input.push(bytes);
  }

  /**
   * Goes to the next record of type handshake, change_cipher_spec (not in 1.3) or application_data and gives its content
   * type, with `content` opened and never empty; NOTHING when more input is needed or the input is over. Alerts are handled
   * here.
   */
  next(nowUs: Micros): number {
    while (!this.#inputEnded) {
      const contentType = this.#input.next(nowUs);
      if (contentType === NOTHING) break;
      if (contentType === FAULT) return this.fail(nowUs, this.#input.verdict);
      if (contentType === ContentType.alert) this.#receiveAlerts(nowUs, this.#input.content);
      else {
        if (contentType === ContentType.applicationData) this.#warnings = 0;
        return contentType;
      }
    }
    if (this.#finReceived && !this.#inputEnded) this.#truncated(nowUs);
    return NOTHING;
  }

  /** FIN from the peer: a truncation unless there was a close_notify; noted as soon as all whole records are read. */
  endOfInput(nowUs: Micros): void {
    this.#finReceived = true;
    if (!this.#input.hasRecord && !this.#inputEnded) this.#truncated(nowUs);
  }

  /** Nothing more is read. `reason` is for the bytes that are left. */
  endInput(nowUs: Micros, reason: string): void {
    if (this.#input.length > 0) this.#drop(nowUs, reason, this.#input.length);
    this.#inputEnded = true;
    this.#input.clear();
  }

  #receiveAlerts(nowUs: Micros, content: Uint8Array): void {
    if (this.#input.version === TLS_1_3) {
      // RFC 8446 §5.1: whole, and one a record.
      if (content.length !== 2) this.fail(nowUs, 'alertLength');
      else this.#receiveAlert13(nowUs, content[0]!, content[1]!);
      return;
    }
    // RFC 5246 §6.2.1: alerts may share a record, and one may go on in the next.
    for (let at = 0; at < content.length && !this.#inputEnded; at++) {
      const level = this.#alertLevel;
      if (level === undefined) {
        this.#alertLevel = content[at]!;
        this.#alertProtection = this.#input.protection;
        continue;
      }
      this.#alertLevel = undefined;
      // A first byte that came in clear may be anybody's.
      if (this.#alertProtection !== this.#input.protection) this.fail(nowUs, 'alertAcrossKeys');
      else this.#receiveAlert12(nowUs, level, content[at]!);
    }
  }

  /** RFC 5246 §7.2. */
  #receiveAlert12(nowUs: Micros, level: number, description: number): void {
    if (level !== AlertLevel.warning && level !== AlertLevel.fatal) {
      this.fail(nowUs, 'alertLevel');
      return;
    }
    const isClosure = description === AlertDescription.close_notify;
    const isError = level === AlertLevel.fatal && !isClosure;
    this.#traceAlertIn(nowUs, level, description, isClosure, isError);
    if (isClosure) {
      // §7.2.1: answer with a close_notify; what was still to be written is discarded.
      this.endInput(nowUs, 'bytes after close_notify');
      this.close(nowUs);
    } else if (isError) this.#endByAlert(nowUs);
    else this.#countWarning(nowUs);
  }

  /** RFC 8446 §6: the level says nothing. All alerts but two are errors, unknown ones, too. */
  #receiveAlert13(nowUs: Micros, level: number, description: number): void {
    const isClosure = description === AlertDescription.close_notify;
    const isError = !isClosure && description !== AlertDescription.user_canceled;
    this.#traceAlertIn(nowUs, level, description, isClosure, isError);
    // §6.1: this ends the peer's direction. Ours goes on until it is closed.
    if (isClosure) this.endInput(nowUs, 'bytes after close_notify');
    else if (isError) this.#endByAlert(nowUs);
    else if (this.#input.withinMessage) this.fail(nowUs, 'interleavedRecord');
    else this.#countWarning(nowUs);
  }

  #endByAlert(nowUs: Micros): void {
    this.endInput(nowUs, 'bytes after a fatal alert');
    this.#end = 'failed';
  }

  #countWarning(nowUs: Micros): void {
    this.#warnings++;
    if (this.#warnings > limits.tls.warningAlerts) this.fail(nowUs, 'tooManyWarnings');
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

  /** What a record adds to its content at most, header included. */
  get overhead(): number {
    return this.#output.overhead;
  }

  /** The most content that one record takes now: 2^14 bytes, or what the client's limits say. */
  get maxContentBytes(): number {
    return this.#output.maxContentBytes;
  }

  /**
   * The key that we write with should not be used much longer: it is to be replaced (RFC 8446 §5.5, KeyUpdate), or the
   * connection to be closed (RFC 5246 §6.1: sequence numbers do not wrap; the last one is kept for close_notify).
   */
  get nearlyExhausted(): boolean {
    return this.#output.nearlyExhausted;
  }

  take(maxBytes: number): Uint8Array {
    return this.#output.take(maxBytes);
  }

  /** One record, or as many as `maxContentBytes` makes of it. */
  write(nowUs: Micros, contentType: number, content: Uint8Array): void {
    this.#output.write(nowUs, contentType, content);
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
    const rule = alertRule(verdict, this.#input.version);
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

  #traceAlertIn(nowUs: Micros, level: number, description: number, isClosure: boolean, isError: boolean): void {
    this.#trace?.(nowUs, {
      layer: 'tls',
      kind: 'alert',
      flow: this.#flow,
      dir: 'in',
      level: level === AlertLevel.fatal ? 'fatal' : 'warning',
      description: alertName(description),
      ...(isClosure ? undefined : { severity: isError ? ('error' as const) : ('warning' as const) }),
    });
  }
}
