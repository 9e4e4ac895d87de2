// One bit of what a client sends turned over on the way: the whole connection is played again with it, and what comes of
// that is told. What must never come of it is an exception in the server, or application data that the client did not seal.

import type { TlsConfig } from '../../../src/core/tls/config.js';
import { ascii, concat, text } from '../bytes.js';
import { drain } from '../tls-server.js';
import { ServerFault } from './codes.js';
import type { ClientOptions } from './options.js';
import { Rig } from './rig.js';

export interface Scenario {
  readonly name: string;
  readonly config: TlsConfig;
  readonly options: ClientOptions;
}

/**
 * alert: the server ended with a fatal alert. refused: the client noticed what the server could not, and ended. silent: the
 * server took the flipped bytes for an alert that ends the connection, or close_notify. waiting: for bytes that never come,
 * until the client's end. clean: nobody noticed, since the bit means nothing; all data went through.
 */
export type Outcome = 'alert' | 'refused' | 'silent' | 'waiting' | 'clean';

const SECRET = 'what the client has to say';

/** What the client sends in an undisturbed run: the hello, the second flight, data and close_notify. */
export function flightsOf(scenario: Scenario): Uint8Array[] {
  const flights: Uint8Array[] = [];
  play(scenario, (flight, _index) => {
    flights.push(flight);
    return flight;
  });
  return flights;
}

/** Plays the scenario with one bit of one flight turned over. Raises an Error when that does what it must not. */
export function flipBit(scenario: Scenario, flight: number, bit: number): Outcome {
  return play(scenario, (bytes, index) => {
    if (index !== flight) return bytes;
    const flipped = bytes.slice();
    flipped[bit >>> 3] = flipped[bit >>> 3]! ^ (0x80 >>> (bit & 7));
    return flipped;
  });
}

function play(scenario: Scenario, tamper: (flight: Uint8Array, index: number) => Uint8Array): Outcome {
  const rig = new Rig(scenario.config, scenario.options, 'flip#0');
  const { server, client } = rig;
  let index = 0;
  const give = (bytes: Uint8Array): Uint8Array => {
    const { length } = rig.plaintext;
    if (bytes.length > 0) rig.give(tamper(bytes, index++));
    if (server.state === 'handshake' && concat(...rig.plaintext.slice(length)).length > 0) {
      throw new Error('application data came out before the handshake was done');
    }
    return drain(server);
  };

  let refused = false;
  try {
    let said = client.start();
    while (said.length > 0) said = client.receive(give(said));
    if (client.established && client.failure === undefined) {
      client.receive(give(concat(client.write(ascii(SECRET)), client.close())));
    }
  } catch (error) {
    if (!(error instanceof ServerFault)) throw error;
    refused = true;
  }
  const plaintext = text(concat(...rig.plaintext));
  if (plaintext !== '' && plaintext !== SECRET) throw new Error(`the server took ${JSON.stringify(plaintext)}`);
  const { failure } = client;
  const waits = server.state === 'handshake' || (server.state === 'open' && !server.inputEnded);
  server.endOfInput(rig.nowUs);
  rig.give(new Uint8Array(0));
  if (!server.inputEnded) throw new Error('the server reads on behind the end of input');
  if (refused) return 'refused';
  if (failure !== undefined) return 'alert';
  if (waits) return 'waiting';
  return plaintext === SECRET ? 'clean' : 'silent';
}
