// TLS 1.3: every message in every state of the server, with and without client authentication, full and resumed, and the
// answer that RFC 8446 has for it. The table is written by hand from the RFC; support/tls/state-table.ts explains cells.
//
// §4: messages in another order are unexpected_message. §5: a ChangeCipherSpec of 1 in clear is dropped between the first
// ClientHello and the client's Finished, and anything else of that type is unexpected. §4.1.2: no ClientHello afterwards.
// §4.6.3: no KeyUpdate before. §6: the level of an alert does not count; all but close_notify and user_canceled are errors.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clients } from '../../support/tls/certificates.js';
import { Group, TLS13 } from '../../support/tls/codes.js';
import { HANDSHAKE_NAMES } from '../../support/tls/messages.js';
import type { ClientOptions } from '../../support/tls/options.js';
import { asksForCertificate, fullConfig, Rig } from '../../support/tls/rig.js';
import { parseTable, testTable } from '../../support/tls/state-table.js';

const test = suite('TLS 1.3 states');

// CH      nothing has come
// CH2     the second ClientHello is due, behind a HelloRetryRequest
// CERT    a certificate was asked for, and Certificate is due
// CV      CertificateVerify is due
// FIN     Finished is due; -v behind CertificateVerify, -e behind an empty Certificate, -r in a resumed session
// OPEN    application data; -r in a resumed session
// HALF    the client's close_notify has come
const TABLE = `
                           | CH    | CH2  | CERT | CV   | FIN  | FIN-v | FIN-e | FIN-r | OPEN | OPEN-r | HALF
HelloRequest               | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
# §4.1.2: one ClientHello, or two with a HelloRetryRequest between.
ClientHello                | +     | +    | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
ServerHello                | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
HelloVerifyRequest         | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
NewSessionTicket           | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
# §4.5: only when early data was taken, and it never is.
EndOfEarlyData             | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
HelloRetryRequest          | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
EncryptedExtensions        | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
Certificate                | UM    | UM   | +    | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
ServerKeyExchange          | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
CertificateRequest         | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
ServerHelloDone            | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
CertificateVerify          | UM    | UM   | UM   | +    | UM   | UM    | UM    | UM    | UM   | UM     | -
ClientKeyExchange          | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
Finished                   | UM    | UM   | UM   | UM   | +    | +     | +     | +     | UM   | UM     | -
CertificateURL             | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
CertificateStatus          | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
SupplementalData           | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
# §4.6.3: not before Finished.
KeyUpdate                  | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | +    | +      | -
CompressedCertificate      | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
NextProtocol               | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
MessageHash                | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
handshake type 9           | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
handshake type 255         | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
# §5: dropped in its time, if it is 1 and in clear.
ChangeCipherSpec           | UM    | -    | -    | -    | -    | -     | -     | -     | UM   | UM     | -
ChangeCipherSpec, protected| UM    | .    | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
ChangeCipherSpec 2         | UM/IP | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
ChangeCipherSpec 1, 1      | UM/DE | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
# §6.2: premature application data. §5.1: empty fragments of it are allowed, of others they are not (§5.4).
application data           | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | data | data   | -
empty application data     | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | -    | -      | -
empty handshake record     | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
empty alert record         | UM    | UM/DE| UM/DE| UM/DE| UM/DE| UM/DE | UM/DE | UM/DE | UM/DE| UM/DE  | -
nothing but padding        | .     | .    | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
# §5: types that are not known, outside and inside of the protection.
record of type 24          | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
record of type 99          | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
record of type 0           | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
# §5.2: what does not verify. §5.1, §6: once there are keys, a handshake message in clear is not expected.
damaged record             | .     | .    | BM   | BM   | BM   | BM    | BM    | BM    | BM   | BM     | -
application data in clear  | UM    | UM   | BM   | BM   | BM   | BM    | BM    | BM    | BM   | BM     | -
handshake message in clear | UM    | UM   | UM   | UM   | UM   | UM    | UM    | UM    | UM   | UM     | -
# §A.1: a client that cannot go on has no keys yet, perhaps; behind its first protected record it has.
close_notify in clear      | close | close| close/UM | UM | close/UM | UM | UM   | close/UM | UM | UM   | -
fatal alert in clear       | end   | end  | end/UM | UM | end/UM | UM  | UM    | end/UM | UM  | UM     | -
# §6.1: close_notify ends what the client sends. In the handshake there is nothing else to go on with.
warning close_notify       | close | close| close| close| close| close | close | close | half | half   | -
fatal close_notify         | close/end | close| close| close| close| close | close | close | half | half   | -
warning user_canceled      | -     | -    | -    | -    | -    | -     | -     | -     | -    | -      | -
# §6: error alerts, the unknown ones too, whatever their level. Before a ClientHello the version is not known.
warning no_renegotiation   | -/end | end  | end  | end  | end  | end   | end   | end   | end  | end    | -
warning handshake_failure  | -/end | end  | end  | end  | end  | end   | end   | end   | end  | end    | -
warning 200                | -/end | end  | end  | end  | end  | end   | end   | end   | end  | end    | -
fatal handshake_failure    | end   | end  | end  | end  | end  | end   | end   | end   | end  | end    | -
fatal 200                  | end   | end  | end  | end  | end  | end   | end   | end   | end  | end    | -
level 0 internal_error     | IP/end| end  | end  | end  | end  | end   | end   | end   | end  | end    | -
level 3 internal_error     | IP/end| end  | end  | end  | end  | end   | end   | end   | end  | end    | -
# §5.1: an alert is one record, and a record one alert.
half an alert              | DE/-  | DE   | DE   | DE   | DE   | DE    | DE    | DE    | DE   | DE     | -
two alerts in a record     | DE/-  | DE   | DE   | DE   | DE   | DE    | DE    | DE    | DE   | DE     | -
`;

const plain = fullConfig();
const authenticated = fullConfig(asksForCertificate(false));
const base: ClientOptions = { versions: [TLS13] };
const session = new Rig(plain, base).shake().client.sessions;

/** How each state is come to: the config, what the client offers, and the step that it stops before. */
function reach(state: string): Rig {
  const [name, variant] = state.split('-');
  const withCertificate = ['CERT', 'CV'].includes(name!) || ['e', 'v'].includes(variant!);
  const certificate = variant === 'e' ? {} : { certificate: clients.ed25519 };
  const resumed = variant === 'r' ? { sessions: session.slice(-1) } : {};
  const steps: Record<string, string> = {
    CH: 'ClientHello',
    CH2: 'ClientHello',
    CERT: 'Certificate',
    CV: 'CertificateVerify',
    FIN: 'Finished',
  };
  const pauseBefore = steps[name!];
  const rig = new Rig(withCertificate ? authenticated : plain, {
    ...base,
    ...resumed,
    ...(withCertificate && certificate),
    // Without a share the server has to ask for one.
    ...(name === 'CH2' && { keyShares: [], groups: [Group.secp256r1] }),
    ...(pauseBefore !== undefined && { pauseBefore }),
  });
  rig.shake();
  if (name === 'CH2') {
    rig.say(rig.client.step());
    assert.ok(rig.client.agreed.helloRetry);
  }
  assert.is(rig.client.next, pauseBefore, `${state} ${rig.reason}`);
  if (variant === 'r') assert.is(rig.client.agreed.resumed, 'psk');
  if (name === 'HALF') rig.say(rig.client.close());
  if (name === 'OPEN') assert.ok(rig.works());
  return rig;
}

test('the table has a row for every handshake message that either version knows', () => {
  const rows = parseTable(TABLE).rows.map(({ message }) => message);
  for (const name of HANDSHAKE_NAMES) assert.ok(rows.includes(name), name);
});

testTable(test, TABLE, reach);

test.run();
