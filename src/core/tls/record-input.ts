// Records off the byte stream, checked and opened, by the rules of the version that was agreed on: RFC 5246 §6.2, §E; RFC 8446
// §5, §4.2.10 (refused early data), §D.4 (dummy ChangeCipherSpec). What is in them is for record-layer.ts and those above.

import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import type { Verdict } from './alerts.js';
import { TLS_1_3 } from './config.js';
import type { RecordProtection } from './protection.js';
import { ContentType, isHidden, RECORD_HEADER_BYTES, RecordBuffer, TLS_1_2 } from './record.js';
import { RecordSizes } from './record-sizes.js';

const EMPTY = new Uint8Array(0);
/** Given by `next` when more bytes are needed; no content type has this code. */
export const NOTHING = 0;
/** Given by `next` when the record is not good: `verdict` says why. */
export const FAULT = 1;
/** A record was passed over. */
const PASSED = 2;

export class RecordInput {
  readonly #flow: string;
  readonly #trace: Trace | undefined;
  readonly #buffer = new RecordBuffer();
  readonly #sizes = new RecordSizes();
  #protection: RecordProtection | undefined;
  /** Undefined before a ClientHello was accepted. */
  #version: typeof TLS_1_2 | typeof TLS_1_3 | undefined;
  #content: Uint8Array = EMPTY;
  #verdict: Verdict = 'inputOverrun';
  #emptyRecords = 0;

  /** Handshake bytes wait for more. In 1.3 no other record may come then (RFC 8446 §5.1). */
  withinMessage = false;
  /** Application data has no place yet, not even an empty record of it (RFC 5246 §7.4.9, RFC 8446 §2). */
  refusesData = false;
  /** TLS 1.3: from the ClientHello to the client's Finished. */
  #handshaking = false;
  /** TLS 1.3: nothing of the peer's was opened yet. */
  #unopened = false;
  #changeCipherSpecs = 0;
  /** Of refused early data that is still passed over. */
  #earlyDataBytes = 0;

  constructor(flow: string, trace: Trace | undefined) {
    this.#flow = flow;
    this.#trace = trace;
  }

  get version(): typeof TLS_1_2 | typeof TLS_1_3 | undefined {
    return this.#version;
  }

  get protection(): RecordProtection | undefined {
    return this.#protection;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#buffer.length;
  }

  /** A record is there, whole. */
  get hasRecord(): boolean {
    return this.#buffer.readHeader() && this.#buffer.whole;
  }

  /** Of the record that `next` came to; valid until the next `push`. */
  get content(): Uint8Array {
    return this.#content;
  }

  get verdict(): Verdict {
    return this.#verdict;
  }

  agreeOnVersion(version: typeof TLS_1_2 | typeof TLS_1_3): void {
    this.#version = version;
    this.#sizes.agreeOnVersion(version);
    this.#handshaking = version === TLS_1_3;
    this.#unopened = this.#handshaking;
  }

  protect(protection: RecordProtection): void {
    this.#protection = protection;
    this.#sizes.protect(protection);
  }

  /** As in record_size_limit. */
  limitRecordSize(bytes: number): void {
    this.#sizes.limitRecordSize(bytes, this.#protection);
  }

  /** As in max_fragment_length. */
  limitFragmentLength(bytes: number): void {
    this.#sizes.limitFragmentLength(bytes, this.#protection);
  }

  skipEarlyData(): void {
    this.#earlyDataBytes = limits.tls.earlyDataBytes;
  }

  handshakeDone(): void {
    this.#handshaking = false;
    this.#earlyDataBytes = 0;
  }

  push(bytes: Uint8Array): void {
    this.#buffer.push(bytes);
  }

  clear(): void {
    this.#buffer.clear();
  }

  /**
   * Goes to the next record and gives its content type, with `content` opened. Empty ones are application data only, and
   * passed over.
   */
  next(nowUs: Micros): number {
    while (this.#buffer.readHeader()) {
      const verdict = this.#checkHeader();
      if (verdict !== undefined) return this.#refuse(verdict);
      if (!this.#buffer.whole) break;
      const contentType = this.#open(nowUs);
      if (contentType !== PASSED) return contentType;
    }
    return NOTHING;
  }

  #refuse(verdict: Verdict): typeof FAULT {
    this.#verdict = verdict;
    return FAULT;
  }

  /** What is wrong with the header that was read, before its fragment is waited for. */
  #checkHeader(): Verdict | undefined {
    const { contentType, version, fragmentBytes } = this.#buffer;
    if (contentType < ContentType.changeCipherSpec || contentType > ContentType.applicationData) {
      return this.#version === undefined ? foreignProtocol(contentType, version) : 'unknownContentType';
    }
    // RFC 5246 §E.1: {3, XX} until the version is agreed on. RFC 8446 §5.1: no matter what, from there on.
    if (this.#version === undefined && version >>> 8 !== TLS_1_2 >>> 8) return 'recordVersion';
    if (this.#version === TLS_1_2 && version !== TLS_1_2) return 'recordVersion';
    if (this.#version === TLS_1_3) {
      const verdict = this.#checkClear13(contentType, fragmentBytes);
      if (verdict !== undefined) return verdict;
    }
    // Early data was made before this connection had keys, or limits of its own.
    const isEarly = contentType === ContentType.applicationData && this.#earlyDataBytes > 0;
    if (!isEarly && !this.#isProtected(contentType)) return this.#sizes.checkClear(fragmentBytes);
    return this.#sizes.checkProtected(fragmentBytes, isEarly);
  }

  /** RFC 8446 §5, §5.1: what may come in clear. */
  #checkClear13(contentType: number, fragmentBytes: number): Verdict | undefined {
    if (contentType === ContentType.changeCipherSpec) {
      if (!this.#handshaking) return 'unexpectedChangeCipherSpec';
      if (this.withinMessage) return 'interleavedRecord';
      return fragmentBytes === 1 ? undefined : 'changeCipherSpecLength';
    }
    if (contentType === ContentType.applicationData || this.#protection === undefined) return undefined;
    // RFC 8446 §A.1: a client that cannot go on after the ServerHello may have no keys for its alert.
    const mayBeClear = contentType === ContentType.alert && this.#handshaking && this.#unopened;
    return mayBeClear ? undefined : 'unprotectedRecord';
  }

  /** In 1.3 the type of a protected record is always application data. */
  #isProtected(contentType: number): boolean {
    if (this.#protection === undefined) return false;
    return this.#version !== TLS_1_3 || contentType === ContentType.applicationData;
  }

  /** Takes the record at the front. */
  #open(nowUs: Micros): number {
    const { contentType, version } = this.#buffer;
    const fragment = this.#buffer.shiftFragment();
    if (this.#isProtected(contentType)) return this.#unprotect(nowUs, contentType, version, fragment);
    this.#traceRecord(nowUs, contentType, version, fragment.length, undefined);
    if (this.#version !== TLS_1_3) return this.#receive(contentType, fragment);
    if (contentType === ContentType.changeCipherSpec) return this.#passOverChangeCipherSpec(nowUs, fragment);
    if (contentType === ContentType.applicationData && this.#earlyDataBytes > 0) {
      return this.#passOverEarlyData(nowUs, fragment.length);
    }
    // RFC 8446 §4.2.10: what is behind the early data is the second ClientHello.
    this.#earlyDataBytes = 0;
    return this.#receive(contentType, fragment);
  }

  #unprotect(nowUs: Micros, outerType: number, version: number, fragment: Uint8Array): number {
    const protection = this.#protection!;
    const { length } = fragment;
    if (protection.exhausted) return this.#refuse('sequenceEnd');
    const content = protection.open(outerType, fragment, version);
    const { contentType } = protection;
    this.#traceRecord(nowUs, outerType, version, length, content === undefined ? outerType : contentType);
    if (content === undefined) {
      // RFC 8446 §4.2.10: by trial, up to the first record that does open.
      return this.#earlyDataBytes > 0 ? this.#passOverEarlyData(nowUs, length) : this.#refuse('badRecord');
    }
    this.#earlyDataBytes = 0;
    this.#unopened = false;
    const verdict = this.#sizes.checkPlaintext(protection.plaintextBytes) ?? this.#checkInnerType(contentType);
    return verdict === undefined ? this.#receive(contentType, content) : this.#refuse(verdict);
  }

  /** RFC 8446 §5, §5.4: that of TLSInnerPlaintext, 0 when there is nothing but padding. */
  #checkInnerType(contentType: number): Verdict | undefined {
    if (this.#version !== TLS_1_3) return undefined;
    if (contentType === 0) return 'onlyPadding';
    if (contentType === ContentType.changeCipherSpec) return 'unexpectedChangeCipherSpec';
    const isKnown = contentType > ContentType.changeCipherSpec && contentType <= ContentType.applicationData;
    return isKnown ? undefined : 'unknownContentType';
  }

  #receive(contentType: number, content: Uint8Array): number {
    // RFC 5246 §6.2.1 lets other types come between the parts of a message, RFC 8446 §5.1 does not. An alert that ends the
    // connection is not between anything: it is looked at above.
    const interleaves = contentType !== ContentType.handshake && contentType !== ContentType.alert;
    if (interleaves && this.withinMessage && this.#version === TLS_1_3) return this.#refuse('interleavedRecord');
    if (content.length === 0) {
      if (contentType !== ContentType.applicationData) return this.#refuse('emptyFragment');
      if (this.refusesData) return this.#refuse('earlyApplicationData');
      this.#emptyRecords++;
      return this.#emptyRecords > limits.tls.emptyRecords ? this.#refuse('tooManyEmptyRecords') : PASSED;
    }
    this.#emptyRecords = 0;
    this.#content = content;
    return contentType;
  }

  /** RFC 8446 §5: the one byte 1 is dropped, anything else is refused. */
  #passOverChangeCipherSpec(nowUs: Micros, fragment: Uint8Array): number {
    if (fragment[0] !== 1) return this.#refuse('changeCipherSpecValue');
    this.#changeCipherSpecs++;
    if (this.#changeCipherSpecs > limits.tls.changeCipherSpecs) return this.#refuse('tooManyChangeCipherSpecs');
    this.#trace?.(nowUs, { layer: 'tls', kind: 'change_cipher_spec', flow: this.#flow, dir: 'in' });
    return PASSED;
  }

  #passOverEarlyData(nowUs: Micros, length: number): number {
    // Headers count, so that empty records come to an end, too.
    this.#earlyDataBytes -= RECORD_HEADER_BYTES + length;
    if (this.#earlyDataBytes <= 0) return this.#refuse('tooMuchEarlyData');
    const reason = 'refused early data';
    this.#trace?.(nowUs, { layer: 'tls', kind: 'drop', severity: 'warning', flow: this.#flow, reason, length });
    return PASSED;
  }

  /** `innerType` is undefined for a record in clear. */
  #traceRecord(
    nowUs: Micros,
    contentType: number,
    version: number,
    length: number,
    innerType: number | undefined,
  ): void {
    this.#trace?.(nowUs, {
      layer: 'tls',
      kind: 'record',
      flow: this.#flow,
      dir: 'in',
      contentType,
      version,
      length,
      encrypted: innerType !== undefined,
      ...(innerType !== undefined && isHidden(contentType, innerType) && { innerType }),
    });
  }
}

/** The first bytes of a connection are no TLS record: tells what they look like. `version` is bytes 1 and 2. */
function foreignProtocol(firstByte: number, version: number): Verdict {
  // RFC 5246 §E.2: a length with its highest bit set, then msg_type 1.
  if ((firstByte & 0x80) !== 0 && (version & 0xff) === 1) return 'sslv2Hello';
  // A method begins with a capital letter (RFC 9110 §9.1).
  return firstByte >= 0x41 && firstByte <= 0x5a ? 'plainHttp' : 'unknownContentType';
}
