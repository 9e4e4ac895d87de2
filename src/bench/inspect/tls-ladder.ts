// The keys of one direction, one epoch after the other, and which of them opens a record: RFC 5246 §6.3, RFC 8446 §7.1, §7.2.
// What a live peer knows (the sequence number, that a KeyUpdate came) is tried within bounds where the capture lacks it.

import { TLS_1_2 } from '../../core/tls/record.js';
import { nextTrafficSecret } from '../../core/tls/schedule13.js';
import type { Direction } from '../../core/trace.js';
import { nodeCrypto } from '../../io/node-crypto.js';
import { streamLimits } from './stream-limits.js';
import type { HandshakeFacts } from './tls-handshake.js';
import { isAvailable, type Openers12, opener13, openers12, type RecordOpener } from './tls-opener.js';
import { type InspectorSuite, inspectorSuite } from './tls-suites.js';
import type { KeyStore } from './types.js';

/** RFC 8446 §7.1. `clear`: no keys yet, and all that there is in TLS 1.2 before ChangeCipherSpec. */
export type Epoch = 'clear' | 'early' | 'handshake' | 'application';

interface Rung {
  readonly epoch: Epoch;
  readonly generation: number;
}

const CLEAR: Rung = { epoch: 'clear', generation: 0 };
/** By length of secret, and so by hash: where neither hello tells the suite. */
const SUITES_13: ReadonlyMap<number, readonly number[]> = new Map([
  [32, [0x1301, 0x1303, 0x1304, 0x1305]],
  [48, [0x1302]],
]);

/** How many there were, by key log. */
const strangerTrials = new WeakMap<KeyStore, number>();

export class KeyLadder {
  readonly #dir: Direction;
  readonly #keys: KeyStore;
  readonly #facts: HandshakeFacts;
  #rung: Rung = CLEAR;
  #secret: Uint8Array | undefined;
  #opener: RecordOpener | undefined;
  /** Records under keys that are not known. */
  #counted = 0;
  /** How many records may be missing before the next: 0 when none are. */
  #missing = 0;
  #trials = 0;
  /** `keys.count` when nothing was found. */
  #lookedAt = -1;

  constructor(dir: Direction, keys: KeyStore, facts: HandshakeFacts) {
    this.#dir = dir;
    this.#keys = keys;
    this.#facts = facts;
  }

  get epoch(): Epoch {
    return this.#rung.epoch;
  }

  get generation(): number {
    return this.#rung.generation;
  }

  get hasKeys(): boolean {
    return this.#opener !== undefined;
  }

  /** Of the next record. */
  get sequence(): number {
    return this.#opener?.sequence ?? this.#counted;
  }

  get suite(): InspectorSuite | undefined {
    return this.#opener?.suite;
  }

  /** Of the record that was opened last. */
  get contentType(): number {
    return this.#opener?.contentType ?? 0;
  }

  /** Records of which nobody knows how many there were. */
  lose(bytes: number): void {
    // A protected record has a header and a tag at least.
    this.#missing += Math.ceil(bytes / 21) + 1;
  }

  /** One record that is there and was not opened. */
  pass(): void {
    if (this.#opener === undefined) this.#counted++;
    else this.#opener.sequence++;
    // Whether the other side counted it is not known.
    if (this.#opener !== undefined && this.#missing === 0) this.#missing = 1;
  }

  /** TLS 1.2, ChangeCipherSpec. True when there are keys. */
  enter12(): boolean {
    this.#rung = { epoch: 'application', generation: 0 };
    this.#counted = 0;
    this.#missing = 0;
    this.#lookedAt = -1;
    this.#opener = this.#find12();
    return this.#opener !== undefined;
  }

  /** TLS 1.3. True when there are keys. */
  enter13(epoch: Epoch, generation = 0): boolean {
    const rung = { epoch, generation };
    const secret = epoch === 'clear' ? undefined : this.#secretOf(rung, this.#facts.clientRandomHex);
    this.#rung = rung;
    this.#counted = 0;
    this.#missing = 0;
    this.#lookedAt = -1;
    this.#secret = secret;
    this.#opener = undefined;
    const suite = this.#facts.suite;
    // Early data is under the suite of the PSK, which only opening it tells.
    if (secret === undefined || suite === undefined || epoch === 'early' || !isAvailable(suite)) return false;
    this.#opener = opener13(suite, secret);
    return true;
  }

  /** RFC 5246 §6.2.3. */
  open12(contentType: number, version: number, fragment: Uint8Array): Uint8Array | undefined {
    if (this.#opener === undefined) {
      if (this.#lookedAt === this.#keys.count) return undefined;
      const opener = this.#find12();
      if (opener === undefined) {
        this.#lookedAt = this.#keys.count;
        return undefined;
      }
      this.#opener = opener;
      opener.sequence = this.#counted;
    }
    const opener = this.#opener;
    const content =
      opener.open(contentType, version, fragment) ?? this.#try(opener, contentType, version, fragment, opener.sequence);
    if (content !== undefined) this.#missing = 0;
    return content;
  }

  /** `changed`: under other keys than the record before. */
  open13(
    contentType: number,
    version: number,
    fragment: Uint8Array,
  ): { content: Uint8Array; changed: boolean } | undefined {
    const current = this.#opener;
    if (current !== undefined) {
      const content =
        current.open(contentType, version, fragment) ??
        this.#try(current, contentType, version, fragment, current.sequence);
      if (content !== undefined) {
        this.#missing = 0;
        return { content, changed: false };
      }
    } else if (this.#lookedAt === this.#keys.count) return undefined;
    if (this.#trials > streamLimits.sequenceTrials) return undefined;
    let secrets = 0;
    const found = (): Uint8Array | undefined => {
      for (const random of this.#randoms()) {
        for (const rung of this.#rungsAhead()) {
          const secret = this.#secretOf(rung, random);
          if (secret === undefined) continue;
          secrets++;
          const content = this.#climb(rung, secret, random, contentType, version, fragment);
          if (content !== undefined) return content;
        }
        if (this.#trials > streamLimits.sequenceTrials) return undefined;
      }
      return undefined;
    };
    const content = found();
    if (content === undefined) {
      if (secrets === 0) this.#lookedAt = this.#keys.count;
      return undefined;
    }
    this.#missing = 0;
    return { content, changed: true };
  }

  #climb(
    rung: Rung,
    secret: Uint8Array,
    random: string,
    contentType: number,
    version: number,
    fragment: Uint8Array,
  ): Uint8Array | undefined {
    const isCurrent = rung.epoch === this.#rung.epoch && rung.generation === this.#rung.generation;
    const first = isCurrent ? this.#counted : 0;
    // Of the records that nothing opened any number may have been under these keys.
    const most = isCurrent || this.#opener !== undefined ? 0 : this.#counted;
    for (const suite of this.#suites(rung, secret)) {
      const opener = opener13(suite, secret);
      this.#trials++;
      const content =
        opener.open(contentType, version, fragment, first) ??
        this.#try(opener, contentType, version, fragment, first, most);
      if (content === undefined) continue;
      const facts = this.#facts;
      if (facts.clientRandomHex === undefined) facts.clientRandomHex = random;
      // Only there have records such keys.
      facts.version ??= '1.3';
      if (facts.suite === undefined && rung.epoch !== 'early') {
        facts.suite = suite;
        facts.suiteCode = suite.code;
      }
      this.#rung = rung;
      this.#secret = secret;
      this.#opener = opener;
      this.#counted = 0;
      return content;
    }
    return undefined;
  }

  /** The sequence numbers behind `after`, as many as records may be missing. */
  #try(
    opener: RecordOpener,
    contentType: number,
    version: number,
    fragment: Uint8Array,
    after: number,
    passed = 0,
  ): Uint8Array | undefined {
    const most = Math.min(
      this.#missing + passed,
      streamLimits.sequenceTrialsPerRecord,
      streamLimits.sequenceTrials - this.#trials,
    );
    // One before: the record that did not open was not counted by its receiver.
    for (let step = -1; step <= most && most > 0; step++) {
      if (step === 0 || after + step < 0) continue;
      this.#trials++;
      const content = opener.open(contentType, version, fragment, after + step);
      if (content !== undefined) return content;
    }
    return undefined;
  }

  /** The rung itself where its keys came late, then what may follow without our having seen it. */
  *#rungsAhead(): Generator<Rung> {
    const { epoch, generation } = this.#rung;
    if (this.#opener === undefined && epoch !== 'clear') yield this.#rung;
    switch (epoch) {
      case 'clear':
        // Before the hellos there are no keys; that they are missing is another matter.
        if (this.#facts.clientRandomHex !== undefined && this.#missing === 0) return;
        yield { epoch: 'handshake', generation: 0 };
        yield { epoch: 'application', generation: 0 };
        return;
      case 'early':
        yield { epoch: 'handshake', generation: 0 };
        yield { epoch: 'application', generation: 0 };
        return;
      case 'handshake':
        yield { epoch: 'application', generation: 0 };
        return;
      case 'application':
        yield { epoch, generation: generation + 1 };
        return;
      default:
        epoch satisfies never;
    }
  }

  #randoms(): Iterable<string> {
    const { clientRandomHex } = this.#facts;
    if (clientRandomHex !== undefined) return [clientRandomHex];
    return this.#strangers();
  }

  *#strangers(): Generator<string> {
    for (const random of this.#keys.clientRandoms?.() ?? []) {
      const before = this.#trials;
      if ((strangerTrials.get(this.#keys) ?? 0) > streamLimits.strangerTrials) return;
      yield random;
      strangerTrials.set(this.#keys, (strangerTrials.get(this.#keys) ?? 0) + this.#trials - before);
    }
  }

  #suites(rung: Rung, secret: Uint8Array): readonly InspectorSuite[] {
    const { suite } = this.#facts;
    if (suite !== undefined && rung.epoch !== 'early') return isAvailable(suite) ? [suite] : [];
    return (SUITES_13.get(secret.length) ?? []).map((code) => inspectorSuite(code)!).filter(isAvailable);
  }

  #secretOf({ epoch, generation }: Rung, random: string | undefined): Uint8Array | undefined {
    if (random === undefined) return undefined;
    const side = this.#dir === 'in' ? 'CLIENT' : 'SERVER';
    if (epoch === 'early')
      return this.#dir === 'in' ? this.#keys.secret('CLIENT_EARLY_TRAFFIC_SECRET', random) : undefined;
    if (epoch === 'handshake') return this.#keys.secret(`${side}_HANDSHAKE_TRAFFIC_SECRET`, random);
    const logged = this.#keys.secret(`${side}_TRAFFIC_SECRET_${generation}`, random);
    if (logged !== undefined || generation === 0) return logged;
    // RFC 8446 §7.2: each follows from the one before, which a log need not repeat.
    const isNext = this.#rung.epoch === 'application' && this.#rung.generation === generation - 1;
    const hash = this.#facts.suite?.hash ?? this.#opener?.suite.hash;
    if (!isNext || this.#secret === undefined || hash === undefined) return undefined;
    return nextTrafficSecret({ crypto: nodeCrypto, hash }, this.#secret);
  }

  #find12(): RecordOpener | undefined {
    const { clientRandom, clientRandomHex, serverRandom, suite, encryptThenMac } = this.#facts;
    if (clientRandom === undefined || serverRandom === undefined || suite === undefined) return undefined;
    if (this.#facts.legacyVersion < TLS_1_2) return undefined;
    const masterSecret = this.#keys.secret('CLIENT_RANDOM', clientRandomHex!);
    if (masterSecret === undefined || !isAvailable(suite) || suite.version !== '1.2') return undefined;
    const openers: Openers12 = openers12(suite, masterSecret, clientRandom, serverRandom, encryptThenMac);
    return openers[this.#dir];
  }
}

/** RFC 8446 §7.1: the name of the secret, as `keys` events have it. */
export function secretName(dir: Direction, epoch: Epoch, generation: number): string {
  const side = dir === 'in' ? 'client' : 'server';
  if (epoch === 'early') return 'client_early_traffic_secret';
  if (epoch === 'handshake') return `${side}_handshake_traffic_secret`;
  return `${side}_application_traffic_secret_${generation}`;
}
