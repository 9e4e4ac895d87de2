// Session tickets as sealed boxes (RFC 5077 §4, RFC 8446 §4.6.1): AES-256-GCM under a key of the run. What is in them is the
// concern of tickets12.ts and tickets13.ts. The server keeps nothing: keys are labelled draws of the seed, the same in a
// replay.

import type { Aead, Crypto } from '../crypto.js';
import type { RandomSource } from '../random.js';

/** No connection has this name, so that no draw of one is a draw for tickets. */
const FLOW = 'tickets';
const KEY_NAME_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const STATE_AT = KEY_NAME_BYTES + NONCE_BYTES;

type TicketVersion = 'TLS1.2' | 'TLS1.3';

const made: Readonly<Record<TicketVersion, WeakMap<RandomSource, TicketSeal>>> = {
  'TLS1.2': new WeakMap(),
  'TLS1.3': new WeakMap(),
};

/** The seal of a run. Its keys are draws that always give the same, so they are drawn once and not for each connection. */
export function ticketSeal(crypto: Crypto, random: RandomSource, version: TicketVersion): TicketSeal {
  const known = made[version].get(random);
  if (known !== undefined) return known;
  const seal = new TicketSeal(crypto, random, version);
  made[version].set(random, seal);
  return seal;
}

export class TicketSeal {
  readonly #crypto: Crypto;
  readonly #keyName: Uint8Array;
  readonly #nonceKey: Uint8Array;
  readonly #aead: Aead;

  /**
   * Any number of these from one seed open each other's tickets. `version` is in the labels: a ticket of one version is
   * noise to the other.
   */
  constructor(crypto: Crypto, random: RandomSource, version: TicketVersion) {
    this.#crypto = crypto;
    this.#keyName = random.bytes(FLOW, `${version} key name`, KEY_NAME_BYTES);
    this.#nonceKey = random.bytes(FLOW, `${version} nonce key`, KEY_BYTES);
    this.#aead = crypto.aead('aes-256-gcm', random.bytes(FLOW, `${version} key`, KEY_BYTES));
  }

  /**
   * key_name[16], nonce[12], what was sealed, tag[16]. The nonce is a MAC of `draw`, which tells one connection from
   * another, and of what is sealed: it never comes twice for two states, not even in two runs of one seed.
   */
  seal(state: Uint8Array, draw: Uint8Array): Uint8Array {
    const input = new Uint8Array(draw.length + state.length);
    input.set(draw, 0);
    input.set(state, draw.length);
    const nonce = this.#crypto.hmac('sha256', this.#nonceKey, input).subarray(0, NONCE_BYTES);
    const ticket = new Uint8Array(STATE_AT + state.length + TAG_BYTES);
    ticket.set(this.#keyName, 0);
    ticket.set(nonce, KEY_NAME_BYTES);
    this.#aead.seal(nonce, this.#keyName, state, ticket, STATE_AT);
    return ticket;
  }

  /** What was sealed, or undefined for anything that is not a ticket of this key. */
  open(ticket: Uint8Array): Uint8Array | undefined {
    const stateBytes = ticket.length - STATE_AT - TAG_BYTES;
    if (stateBytes < 0) return undefined;
    for (let i = 0; i < KEY_NAME_BYTES; i++) if (ticket[i] !== this.#keyName[i]) return undefined;
    const state = new Uint8Array(stateBytes);
    const nonce = ticket.subarray(KEY_NAME_BYTES, STATE_AT);
    const opened = this.#aead.open(nonce, this.#keyName, ticket.subarray(STATE_AT), state, 0);
    return opened < 0 ? undefined : state;
  }
}
