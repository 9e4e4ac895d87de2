// TLS 1.2: every message in every state of the server, with and without client authentication, full and resumed, and the
// answer that RFC 5246 has for it. The table is written by hand from the RFC; support/tls/state-table.ts explains cells.
//
// §7.4: messages in another order than §7.3's are a fatal error, and §7.2.2 has unexpected_message for it. A handshake type
// that is the server's to send, or that no RFC knows, is no better. §7.1 has ChangeCipherSpec in one place only. §7.2.2 and
// RFC 5746 §5: a renegotiation may be refused with a warning. §7.2.1: close_notify is answered; what follows it is ignored.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clients } from '../../support/tls/certificates.js';
import { TLS12 } from '../../support/tls/codes.js';
import { HANDSHAKE_NAMES } from '../../support/tls/messages.js';
import type { ClientOptions } from '../../support/tls/options.js';
import { asksForCertificate, fullConfig, only12, Rig } from '../../support/tls/rig.js';
import { parseTable, testTable } from '../../support/tls/state-table.js';

const test = suite('TLS 1.2 states');

// CH      nothing has come
// CERT    a certificate was asked for, and Certificate is due
// CKE     ClientKeyExchange is due; -c behind a certificate, -e behind an empty Certificate
// CV      CertificateVerify is due
// CCS     ChangeCipherSpec is due; -v behind CertificateVerify, -r in a resumed session
// FIN     Finished is due; -r in a resumed session
// OPEN    application data; -r in a resumed session
// CLD     the client's close_notify has come
const TABLE = `
                         | CH   | CERT | CKE  | CKE-c | CKE-e | CV   | CCS  | CCS-v | CCS-r | FIN  | FIN-r | OPEN | OPEN-r | CLD
HelloRequest             | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
ClientHello              | +    | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | NR   | NR     | -
ServerHello              | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
HelloVerifyRequest       | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
NewSessionTicket         | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
EndOfEarlyData           | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
HelloRetryRequest        | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
EncryptedExtensions      | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
Certificate              | UM   | +    | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
ServerKeyExchange        | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
CertificateRequest       | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
ServerHelloDone          | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
CertificateVerify        | UM   | UM   | UM   | UM    | UM    | +    | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
ClientKeyExchange        | UM   | UM   | +    | +     | +     | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
Finished                 | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | +    | +     | UM   | UM     | -
CertificateURL           | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
CertificateStatus        | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
SupplementalData         | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
KeyUpdate                | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
CompressedCertificate    | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
NextProtocol             | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
MessageHash              | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
handshake type 9         | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
handshake type 255       | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
# §7.1: one byte of value 1; behind ClientKeyExchange and CertificateVerify, right before Finished.
ChangeCipherSpec         | UM   | UM   | UM   | UM    | UM    | UM   | +    | +     | +     | UM   | UM    | UM   | UM     | -
ChangeCipherSpec 2       | UM/IP| UM/IP| UM/IP| UM/IP | UM/IP | UM/IP| IP   | IP    | IP    | UM/IP| UM/IP | UM/IP| UM/IP  | -
ChangeCipherSpec 1, 1    | UM/DE| UM/DE| UM/DE| UM/DE | UM/DE | UM/DE| DE   | DE    | DE    | UM/DE| UM/DE | UM/DE| UM/DE  | -
# §7.4.9: application data behind both Finished messages, not before. Empty fragments of it are allowed (§6.2.1).
application data         | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | data | data   | -
empty application data   | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | -    | -      | -
# §6.2.1: no empty fragments of handshake or alert.
empty handshake record   | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
empty alert record       | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
# §6: a type that is not known.
record of type 24        | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
record of type 99        | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
record of type 0         | UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | UM   | UM    | UM   | UM     | -
# §6.2.3: what does not verify, and what is not protected although keys were agreed on.
damaged record           | .    | .    | .    | .     | .     | .    | .    | .     | .     | BM   | BM    | BM   | BM     | -
application data in clear| UM   | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | BM   | BM    | BM   | BM     | -
handshake message in clear| UM  | UM   | UM   | UM    | UM    | UM   | UM   | UM    | UM    | BM   | BM    | BM   | BM     | -
close_notify in clear    | close| close| close| close | close | close| close| close | close | BM   | BM    | BM   | BM     | -
fatal alert in clear     | end  | end  | end  | end   | end   | end  | end  | end   | end   | BM   | BM    | BM   | BM     | -
# §7.2: a fatal alert ends the connection on both sides without an answer; after a warning it may go on.
warning close_notify     | close| close| close| close | close | close| close| close | close | close| close | close| close  | -
fatal close_notify       | end/close | end/close | end/close | end/close | end/close | end/close | end/close | end/close | end/close | end/close | end/close | end/close | end/close | -
warning user_canceled    | -    | -    | -    | -     | -     | -    | -    | -     | -     | -    | -     | -    | -      | -
warning no_renegotiation | -    | -    | -    | -     | -     | -    | -    | -     | -     | -    | -     | -    | -      | -
warning handshake_failure| -    | -    | -    | -     | -     | -    | -    | -     | -     | -    | -     | -    | -      | -
warning 200              | -    | -    | -    | -     | -     | -    | -    | -     | -     | -    | -     | -    | -      | -
fatal handshake_failure  | end  | end  | end  | end   | end   | end  | end  | end   | end   | end  | end   | end  | end    | -
fatal 200                | end  | end  | end  | end   | end   | end  | end  | end   | end   | end  | end   | end  | end    | -
level 0 internal_error   | IP   | IP   | IP   | IP    | IP    | IP   | IP   | IP    | IP    | IP   | IP    | IP   | IP     | -
level 3 internal_error   | IP   | IP   | IP   | IP    | IP    | IP   | IP   | IP    | IP    | IP   | IP    | IP   | IP     | -
two alerts in a record   | -    | -    | -    | -     | -     | -    | -    | -     | -     | -    | -     | -    | -      | -
`;

const plain = fullConfig(only12);
const authenticated = fullConfig({ ...only12, ...asksForCertificate(false) });
const base: ClientOptions = { versions: [TLS12], cipherSuites: [0xc02b], sessionTicket: true };
const session = new Rig(plain, base).shake().client.sessions;

/** How each state is come to: the config, what the client offers, and the step that it stops before. */
function reach(state: string): Rig {
  const [name, variant] = state.split('-');
  const certificate = variant === 'e' ? {} : { certificate: clients.ed25519 };
  const withCertificate = ['CERT', 'CV'].includes(name!) || ['c', 'e', 'v'].includes(variant!);
  const resumed = variant === 'r' ? { sessions: session } : {};
  const steps: Record<string, string> = {
    CH: 'ClientHello',
    CERT: 'Certificate',
    CKE: 'ClientKeyExchange',
    CV: 'CertificateVerify',
    CCS: 'ChangeCipherSpec',
    FIN: 'Finished',
  };
  const pauseBefore = steps[name!];
  const rig = new Rig(withCertificate ? authenticated : plain, {
    ...base,
    ...resumed,
    ...(withCertificate && certificate),
    ...(pauseBefore !== undefined && { pauseBefore }),
  }).shake();
  assert.is(rig.client.next, pauseBefore, `${state} ${rig.reason}`);
  if (variant === 'r') assert.is(rig.client.agreed.resumed, 'ticket');
  if (name === 'CLD') rig.say(rig.client.close());
  if (name === 'OPEN') assert.ok(rig.works());
  return rig;
}

test('the table has a row for every handshake message that either version knows', () => {
  const rows = parseTable(TABLE).rows.map(({ message }) => message);
  for (const name of HANDSHAKE_NAMES) assert.ok(rows.includes(name), name);
});

testTable(test, TABLE, reach);

test.run();
