// What comes after a handshake of TLS 1.3: tickets (RFC 8446 §4.6.1) and key updates, the client's and our own (§4.6.3,
// §7.2, §5.5). Post-handshake authentication is not used.

import { Writer } from '../bytes/writer.js';
import { limits } from '../limits.js';
import type { Micros } from '../types.js';
import { describeHandshake13 } from './describe13.js';
import { encodeHandshake13, type HandshakeMessage13, type KeyUpdate, KeyUpdateRequest } from './messages13.js';
import { ContentType } from './record.js';
import { nextTrafficSecret, resumptionPsk } from './schedule13.js';
import { TicketKeys13, type TicketState } from './tickets13.js';
import type { Wire13 } from './wire13.js';

export interface ApplicationSecrets {
  readonly clientApplicationSecret: Uint8Array;
  readonly serverApplicationSecret: Uint8Array;
}

/** What tickets take over from the connection. */
export interface TicketFacts extends Pick<TicketState, 'serverName' | 'clientSubject' | 'clientExpiresMs'> {
  /** Undefined: of this handshake. */
  readonly authenticatedMs: number | undefined;
}

/** §4.6.1: one for the next connection, one for another beside it. A resumed client has used up one. */
const TICKETS = 2;
const TICKETS_RESUMED = 1;

export class PostHandshake13 {
  readonly #wire: Wire13;
  #readSecret: Uint8Array;
  #writeSecret: Uint8Array;
  #readGeneration = 0;
  #writeGeneration = 0;
  /** The client waits for a KeyUpdate of ours. */
  #isUpdateDue = false;
  /** Of the client, since its last application data. */
  #keyUpdates = 0;

  constructor(wire: Wire13, secrets: ApplicationSecrets) {
    this.#wire = wire;
    this.#readSecret = secrets.clientApplicationSecret;
    this.#writeSecret = secrets.serverApplicationSecret;
  }

  sendTickets(nowUs: Micros, resumptionMasterSecret: Uint8Array, facts: TicketFacts): void {
    const { context, kdf } = this.#wire;
    const { config, flow } = context;
    const { serverName, clientSubject, clientExpiresMs } = facts;
    if (config.resumption === false) return;
    const keys = new TicketKeys13(config.crypto, config.random);
    const issuedMs = context.unixMs(nowUs);
    const count = facts.authenticatedMs === undefined ? TICKETS : TICKETS_RESUMED;
    for (let index = 0; index < count; index++) {
      // §4.6.1: all that a nonce has to be is another one for each ticket of the connection.
      const ticketNonce = Uint8Array.of(index);
      const ticketAgeAdd = drawU32(config.random.bytes(flow, `ticket age add ${index}`, 4));
      this.#wire.tellStep(nowUs, 'resumption');
      const ticket = keys.seal({
        hash: kdf.hash,
        psk: resumptionPsk(kdf, resumptionMasterSecret, ticketNonce),
        issuedMs,
        authenticatedMs: facts.authenticatedMs ?? issuedMs,
        ticketAgeAdd,
        serverName,
        clientSubject,
        clientExpiresMs,
      });
      const ticketLifetime = limits.tls.ticketLifetimeS;
      this.#send(nowUs, {
        type: 'NewSessionTicket',
        ticketLifetime,
        ticketAgeAdd,
        ticketNonce,
        ticket,
        extensions: [],
      });
    }
  }

  /** §4.6.3. Ours, if one is due, waits until there is data to send: many requests are then answered by one. */
  receiveKeyUpdate(nowUs: Micros, { requestUpdate }: KeyUpdate): void {
    const { context, kdf } = this.#wire;
    if (context.handshakeInput.length > 0) {
      // §5.1: the next message would be under the old key.
      context.fail(nowUs, 'messageAcrossKeys');
      return;
    }
    if (
      requestUpdate !== KeyUpdateRequest.update_not_requested &&
      requestUpdate !== KeyUpdateRequest.update_requested
    ) {
      context.fail(nowUs, 'keyUpdateRequest', String(requestUpdate));
      return;
    }
    this.#keyUpdates++;
    if (this.#keyUpdates > limits.tls.keyUpdates) {
      context.fail(nowUs, 'tooManyKeyUpdates');
      return;
    }
    this.#wire.tellStep(nowUs, 'traffic upd');
    this.#readSecret = nextTrafficSecret(kdf, this.#readSecret);
    this.#readGeneration++;
    this.#wire.protect(nowUs, 'in', this.#readSecret, `client_application_traffic_secret_${this.#readGeneration}`);
    if (requestUpdate === KeyUpdateRequest.update_requested) this.#isUpdateDue = true;
  }

  /** Application data is about to be written. */
  beforeData(nowUs: Micros): void {
    if (this.#isUpdateDue) this.updateWriteKey(nowUs);
  }

  /** The client sent application data. */
  dataRead(): void {
    this.#keyUpdates = 0;
  }

  /** Sends a KeyUpdate under the old key, and takes the next. True, as there is always a next one. */
  updateWriteKey(nowUs: Micros): boolean {
    this.#isUpdateDue = false;
    this.#send(nowUs, { type: 'KeyUpdate', requestUpdate: KeyUpdateRequest.update_not_requested });
    this.#wire.tellStep(nowUs, 'traffic upd');
    this.#writeSecret = nextTrafficSecret(this.#wire.kdf, this.#writeSecret);
    this.#writeGeneration++;
    this.#wire.protect(nowUs, 'out', this.#writeSecret, `server_application_traffic_secret_${this.#writeGeneration}`);
    return true;
  }

  /** These messages are in no transcript (§4.4.1). */
  #send(nowUs: Micros, message: HandshakeMessage13): void {
    const { context } = this.#wire;
    const writer = new Writer();
    encodeHandshake13(writer, message);
    const bytes = writer.view();
    context.traceHandshake(nowUs, 'out', message.type, bytes, context.trace && describeHandshake13(message));
    context.records.write(nowUs, ContentType.handshake, bytes);
  }
}

function drawU32(bytes: Uint8Array): number {
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}
