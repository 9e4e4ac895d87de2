// Session tickets as sealed boxes (RFC 5077 §4, RFC 8446 §4.6.1): AES-256-GCM under a key of the run. What is in them is the
// concern of those who seal. The server keeps nothing: key and name are labelled draws, the same in a replay.

import type { Aead, Crypto } from '../crypto.js';
import type { RandomSource } from '../random.js';

/** No connection has this name, so that no draw of one is a draw for tickets. */
const FLOW = 'tickets';
const KEY_NAME_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class TicketSeal {
  readonly #keyName: Uint8Array;
  readonly #aead: Aead;

  /** `version` is in the labels: a ticket of one version is noise to the other. */
  constructor(crypto: Crypto, random: RandomSource, version: 'TLS1.2' | 'TLS1.3') {
    this.#keyName = random.bytes(FLOW, `${version} key name`, KEY_NAME_BYTES);
    this.#aead = crypto.aead('aes-256-gcm', random.bytes(FLOW, `${version} key`, KEY_BYTES));
  }

  /** key_name[16], nonce[12], what was sealed, tag[16]. `nonce` has 12 bytes and never comes twice. */
  seal(state: Uint8Array, nonce: Uint8Array): Uint8Array {
    const stateAt = KEY_NAME_BYTES + NONCE_BYTES;
    const ticket = new Uint8Array(stateAt + state.length + TAG_BYTES);
    ticket.set(this.#keyName, 0);
    ticket.set(nonce, KEY_NAME_BYTES);
    this.#aead.seal(nonce, this.#keyName, state, ticket, stateAt);
    return ticket;
  }

  /** What was sealed, or undefined for anything that is not a ticket of this key. */
  open(ticket: Uint8Array): Uint8Array | undefined {
    const stateAt = KEY_NAME_BYTES + NONCE_BYTES;
    const stateBytes = ticket.length - stateAt - TAG_BYTES;
    if (stateBytes < 0) return undefined;
    for (let i = 0; i < KEY_NAME_BYTES; i++) if (ticket[i] !== this.#keyName[i]) return undefined;
    const state = new Uint8Array(stateBytes);
    const nonce = ticket.subarray(KEY_NAME_BYTES, stateAt);
    const opened = this.#aead.open(nonce, this.#keyName, ticket.subarray(stateAt), state, 0);
    return opened < 0 ? undefined : state;
  }
}
