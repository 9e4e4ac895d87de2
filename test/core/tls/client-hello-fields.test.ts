// Each field of a ClientHello and of its extensions cut, longer, shorter, empty, zeroed and with a wrong length, and what a
// server answers to it. By hand from the RFCs: what does not follow the syntax, an illegal size of a vector included, is a
// decode_error; a value that is well-formed and makes no sense is an illegal_parameter (RFC 8446 §6, RFC 5246 §7.2.2).
//
//   +     the handshake goes on          HRR   with a HelloRetryRequest          .     there is no such case
//   DE decode_error   IP illegal_parameter   HF handshake_failure   PV protocol_version   DX decrypt_error
//   NP no_application_protocol

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TlsServer } from '../../../src/core/tls/server.js';
import { TlsClient } from '../../support/tls/client.js';
import { HELLO_RETRY_RANDOM } from '../../support/tls/client13.js';
import { Ext, TLS12, TLS13, Type } from '../../support/tls/codes.js';
import { extension } from '../../support/tls/hello.js';
import { DAMAGES, type Damage, damageHello, helloPaths } from '../../support/tls/hello-tree.js';
import type { ClientOptions, HelloParts } from '../../support/tls/options.js';
import { clearRecord, sameBytes } from '../../support/tls/protection.js';
import { fullConfig, only12, Rig, START_UNIX_US } from '../../support/tls/rig.js';
import { parseTable } from '../../support/tls/state-table.js';
import { drain, feed } from '../../support/tls-server.js';

const test = suite('fields of the ClientHello');

const ALERTS: Readonly<Record<number, string>> = { 40: 'HF', 47: 'IP', 50: 'DE', 51: 'DX', 70: 'PV', 120: 'NP' };
const config = fullConfig();
const config12 = fullConfig(only12);

/** The server's first answer to the message. */
function answerTo(message: Uint8Array, tls13: boolean): string {
  const server = new TlsServer({ flow: 'hello#0', config: tls13 ? config : config12 });
  feed(server, clearRecord({ contentType: Type.handshake, fragment: message }, 0x0301));
  const out = drain(server);
  if (out[0] === Type.alert) {
    assert.is(server.state, 'failed');
    return ALERTS[out[6]!] ?? `alert ${out[6]}`;
  }
  assert.is(out[0], Type.handshake, 'there is an answer');
  return sameBytes(out.subarray(11, 43), HELLO_RETRY_RANDOM) ? 'HRR' : '+';
}

function helloOf(options: ClientOptions): Uint8Array {
  const client = new TlsClient({ nowMs: START_UNIX_US / 1000, ...options });
  client.start();
  return client.helloBytes[0]!;
}

function runTable(table: string, name: string, options: () => ClientOptions, tls13: boolean): void {
  const { states, rows } = parseTable(table);
  test(`${name}: as it is`, () => {
    assert.equal(states, DAMAGES);
    assert.is(answerTo(helloOf(options()), tls13), '+');
  });
  for (const { message: path, cells } of rows) {
    test(`${name}: ${path}`, () => {
      const hello = helloOf(options());
      assert.ok(helloPaths(hello).includes(path), `${path} is a field: ${helloPaths(hello)}`);
      cells.forEach((cell, i) => {
        if (cell === '.') return;
        const got = answerTo(damageHello(hello, path, states[i] as Damage), tls13);
        assert.ok(cell.split('/').includes(got), `${path} ${states[i]}: ${cell} was due, came ${got}`);
      });
    });
  }
}

const UNKNOWN = 0x7a7a;

// RFC 8446 §4.1.2: legacy_version does not count beside supported_versions, but 0x0300 and less is refused (§D.5).
// legacy_compression_methods is one zero byte. §4.2.8: no shares ask for a HelloRetryRequest; a share of another size than
// the group's is none. RFC 7748 §6.1: a public key of zeros gives a secret of zeros. RFC 8449 §4: a limit below 64.
const HELLO_13 = `
                                                 | cut | +1    | -1    | empty | zero  | len+1 | len-1
client_version                                   | DE  | .     | .     | .     | PV    | .     | .
random                                           | DE  | .     | .     | .     | +     | .     | .
session_id                                       | DE  | DE    | +     | +     | +     | DE    | DE
cipher_suites                                    | DE  | DE    | DE    | DE    | HF    | DE    | DE
compression_methods                              | DE  | IP    | DE    | DE    | +     | DE    | DE
extensions                                       | DE  | DE    | DE    | HF    | DE/IP | DE    | DE
extensions.serverName.data                       | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.serverName.data.list                  | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.serverName.data.list.host_name        | DE  | IP/+  | +     | DE    | IP/+  | DE    | DE
extensions.supportedGroups.data                  | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.supportedGroups.data.list             | DE  | DE    | DE    | DE    | HF/IP | DE    | DE
extensions.signatureAlgorithms.data              | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.signatureAlgorithms.data.list         | DE  | DE    | DE    | DE    | HF    | DE    | DE
extensions.signatureAlgorithmsCert.data          | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.signatureAlgorithmsCert.data.list     | DE  | DE    | DE    | DE    | +/HF  | DE    | DE
extensions.alpn.data                             | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.alpn.data.list                        | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.alpn.data.list.protocol               | DE  | NP    | NP    | DE    | NP    | DE    | DE
extensions.statusRequest.data                    | DE  | DE    | DE    | DE    | +/DE  | DE    | DE
extensions.statusRequest.data.status_type        | .   | .     | .     | .     | +/DE  | .     | .
extensions.statusRequest.data.responder_id_list  | .   | DE    | .     | +     | +     | DE    | .
extensions.statusRequest.data.request_extensions | .   | +/DE  | .     | +     | +     | DE    | .
extensions.recordSizeLimit.data                  | DE  | DE    | DE    | DE    | IP    | DE    | DE
extensions.keyShare.data                         | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.keyShare.data.client_shares           | DE  | DE    | DE    | HRR   | DE    | DE    | DE
extensions.keyShare.data.client_shares.group     | DE  | .     | .     | .     | IP/HRR| .     | .
extensions.keyShare.data.client_shares.key_exchange | DE | IP  | IP    | DE    | IP    | DE    | DE
extensions.supportedVersions.data                | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.supportedVersions.data.list           | DE  | DE    | DE    | DE    | PV    | DE    | DE
extensions.pskKeyExchangeModes.data              | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.pskKeyExchangeModes.data.list         | DE  | +     | DE    | DE    | +     | DE    | DE
extensions.postHandshakeAuth.data                | .   | DE    | .     | +     | +     | DE    | .
extensions.extension 31354.data                  | DE  | +     | +     | +     | +     | DE    | DE
extensions.padding.data                          | DE  | +     | +     | +     | +     | DE    | DE
`;

runTable(
  HELLO_13,
  'TLS 1.3',
  () => ({
    versions: [TLS13],
    alpn: ['h2'],
    statusRequest: true,
    recordSizeLimit: 16_385,
    extraExtensions: [
      extension(Ext.signatureAlgorithmsCert, Uint8Array.of(0, 4, 4, 3, 8, 7)),
      extension(Ext.postHandshakeAuth),
      extension(UNKNOWN, 'what is it'),
    ],
    padHelloTo: 512,
  }),
  true,
);

// RFC 8446 §4.2.11: an identity that nobody knows is passed over, and the handshake is a full one; a binder has 32 bytes or
// more, and one that does not verify ends the handshake. The age of a ticket may be wrong without harm.
const PSK = `
                                                         | cut | +1 | -1 | empty | zero | len+1 | len-1
extensions.preSharedKey.data                             | DE  | DE | DE | DE    | DE   | DE    | DE
extensions.preSharedKey.data.identities                  | DE  | DE | DE | DE    | DE   | DE    | DE
extensions.preSharedKey.data.identities.identity         | DE  | +  | +  | DE    | +    | DE    | DE
extensions.preSharedKey.data.identities.obfuscated_ticket_age | DE | . | . | .   | +/DX | .     | .
extensions.preSharedKey.data.binders                     | DE  | DE | DE | DE    | DE   | DE    | DE
extensions.preSharedKey.data.binders.binder              | DE  | DX | DE | DE    | DX   | DE    | DE
`;

const sessions = new Rig(config, { versions: [TLS13] }).shake().client.sessions.slice(-1);

runTable(PSK, 'TLS 1.3 with a ticket', () => ({ versions: [TLS13], sessions }), true);

// RFC 5246 §7.4.1.2: null among the compression methods. §7.4.1.4.1: without signature_algorithms it would be SHA-1, which
// is not served. RFC 5746 §3.6: renegotiated_connection is empty. RFC 6066 §4: 1 to 4. RFC 5077 §3.3: a ticket that does not
// open leads to a full handshake. RFC 8422 §5.1.2: ec_point_formats holds uncompressed, 0.
const HELLO_12 = `
                                                 | cut | +1    | -1    | empty | zero  | len+1 | len-1
client_version                                   | DE  | .     | .     | .     | PV    | .     | .
random                                           | DE  | .     | .     | .     | +     | .     | .
session_id                                       | DE  | DE    | +     | +     | +     | DE    | DE
cipher_suites                                    | DE  | DE    | DE    | DE    | HF    | DE    | DE
compression_methods                              | DE  | +     | DE    | DE    | +     | DE    | DE
extensions                                       | DE  | DE    | DE    | HF    | DE/IP | DE    | DE
extensions.serverName.data                       | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.serverName.data.list                  | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.serverName.data.list.host_name        | DE  | IP/+  | +     | DE    | IP/+  | DE    | DE
extensions.extendedMasterSecret.data             | .   | DE    | .     | +     | +     | DE    | .
extensions.encryptThenMac.data                   | .   | DE    | .     | +     | +     | DE    | .
extensions.renegotiationInfo.data                | DE  | DE    | DE    | DE    | +     | DE    | DE
extensions.renegotiationInfo.data.renegotiated_connection | . | HF | .   | +     | +     | DE    | .
extensions.supportedGroups.data                  | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.supportedGroups.data.list             | DE  | DE    | DE    | DE    | HF    | DE    | DE
extensions.ecPointFormats.data                   | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.ecPointFormats.data.list              | DE  | +     | DE    | DE    | +     | DE    | DE
extensions.sessionTicket.data                    | .   | +     | .     | +     | +     | DE    | .
extensions.alpn.data                             | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.alpn.data.list                        | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.alpn.data.list.protocol               | DE  | NP    | NP    | DE    | NP    | DE    | DE
extensions.statusRequest.data                    | DE  | DE    | DE    | DE    | +/DE  | DE    | DE
extensions.statusRequest.data.responder_id_list  | .   | DE    | .     | +     | +     | DE    | .
extensions.statusRequest.data.request_extensions | .   | +/DE  | .     | +     | +     | DE    | .
extensions.signatureAlgorithms.data              | DE  | DE    | DE    | DE    | DE    | DE    | DE
extensions.signatureAlgorithms.data.list         | DE  | DE    | DE    | DE    | HF    | DE    | DE
extensions.maxFragmentLength.data                | DE  | DE    | DE    | DE    | IP    | DE    | DE
extensions.padding.data                          | DE  | +     | +     | +     | +     | DE    | DE
`;

runTable(
  HELLO_12,
  'TLS 1.2',
  () => ({
    versions: [TLS12],
    alpn: ['h2'],
    statusRequest: true,
    sessionTicket: true,
    encryptThenMac: true,
    maxFragmentLength: 4,
    padHelloTo: 512,
    hooks: { hello: (parts) => ({ ...parts, sessionId: new Uint8Array(32).fill(7) }) },
  }),
  false,
);

test('a ClientHello without an extension block is one of TLS 1.2, which without signature_algorithms means SHA-1', () => {
  const hello = helloOf({ versions: [TLS12], hooks: { hello: (parts) => ({ ...parts, extensions: undefined }) } });
  // RFC 5246 §7.4.1.4.1.
  assert.is(answerTo(hello, true), 'HF');
});

test('bytes behind the extensions, or behind the compression methods, are a decode_error', () => {
  const hello = helloOf({});
  const body = [...hello.subarray(4), 0];
  const longer = Uint8Array.of(1, body.length >>> 16, body.length >>> 8, body.length, ...body);
  assert.is(answerTo(longer, true), 'DE');
  const bare = helloOf({ versions: [TLS12], hooks: { hello: (parts) => ({ ...parts, extensions: undefined }) } });
  const withByte = [...bare.subarray(4), 0];
  assert.is(answerTo(Uint8Array.of(1, 0, withByte.length >>> 8, withByte.length, ...withByte), true), 'DE');
});

test('each extension that comes twice is an illegal_parameter (RFC 5246 §7.4.1.4, RFC 8446 §4.2)', () => {
  for (const versions of [[TLS12], [TLS13]]) {
    const options: ClientOptions = {
      versions,
      alpn: ['h2'],
      statusRequest: true,
      padHelloTo: 300,
      sessionTicket: true,
    };
    const count = new TlsClient(options);
    count.start();
    for (const one of count.hello!.parts.extensions!) {
      const hooks = { hello: (parts: HelloParts) => ({ ...parts, extensions: [...parts.extensions!, one] }) };
      assert.is(answerTo(helloOf({ ...options, hooks }), versions[0] === TLS13), 'IP', `${one.type} twice`);
    }
  }
});

test('a field of every extension that the client can offer is in one of the tables', () => {
  const covered = `${HELLO_12}${HELLO_13}${PSK}`;
  const inNoHello = ['cookie', 'earlyData', 'certificateAuthorities'];
  for (const name of Object.keys(Ext)) {
    if (!inNoHello.includes(name)) assert.ok(covered.includes(`extensions.${name}.`), name);
  }
});

test.run();
