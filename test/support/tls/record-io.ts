// Records of the test client in both directions: cut, sealed and run through the hooks on their way out; found, checked and
// opened on their way in (RFC 5246 §6.2, RFC 8446 §5). What they mean is the client's concern.

import { concat } from '../bytes.js';
import { fault, require, TLS13, Type } from './codes.js';
import type { ClientOptions } from './options.js';
import { clearRecord, type PlainRecord, type Protection } from './protection.js';

const NOTHING = new Uint8Array(0);
const MAX_PLAINTEXT = 16_384;

export class RecordIo {
  /** Undefined: in clear. */
  writeKeys: Protection | undefined;
  readKeys: Protection | undefined;
  /** What was agreed on, for the record's header and sizes. */
  version: number | undefined;
  /** Bytes of a record's plaintext that the server may send: RFC 6066 §4, always. */
  readLimit = MAX_PLAINTEXT;
  /** The same for protected records only, the content type of 1.3 included (RFC 8449 §4). */
  protectedReadLimit = MAX_PLAINTEXT + 1;
  writeLimit = MAX_PLAINTEXT;
  protectedWriteLimit = MAX_PLAINTEXT + 1;
  /** Of the headers of records in clear; OpenSSL begins with 0x0301. */
  clearVersion = 0x0301;
  readonly #options: ClientOptions;
  readonly #output: Uint8Array[] = [];
  #input: Uint8Array = NOTHING;
  #handshake: Uint8Array = NOTHING;
  #handshakeNames: string[] = [];

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  // ---- Out ----

  /** Everything to be sent, one element a record. */
  takeRecords(): Uint8Array[] {
    return this.#output.splice(0);
  }

  /** Queues a handshake message; `flush` sends what is queued. */
  queueHandshake(name: string, bytes: Uint8Array): void {
    this.#handshake = concat(this.#handshake, bytes);
    this.#handshakeNames.push(name);
    if (!this.#options.coalesce) this.flush();
  }

  flush(): void {
    const bytes = this.#handshake;
    const name = this.#handshakeNames.join('+');
    this.#handshake = NOTHING;
    this.#handshakeNames = [];
    const most = Math.min(this.#options.fragmentBytes ?? MAX_PLAINTEXT, this.#contentLimit());
    for (let at = 0; at < bytes.length; at += most) {
      this.#out({ contentType: Type.handshake, fragment: bytes.subarray(at, at + most) }, name);
    }
  }

  /** Application data, an alert, a ChangeCipherSpec: cut to the limit, behind the handshake messages that wait. */
  send(contentType: number, content: Uint8Array, name: string): void {
    this.flush();
    const most = this.#contentLimit();
    let at = 0;
    do {
      this.#out({ contentType, fragment: content.subarray(at, at + most) }, name);
      at += most;
    } while (at < content.length);
  }

  /** A record in clear, whatever the keys are: the ChangeCipherSpec of TLS 1.3. */
  sendClear(contentType: number, content: Uint8Array, name: string): void {
    this.flush();
    const keys = this.writeKeys;
    this.writeKeys = undefined;
    this.#out({ contentType, fragment: content }, name);
    this.writeKeys = keys;
  }

  /** Bytes that are no record, or one made elsewhere. */
  sendRaw(bytes: Uint8Array): void {
    this.flush();
    this.#output.push(bytes);
  }

  #contentLimit(): number {
    if (this.writeKeys === undefined) return this.writeLimit;
    const inner = this.version === TLS13 ? 1 + (this.#options.recordPadding ?? 0) : 0;
    return Math.max(1, Math.min(this.writeLimit, this.protectedWriteLimit - inner, MAX_PLAINTEXT));
  }

  #out(record: PlainRecord, name: string): void {
    const { hooks, recordPadding = 0 } = this.#options;
    for (const one of hooks?.fragment?.(record, name) ?? [record]) {
      const bytes = this.writeKeys?.seal(one, { padding: recordPadding }) ?? clearRecord(one, this.clearVersion);
      this.#output.push(...(hooks?.record?.(bytes, name) ?? [bytes]));
    }
  }

  // ---- In ----

  push(bytes: Uint8Array): void {
    this.#input = this.#input.length === 0 ? bytes.slice() : concat(this.#input, bytes);
  }

  /** The next whole record, opened. */
  next(): PlainRecord | undefined {
    const input = this.#input;
    if (input.length < 5) return undefined;
    const contentType = input[0]!;
    const length = (input[3]! << 8) | input[4]!;
    require(contentType >= 20 && contentType <= 23, `record of type ${contentType}`, 'RFC 5246 §6.2.1');
    require(input[1] === 3 &&
      input[2] === 3, `record version ${input[1]}.${input[2]}`, 'RFC 5246 §6.2.1, RFC 8446 §5.1');
    if (input.length < 5 + length) {
      this.#checkLength(contentType, length);
      return undefined;
    }
    this.#checkLength(contentType, length);
    this.#input = input.subarray(5 + length);
    const bytes = input.subarray(0, 5 + length);
    // RFC 8446 §D.4: the ChangeCipherSpec of 1.3 is never protected.
    const clear = this.readKeys === undefined || (this.version === TLS13 && contentType === Type.changeCipherSpec);
    const record = clear ? { contentType, fragment: bytes.subarray(5) } : this.readKeys!.open(bytes);
    if (!clear) this.#checkPlaintext(record);
    const { fragment } = record;
    require(fragment.length <= this.readLimit, `plaintext of ${fragment.length} bytes`, 'RFC 5246 §6.2.1, RFC 6066 §4');
    const mayBeEmpty = record.contentType === Type.applicationData;
    require(mayBeEmpty || fragment.length > 0, 'an empty record that is no application data', 'RFC 5246 §6.2.1');
    return record;
  }

  /** A record of the server that is not whole is an error only at the end. */
  get unread(): number {
    return this.#input.length;
  }

  #checkLength(contentType: number, length: number): void {
    const clear = this.readKeys === undefined || contentType === Type.changeCipherSpec;
    const most = clear ? MAX_PLAINTEXT : this.version === TLS13 ? MAX_PLAINTEXT + 256 : MAX_PLAINTEXT + 2048;
    if (length > most) fault(`a record of ${length} bytes`, 'RFC 5246 §6.2, RFC 8446 §5.2');
  }

  #checkPlaintext({ fragment, innerBytes }: PlainRecord): void {
    const counted = innerBytes ?? fragment.length;
    const most = innerBytes === undefined ? MAX_PLAINTEXT : MAX_PLAINTEXT + 1;
    require(counted <= most, `protected plaintext of ${counted} bytes`, 'RFC 5246 §6.2.1, RFC 8446 §5.4');
    require(counted <= this.protectedReadLimit, `protected plaintext of ${counted} bytes`, 'RFC 8449 §4');
  }
}
