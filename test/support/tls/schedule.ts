// The secrets of a connection, as the RFCs draw them: master secret, key block and verify_data of TLS 1.2 (RFC 5246 §6.3,
// §7.4.9, §8.1, RFC 7627 §4) and the key schedule of TLS 1.3 (RFC 8446 §7).

import { concat } from '../bytes.js';
import type { Suite } from './codes.js';
import { digest, HASH_LENGTH, type HashName, hkdfExpandLabel, hkdfExtract, hmac, prf } from './primitives.js';
import { keyBlockLengths } from './protection.js';

const NOTHING = new Uint8Array(0);

export interface Randoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** `sessionHash` is the digest of all messages up to ClientKeyExchange; undefined without RFC 7627. */
export function masterSecret12(
  hash: HashName,
  premaster: Uint8Array,
  randoms: Randoms,
  sessionHash: Uint8Array | undefined,
): Uint8Array {
  return sessionHash === undefined
    ? prf(hash, premaster, 'master secret', concat(randoms.client, randoms.server), 48)
    : prf(hash, premaster, 'extended master secret', sessionHash, 48);
}

export interface SideKeys {
  readonly mac: Uint8Array;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

/** RFC 5246 §6.3: MAC keys, then keys, then IVs, the client's first each time. */
export function keyBlock12(suite: Suite, master: Uint8Array, randoms: Randoms): { client: SideKeys; server: SideKeys } {
  const { mac, key, iv } = keyBlockLengths(suite);
  const block = prf(suite.hash, master, 'key expansion', concat(randoms.server, randoms.client), 2 * (mac + key + iv));
  let at = 0;
  const next = (length: number): Uint8Array => {
    at += length;
    return block.slice(at - length, at);
  };
  const macs = [next(mac), next(mac)] as const;
  const keys = [next(key), next(key)] as const;
  const ivs = [next(iv), next(iv)] as const;
  return {
    client: { mac: macs[0], key: keys[0], iv: ivs[0] },
    server: { mac: macs[1], key: keys[1], iv: ivs[1] },
  };
}

export function verifyData12(
  hash: HashName,
  master: Uint8Array,
  side: 'client' | 'server',
  transcript: readonly Uint8Array[],
): Uint8Array {
  return prf(hash, master, `${side} finished`, digest(hash, ...transcript), 12);
}

/** RFC 8446 §7.1, read from top to bottom. */
export class Schedule13 {
  readonly hash: HashName;
  readonly #zeros: Uint8Array;
  readonly #early: Uint8Array;
  #handshake: Uint8Array = NOTHING;
  #master: Uint8Array = NOTHING;

  constructor(hash: HashName, psk: Uint8Array | undefined) {
    this.hash = hash;
    this.#zeros = new Uint8Array(HASH_LENGTH[hash]);
    this.#early = hkdfExtract(hash, this.#zeros, psk ?? this.#zeros);
  }

  deriveSecret(secret: Uint8Array, label: string, transcriptHash: Uint8Array): Uint8Array {
    return hkdfExpandLabel(this.hash, secret, label, transcriptHash, HASH_LENGTH[this.hash]);
  }

  /** Binder of a resumption PSK over the truncated ClientHello's transcript (§4.2.11.2). */
  binder(truncatedHash: Uint8Array): Uint8Array {
    return this.finished(this.deriveSecret(this.#early, 'res binder', digest(this.hash)), truncatedHash);
  }

  clientEarlyTraffic(helloHash: Uint8Array): Uint8Array {
    return this.deriveSecret(this.#early, 'c e traffic', helloHash);
  }

  handshakeTraffic(shared: Uint8Array, transcriptHash: Uint8Array): { client: Uint8Array; server: Uint8Array } {
    const salt = this.deriveSecret(this.#early, 'derived', digest(this.hash));
    this.#handshake = hkdfExtract(this.hash, salt, shared);
    return {
      client: this.deriveSecret(this.#handshake, 'c hs traffic', transcriptHash),
      server: this.deriveSecret(this.#handshake, 's hs traffic', transcriptHash),
    };
  }

  applicationTraffic(transcriptHash: Uint8Array): { client: Uint8Array; server: Uint8Array; exporter: Uint8Array } {
    const salt = this.deriveSecret(this.#handshake, 'derived', digest(this.hash));
    this.#master = hkdfExtract(this.hash, salt, this.#zeros);
    return {
      client: this.deriveSecret(this.#master, 'c ap traffic', transcriptHash),
      server: this.deriveSecret(this.#master, 's ap traffic', transcriptHash),
      exporter: this.deriveSecret(this.#master, 'exp master', transcriptHash),
    };
  }

  resumption(transcriptHash: Uint8Array): Uint8Array {
    return this.deriveSecret(this.#master, 'res master', transcriptHash);
  }

  /** §4.6.1. */
  ticketPsk(resumptionSecret: Uint8Array, nonce: Uint8Array): Uint8Array {
    return hkdfExpandLabel(this.hash, resumptionSecret, 'resumption', nonce, HASH_LENGTH[this.hash]);
  }

  /** §7.2. */
  nextTraffic(secret: Uint8Array): Uint8Array {
    return hkdfExpandLabel(this.hash, secret, 'traffic upd', NOTHING, HASH_LENGTH[this.hash]);
  }

  /** §4.4.4: verify_data under a base key. */
  finished(baseKey: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
    const key = hkdfExpandLabel(this.hash, baseKey, 'finished', NOTHING, HASH_LENGTH[this.hash]);
    return hmac(this.hash, key, transcriptHash);
  }
}

/** RFC 8446 §4.4.1: what stands for the first ClientHello when there was a HelloRetryRequest. */
export function messageHash(hash: HashName, clientHello: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(254, 0, 0, HASH_LENGTH[hash]), digest(hash, clientHello));
}
