// TLS, both directions, by somebody who looks on: records opened with the secrets of a key log, handshake messages,
// ChangeCipherSpec, alerts, and application data for the reader above. RFC 5246 §6, §7; RFC 8446 §4, §5, and §4.2.10 (early
// data). Without keys it tells what is in clear. Which keys are in use is tls-ladder.ts's concern.

import type { ClientHello, ServerHello } from '../../core/tls/messages.js';
import { HANDSHAKE_HEADER_BYTES } from '../../core/tls/messages.js';
import { alertName, contentTypeName } from '../../core/tls/names.js';
import { ContentType, isHidden, TLS_1_2 } from '../../core/tls/record.js';
import type { Direction, TraceEvent } from '../../core/trace.js';
import { streamLimits } from './stream-limits.js';
import { type StreamReader, sender, type Teller } from './teller.js';
import { alertFields, handshakeFields, recordFields } from './tls-fields.js';
import { contentBytesOf, createHalf, type Half, seemsClear } from './tls-half.js';
import { type AnyMessage, describeMessage, HandshakeFacts, readMessage } from './tls-handshake.js';
import { type Epoch, secretName } from './tls-ladder.js';
import type { FieldList } from './tls-walk.js';
import type { KeyStore, RecordedExchange } from './types.js';

export type SecureInfo = NonNullable<RecordedExchange['tls']>;

/** Makes what reads the application data; asked once. `partial`: some of it was missed already. */
export type ApplicationMaker = (alpn: string | undefined, partial: boolean) => StreamReader;

export class TlsReader implements StreamReader {
  readonly #teller: Teller;
  readonly #makeApplication: ApplicationMaker;
  readonly #keys: KeyStore;
  readonly #facts = new HandshakeFacts();
  readonly #in: Half;
  readonly #out: Half;
  #application: StreamReader | undefined;
  #established = false;
  #renegotiates = false;
  #missedData = false;

  constructor(teller: Teller, keys: KeyStore, midstream: boolean, makeApplication: ApplicationMaker) {
    this.#teller = teller;
    this.#keys = keys;
    this.#makeApplication = makeApplication;
    this.#in = createHalf('in', keys, this.#facts, midstream);
    this.#out = createHalf('out', keys, this.#facts, midstream);
    this.#missedData = midstream;
  }

  /** What exchanges say of the connection. */
  get secure(): SecureInfo {
    const { versionText, suiteName, alpn, serverName } = this.#facts;
    return {
      version: versionText,
      cipherSuite: suiteName,
      ...(alpn !== undefined && { alpn }),
      ...(serverName !== undefined && { serverName }),
    };
  }

  get heldBytes(): number {
    let bytes = this.#application?.heldBytes ?? 0;
    for (const { framer, messages } of [this.#in, this.#out]) bytes += framer.heldBytes + messages.heldBytes;
    return bytes + this.#facts.heldBytes;
  }

  push(dir: Direction, bytes: Uint8Array): void {
    const half = this.#half(dir);
    const { framer } = half;
    framer.push(bytes, this.#teller.wantsFields);
    while (framer.next()) {
      this.#tellSkipped(half);
      this.#record(half, framer.contentType, framer.version, framer.fragment);
    }
    if (framer.takeForeign()) {
      const text = `no record where one has to begin, from the ${sender(dir)}`;
      this.#teller.error('tls', 'bad-record', text, this.#rule('6.2.1', '5.1'));
      this.#lose(half, undefined);
    }
    if (framer.givenUp) {
      this.#teller.once('warning', 'tls', 'lost', `no record is found any more, from the ${sender(dir)}`);
    }
    framer.settle();
  }

  gap(dir: Direction, length: number | undefined): void {
    const half = this.#half(dir);
    const bytes = length ?? streamLimits.searchBytes;
    const what = half.framer.gap(bytes);
    if (what === 'nothing') return;
    half.ladder.lose(what === 'whole' ? 0 : bytes);
    if (what === 'beyond') {
      this.#lose(half, undefined);
      return;
    }
    const { contentType, version, length: recordLength } = half.framer;
    this.#tellRecord(half, contentType, version, recordLength, this.#isProtected(half, contentType, undefined));
    this.#teller.warning('tls', 'incomplete-record', `bytes of a ${contentTypeName(contentType)} record are missing`);
    if (half.ladder.epoch !== 'clear') half.ladder.pass();
    this.#lose(
      half,
      contentType === ContentType.applicationData ? contentBytesOf(half, this.#facts, recordLength) : undefined,
    );
  }

  end(dir: Direction): void {
    const half = this.#half(dir);
    const { pending } = half.framer;
    half.ended = true;
    if (pending > 0) {
      this.#teller.note('tls', 'cut-off', `the ${sender(dir)}'s bytes end ${pending} bytes into a record`);
    }
    this.#passLoss(half);
    this.#application?.end(dir);
  }

  #half(dir: Direction): Half {
    return dir === 'in' ? this.#in : this.#out;
  }

  /** Where it stands in the RFC of the version: sections of RFC 5246 and RFC 8446. */
  #rule(in12: string, in13: string): string {
    return this.#facts.version === '1.3' ? `RFC 8446 §${in13}` : `RFC 5246 §${in12}`;
  }

  #lose(half: Half, contentBytes: number | undefined): void {
    half.messages.clear();
    half.broken = true;
    this.#loseContent(half, contentBytes);
  }

  #loseContent(half: Half, contentBytes: number | undefined): void {
    half.hasLost = this.#teller.doubtful = true;
    if (contentBytes === undefined) half.lostContent = undefined;
    else if (half.lostContent !== undefined) half.lostContent += contentBytes;
    if (this.#application === undefined) this.#missedData = true;
  }

  #passLoss(half: Half): void {
    if (!half.hasLost) return;
    this.#application?.gap(half.dir, half.lostContent);
    half.hasLost = false;
    half.lostContent = 0;
  }

  #tellSkipped(half: Half): void {
    const skipped = half.framer.takeSkipped();
    if (skipped > 0) this.#teller.note('tls', 'skipped', `${skipped} bytes passed over to the next record`);
  }

  // ---- Records ----

  #record(half: Half, contentType: number, version: number, fragment: Uint8Array): void {
    if (!this.#isProtected(half, contentType, fragment)) {
      this.#tellRecord(half, contentType, version, fragment.length, false);
      const fields = this.#fields(contentType, version, fragment, contentType, false);
      this.#content(half, contentType, fragment, fields);
      return;
    }
    const is13 = this.#facts.version !== '1.2' && contentType === ContentType.applicationData;
    const content = is13 ? this.#open13(half, version, fragment) : half.ladder.open12(contentType, version, fragment);
    const innerType = content === undefined || !is13 ? contentType : half.ladder.contentType;
    this.#tellRecord(half, contentType, version, fragment.length, true, innerType);
    const openedAs = content === undefined ? undefined : innerType;
    const fields = this.#fields(contentType, version, fragment, openedAs, true);
    if (content === undefined) this.#refuse(half, contentType, fragment.length, fields);
    else this.#content(half, innerType, content, fields);
  }

  /** `fragment` undefined: only the header is known. */
  #isProtected(half: Half, contentType: number, fragment: Uint8Array | undefined): boolean {
    // RFC 8446 §5: whatever is protected in 1.3 says that it is application data; in clear nobody sends any.
    if (contentType === ContentType.applicationData) return true;
    if (this.#facts.version === '1.3' || contentType === ContentType.changeCipherSpec) return false;
    if (half.protected) return true;
    if (!half.broken && !this.#missedData) return false;
    // Whether ChangeCipherSpec was among what is missing shows in the content.
    if (fragment === undefined) return false;
    half.protected = !seemsClear(contentType, fragment);
    return half.protected;
  }

  #open13(half: Half, version: number, fragment: Uint8Array): Uint8Array | undefined {
    const { ladder } = half;
    const before = ladder.epoch;
    const opened = ladder.open13(ContentType.applicationData, version, fragment);
    if (opened !== undefined) half.skipsEarlyData = false;
    if (opened?.changed) {
      this.#tellKeys(half);
      if (ladder.epoch === 'application' && before !== 'application') this.#skipTo13(half);
    }
    return opened?.content;
  }

  /** The handshake was not opened, and now there is data. */
  #skipTo13(half: Half): void {
    half.finished = true;
    this.#establish(half);
    if (half.ladder.sequence > 1) this.#loseContent(half, undefined);
  }

  #refuse(half: Half, contentType: number, length: number, fields: FieldList | undefined): void {
    this.#teller.layer('tls', fields, half.framer.layerBytes);
    if (half.skipsEarlyData) {
      this.#tellDrop('refused early data', length);
      return;
    }
    const { ladder } = half;
    const isData = contentType === ContentType.applicationData;
    if (!ladder.hasKeys) this.#tellWhyLocked();
    else if (half.refused++ === 0 || half.refused % 1000 === 0) {
      // Its receiver ends the connection.
      const text = `a record of the ${sender(half.dir)} does not verify under its keys`;
      this.#teller.error('tls', 'bad-record-mac', text, this.#rule('7.2.2', '5.2'));
    }
    ladder.pass();
    if (contentType === ContentType.handshake && !half.finished && this.#facts.version === '1.2') {
      half.finished = true;
      this.#establish(half);
    }
    // What is closed in the handshake of 1.3 is taken to be the handshake, until data shows otherwise.
    const isHandshake = this.#facts.version === '1.3' && ladder.epoch === 'handshake' && !ladder.hasKeys;
    if (isData && !isHandshake) this.#loseContent(half, contentBytesOf(half, this.#facts, length));
  }

  #tellWhyLocked(): void {
    const isEarly = this.#in.ladder.epoch === 'early' && this.#facts.version === undefined;
    const [code, text] = isEarly ? this.#facts.whyEarlyLocked() : this.#facts.whyLocked(this.#keys.count > 0);
    this.#teller.once('warning', 'tls', code, text);
  }

  #tellRecord(
    half: Half,
    contentType: number,
    version: number,
    length: number,
    encrypted: boolean,
    innerType = contentType,
  ): void {
    if (!this.#teller.wantsEvents) return;
    this.#teller.event({
      layer: 'tls',
      kind: 'record',
      flow: this.#teller.flow,
      dir: half.dir,
      contentType,
      version,
      length,
      encrypted,
      ...(encrypted && isHidden(contentType, innerType) && { innerType }),
    });
  }

  #fields(
    contentType: number,
    version: number,
    fragment: Uint8Array,
    innerType: number | undefined,
    isProtected: boolean,
  ): FieldList | undefined {
    if (!this.#teller.wantsFields) return undefined;
    return recordFields(contentType, version, fragment, innerType, isProtected, this.#facts.version === '1.3');
  }

  // ---- Content ----

  #content(half: Half, contentType: number, content: Uint8Array, fields: FieldList | undefined): void {
    switch (contentType) {
      case ContentType.handshake:
        half.messages.push(content);
        this.#messages(half, fields);
        half.messages.settle();
        break;
      case ContentType.changeCipherSpec:
        this.#changeCipherSpec(half);
        break;
      case ContentType.alert:
        this.#alert(half, content, fields);
        break;
      case ContentType.applicationData:
        // The layer of the record stands before those of what is in it.
        this.#teller.layer('tls', fields, half.framer.layerBytes);
        this.#data(half, content);
        return;
      default:
        break;
    }
    this.#teller.layer('tls', fields, half.framer.layerBytes);
  }

  #data(half: Half, content: Uint8Array): void {
    if (half.closed) {
      const text = 'application data behind close_notify';
      this.#teller.error('tls', 'data-after-close', text, this.#rule('7.2.1', '6.1'));
    }
    if (content.length === 0) return;
    if (this.#application === undefined) {
      this.#application = this.#makeApplication(this.#facts.alpn, this.#missedData);
      for (const other of [this.#in, this.#out]) if (other.ended) this.#application.end(other.dir);
      half.hasLost = false;
    }
    this.#passLoss(half);
    this.#application.push(half.dir, content);
  }

  #changeCipherSpec(half: Half): void {
    if (this.#teller.wantsEvents) {
      this.#teller.event({ layer: 'tls', kind: 'change_cipher_spec', flow: this.#teller.flow, dir: half.dir });
    }
    // RFC 8446 §D.4: in 1.3 it means nothing.
    if (this.#facts.version === '1.3') return;
    if (this.#facts.version === undefined && half.dir === 'in' && this.#facts.offersEarlyData) return;
    half.protected = true;
    half.broken = false;
    half.ladder.enter12();
  }

  #alert(half: Half, content: Uint8Array, fields: FieldList | undefined): void {
    if (content.length !== 2) {
      this.#teller.error('tls', 'malformed-alert', `an alert of ${content.length} bytes`, this.#rule('7.2', '6'));
      return;
    }
    const [level, code] = content as unknown as [number, number];
    fields?.push(...alertFields(level, code));
    const description = alertName(code);
    if (description === 'close_notify') half.closed = true;
    if (!this.#teller.wantsEvents) return;
    const { flow } = this.#teller;
    const levelName = level === 1 ? 'warning' : 'fatal';
    this.#teller.event({ layer: 'tls', kind: 'alert', flow, dir: half.dir, level: levelName, description });
  }

  // ---- Handshake ----

  #messages(half: Half, fields: FieldList | undefined): void {
    const { messages } = half;
    while (messages.length >= HANDSHAKE_HEADER_BYTES) {
      const { bytes, start } = messages;
      const length = (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!;
      if (length > streamLimits.handshakeBytes) {
        this.#teller.warning('tls', 'handshake-too-long', `a handshake message of ${length} bytes is not read`);
        messages.clear();
        half.broken = true;
        return;
      }
      const whole = HANDSHAKE_HEADER_BYTES + length;
      if (messages.length < whole) return;
      this.#message(half, bytes.subarray(start, start + whole), fields);
      messages.drop(whole);
    }
  }

  #message(half: Half, bytes: Uint8Array, fields: FieldList | undefined): void {
    const facts = this.#facts;
    const hashBytes = facts.hashBytes;
    const { name, message, problem } = readMessage(bytes, hashBytes, facts.knowsKeyExchange);
    // Of what is older than TLS 1.2 the core knows no forms.
    const isOld = facts.version === '1.2' && facts.legacyVersion < TLS_1_2;
    if (problem !== undefined && !half.broken && !isOld) {
      const rule = hashBytes === undefined ? 'RFC 5246 §7.4' : 'RFC 8446 §4';
      this.#teller.error('tls', 'malformed-handshake', `${name}: ${problem}`, rule);
    }
    if (this.#teller.wantsEvents) {
      this.#teller.event({
        layer: 'tls',
        kind: 'handshake',
        flow: this.#teller.flow,
        dir: half.dir,
        message: name,
        length: bytes.length - HANDSHAKE_HEADER_BYTES,
        fields: describeMessage(message, hashBytes),
      });
    }
    if (fields !== undefined) handshakeFields(fields, bytes, hashBytes !== undefined, facts.knowsKeyExchange);
    this.#follow(half, name, message, bytes);
  }

  /** What follows from a message for those behind it. */
  #follow(half: Half, name: string, message: AnyMessage | undefined, bytes: Uint8Array): void {
    const facts = this.#facts;
    switch (name) {
      case 'HelloRequest':
      case 'ClientHello':
        if (this.#established && !this.#renegotiates) {
          this.#renegotiates = true;
          this.#teller.note('tls', 'renegotiation', `the ${sender(half.dir)} asks for a new handshake`);
        }
        if (name === 'ClientHello') this.#clientHello(bytes, message as ClientHello | undefined);
        return;
      case 'HelloRetryRequest':
      case 'ServerHello':
        facts.serverHello(bytes, message as ServerHello | undefined);
        half.broken = false;
        if (facts.version === '1.3') this.#serverHello13(name === 'HelloRetryRequest');
        return;
      case 'EndOfEarlyData':
        this.#enter(this.#in, 'handshake');
        return;
      case 'KeyUpdate':
        if (facts.version === '1.3') this.#enter(half, 'application', half.ladder.generation + 1);
        return;
      case 'Finished':
        half.finished = true;
        // RFC 8446 §4.6.2: that of post-handshake authentication changes no keys.
        if (facts.version === '1.3' && half.ladder.epoch !== 'application') this.#enter(half, 'application');
        this.#establish(half);
        return;
      default:
        if (half.dir === 'out') facts.serverMessage(name, message);
        else facts.clientMessage(message);
        if (name === 'EncryptedExtensions') this.#earlyDataVerdict(message);
    }
  }

  #clientHello(bytes: Uint8Array, message: ClientHello | undefined): void {
    const facts = this.#facts;
    const again = facts.retried;
    facts.full = false;
    facts.pskSelected = false;
    facts.clientCertificate = undefined;
    facts.group = facts.signature = 'none';
    facts.clientHello(bytes, message);
    for (const half of [this.#in, this.#out]) half.finished = false;
    this.#established = false;
    if (facts.offersEarlyData && !again) this.#in.ladder.enter13('early');
  }

  #serverHello13(isRetry: boolean): void {
    const { ladder } = this.#in;
    if (isRetry) {
      // RFC 8446 §4.2.10: early data is over, and what came of it is not looked at.
      if (this.#facts.offersEarlyData) this.#tellEarlyDataRefused();
      ladder.enter13('clear');
      return;
    }
    this.#enter(this.#out, 'handshake');
    if (ladder.epoch !== 'early') this.#enter(this.#in, 'handshake');
  }

  #earlyDataVerdict(message: AnyMessage | undefined): void {
    if (this.#in.ladder.epoch !== 'early' || message?.type !== 'EncryptedExtensions') return;
    if (message.extensions.some(({ type }) => type === 'early_data')) return;
    this.#tellEarlyDataRefused();
    this.#enter(this.#in, 'handshake');
  }

  #tellDrop(reason: string, length: number): void {
    if (!this.#teller.wantsEvents) return;
    const { flow } = this.#teller;
    this.#teller.event({ layer: 'tls', kind: 'drop', severity: 'warning', flow, reason, length });
  }

  #tellEarlyDataRefused(): void {
    this.#in.skipsEarlyData = true;
    // The server never saw it; what comes later begins anew.
    this.#application = undefined;
    this.#missedData = false;
    if (!this.#teller.wantsEvents) return;
    this.#teller.event({ layer: 'tls', kind: 'early_data', flow: this.#teller.flow, verdict: 'refused' });
  }

  #enter(half: Half, epoch: Epoch, generation = 0): void {
    if (half.ladder.enter13(epoch, generation)) this.#tellKeys(half);
  }

  #tellKeys({ dir, ladder }: Half): void {
    if (!this.#teller.wantsEvents) return;
    this.#teller.event({
      layer: 'tls',
      kind: 'keys',
      flow: this.#teller.flow,
      dir,
      secret: secretName(dir, ladder.epoch, ladder.generation),
      cipherSuite: ladder.suite?.name ?? this.#facts.suiteName,
    });
  }

  /** Both sides have sent their Finished. */
  #establish(half: Half): void {
    if (this.#established || !this.#in.finished || !this.#out.finished) return;
    this.#established = true;
    this.#renegotiates = false;
    half.broken = false;
    if (!this.#teller.wantsEvents) return;
    const { versionText, suiteName, group, signature, serverName, alpn, extendedMasterSecret, resumed } = this.#facts;
    const { encryptThenMac, suite, clientCertificate } = this.#facts;
    const event: TraceEvent = {
      layer: 'tls',
      kind: 'established',
      flow: this.#teller.flow,
      version: versionText,
      cipherSuite: suiteName,
      group,
      signature,
      ...(serverName !== undefined && { serverName }),
      ...(alpn !== undefined && { alpn }),
      extendedMasterSecret,
      ...(resumed !== undefined && { resumed }),
      ...(encryptThenMac && suite?.mode === 'cbc' && { encryptThenMac: true as const }),
      ...(clientCertificate !== undefined && { clientCertificate }),
    };
    this.#teller.event(event);
  }
}
