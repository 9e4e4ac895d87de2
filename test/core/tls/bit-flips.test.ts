// Every bit of a client's flights turned over, one at a time, a sample of them at each run: both versions, full and resumed,
// with a client certificate and behind a HelloRetryRequest. `tools/fuzz tls` goes on with more damage than one bit.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { equalBytes } from '../../support/bytes.js';
import { flightsOf, flipBit, type Outcome, type Scenario } from '../../support/tls/bit-flips.js';
import { clients } from '../../support/tls/certificates.js';
import { Group, Scheme, TLS12, TLS13 } from '../../support/tls/codes.js';
import { asksForCertificate, fullConfig, Rig } from '../../support/tls/rig.js';

const test = suite('bit flips');

/** One bit in so many, from another one on in each scenario. It has no factor in common with a byte or a word. */
const STRIDE = 41;

const config = fullConfig();
const asking = fullConfig(asksForCertificate(true));
const old = { versions: [TLS12], cipherSuites: [0xc02b], sessionTicket: true, signatureSchemes: [Scheme.ed25519] };
const cbc = { ...old, cipherSuites: [0xc013], signatureSchemes: [Scheme.rsa_pkcs1_sha256] };
const now = { versions: [TLS13], cipherSuites: [0x1301], signatureSchemes: [Scheme.ed25519] };
const ticket12 = new Rig(config, old).shake().client.sessions;
const ticket13 = new Rig(config, now).shake().client.sessions.slice(-1);

const scenarios: readonly Scenario[] = [
  { name: 'TLS 1.2', config, options: { ...old, alpn: ['h2'] } },
  { name: 'TLS 1.2, resumed', config, options: { ...old, sessions: ticket12 } },
  { name: 'TLS 1.2 with a client certificate', config: asking, options: { ...old, certificate: clients.ed25519 } },
  { name: 'TLS 1.2 with CBC', config, options: cbc },
  { name: 'TLS 1.2 with CBC, encrypt-then-MAC', config, options: { ...cbc, encryptThenMac: true } },
  { name: 'TLS 1.3', config, options: { ...now, alpn: ['h2'] } },
  { name: 'TLS 1.3, resumed', config, options: { ...now, sessions: ticket13 } },
  { name: 'TLS 1.3 with a client certificate', config: asking, options: { ...now, certificate: clients.ed25519 } },
  { name: 'TLS 1.3 behind a HelloRetryRequest', config, options: { ...now, keyShares: [], groups: [Group.x25519] } },
];

/** Of a record's header in clear, the bits that no hash covers and nobody has to look at: the version. */
function meansNothing(flight: Uint8Array, bit: number): boolean {
  for (let at = 0; at < flight.length; at += 5 + ((flight[at + 3]! << 8) | flight[at + 4]!)) {
    const byte = (bit >>> 3) - at;
    if (byte === 1 || byte === 2) return true;
    if (byte < 5) return false;
  }
  return false;
}

scenarios.forEach((scenario, number) => {
  test(scenario.name, () => {
    const flights = flightsOf(scenario);
    assert.ok(flights.length >= 3, 'a hello, a second flight and data');
    // Both ends repeat themselves, so that what a bit does is the bit's doing.
    flightsOf(scenario).forEach((flight, index) => {
      equalBytes(flight, flights[index]!);
    });
    const counts: Record<Outcome, number> = { alert: 0, refused: 0, silent: 0, waiting: 0, clean: 0 };
    flights.forEach((flight, index) => {
      for (let bit = (number * 5 + index) % STRIDE; bit < flight.length * 8; bit += STRIDE) {
        const outcome = flipBit(scenario, index, bit);
        counts[outcome]++;
        if (outcome === 'clean') assert.ok(meansNothing(flight, bit), `bit ${bit} of flight ${index} goes unnoticed`);
      }
    });
    assert.ok(counts.alert > 0);
  });
});

test.run();
