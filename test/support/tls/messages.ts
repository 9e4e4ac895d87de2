// One of every message and record that a peer could send, well-formed in itself, for tables of what may come when. Handshake
// types: RFC 5246 §7.4, RFC 8446 §4 and the IANA registry; content types: RFC 5246 §6.2.1, RFC 6520 (heartbeat).

import { Writer } from '../../../src/core/bytes/writer.js';
import { concat } from '../bytes.js';
import type { TlsClient } from './client.js';
import { Alert, Message, TLS12, TLS13, Type } from './codes.js';
import type { Protection13 } from './protection.js';

const NOTHING = new Uint8Array(0);
const filled = (length: number): Uint8Array => new Uint8Array(length).fill(0x5a);

/** A handshake message with its header. */
export function handshake(type: number, body: Uint8Array = NOTHING): Uint8Array {
  return concat(Uint8Array.of(type, body.length >>> 16, body.length >>> 8, body.length), body);
}

const written = (write: (w: Writer) => void): Uint8Array => {
  const w = new Writer();
  write(w);
  return w.finish();
};

/** A ServerHello of TLS 1.2 without extensions. */
const SERVER_HELLO = written((w) => void w.u16(TLS12).put(filled(32)).u8(0).u16(0xc02b).u8(0));
/** The version of DTLS 1.2 and an empty cookie. */
const HELLO_VERIFY_REQUEST = Uint8Array.of(0xfe, 0xfd, 0);
const NEW_SESSION_TICKET = written((w) => void w.u32(7200).prefixed(2, () => w.put(filled(16))));
const SERVER_KEY_EXCHANGE = written((w) => {
  w.u8(3)
    .u16(29)
    .prefixed(1, () => w.put(filled(32)));
  w.u16(0x0403).prefixed(2, () => w.put(filled(70)));
});
const CERTIFICATE_REQUEST = written((w) => void w.u8(1).u8(64).u16(2).u16(0x0403).u16(0));
const CERTIFICATE_VERIFY = written((w) => void w.u16(0x0403).prefixed(2, () => w.put(filled(70))));

/** Without any certificate: as well-formed as one with, and every server can judge it. */
function certificate(client: TlsClient): Uint8Array {
  return client.agreed.version === TLS13 ? Uint8Array.of(0, 0, 0, 0) : Uint8Array.of(0, 0, 0);
}

/** Bodies of every handshake message; what depends on the connection is made of it. */
const HANDSHAKE: Readonly<Record<string, (client: TlsClient) => Uint8Array>> = {
  HelloRequest: () => handshake(Message.HelloRequest),
  ClientHello: (client) => client.helloBytes[0]!,
  ServerHello: () => handshake(Message.ServerHello, SERVER_HELLO),
  HelloVerifyRequest: () => handshake(Message.HelloVerifyRequest, HELLO_VERIFY_REQUEST),
  NewSessionTicket: () => handshake(Message.NewSessionTicket, NEW_SESSION_TICKET),
  EndOfEarlyData: () => handshake(Message.EndOfEarlyData),
  HelloRetryRequest: () => handshake(Message.HelloRetryRequest, SERVER_HELLO),
  EncryptedExtensions: () => handshake(Message.EncryptedExtensions, Uint8Array.of(0, 0)),
  Certificate: (client) => handshake(Message.Certificate, certificate(client)),
  ServerKeyExchange: () => handshake(Message.ServerKeyExchange, SERVER_KEY_EXCHANGE),
  CertificateRequest: () => handshake(Message.CertificateRequest, CERTIFICATE_REQUEST),
  ServerHelloDone: () => handshake(Message.ServerHelloDone),
  CertificateVerify: () => handshake(Message.CertificateVerify, CERTIFICATE_VERIFY),
  ClientKeyExchange: () => handshake(Message.ClientKeyExchange, concat(Uint8Array.of(32), filled(32))),
  Finished: (client) => handshake(Message.Finished, filled(client.agreed.version === TLS13 ? 32 : 12)),
  CertificateURL: () => handshake(Message.CertificateUrl, Uint8Array.of(0, 0, 0)),
  CertificateStatus: () => handshake(Message.CertificateStatus, Uint8Array.of(1, 0, 0, 1, 0x30)),
  SupplementalData: () => handshake(Message.SupplementalData, Uint8Array.of(0, 0, 0)),
  KeyUpdate: () => handshake(Message.KeyUpdate, Uint8Array.of(0)),
  CompressedCertificate: () => handshake(25, filled(8)),
  NextProtocol: () => handshake(67, filled(32)),
  MessageHash: () => handshake(Message.MessageHash, filled(32)),
  'handshake type 9': () => handshake(9),
  'handshake type 255': () => handshake(255, filled(3)),
};

const alert = (level: number, description: number) => (client: TlsClient) =>
  client.inject(Type.alert, Uint8Array.of(level, description));

/** A record under the keys of the moment whose last bit is wrong; in clear there is nothing that would notice. */
function damaged(client: TlsClient): Uint8Array {
  const bytes = client.inject(Type.applicationData, filled(8));
  bytes[bytes.length - 1] = bytes[bytes.length - 1]! ^ 1;
  return bytes;
}

const OTHERS: Readonly<Record<string, (client: TlsClient) => Uint8Array>> = {
  ChangeCipherSpec: (client) =>
    client.agreed.version === TLS13
      ? client.injectClear(Type.changeCipherSpec, Uint8Array.of(1))
      : client.inject(Type.changeCipherSpec, Uint8Array.of(1)),
  'ChangeCipherSpec, protected': (client) => client.inject(Type.changeCipherSpec, Uint8Array.of(1)),
  'ChangeCipherSpec 2': (client) =>
    client.agreed.version === TLS13
      ? client.injectClear(Type.changeCipherSpec, Uint8Array.of(2))
      : client.inject(Type.changeCipherSpec, Uint8Array.of(2)),
  'ChangeCipherSpec 1, 1': (client) =>
    client.agreed.version === TLS13
      ? client.injectClear(Type.changeCipherSpec, Uint8Array.of(1, 1))
      : client.inject(Type.changeCipherSpec, Uint8Array.of(1, 1)),
  'application data': (client) => client.inject(Type.applicationData, Uint8Array.of(0x68, 0x69)),
  'empty application data': (client) => client.inject(Type.applicationData, NOTHING),
  'application data in clear': (client) => client.injectClear(Type.applicationData, filled(40)),
  'handshake message in clear': (client) => client.injectClear(Type.handshake, HANDSHAKE.Finished!(client)),
  'close_notify in clear': (client) => client.injectClear(Type.alert, Uint8Array.of(1, 0)),
  'fatal alert in clear': (client) => client.injectClear(Type.alert, Uint8Array.of(2, 40)),
  'empty handshake record': (client) => client.inject(Type.handshake, NOTHING),
  'empty alert record': (client) => client.inject(Type.alert, NOTHING),
  'record of type 24': (client) => client.inject(24, filled(3)),
  'record of type 99': (client) => client.inject(99, filled(3)),
  'record of type 0': (client) => client.inject(0, filled(3)),
  'damaged record': damaged,
  'nothing but padding': (client) => (client.io.writeKeys as Protection13).sealInner(new Uint8Array(20)),
  'warning close_notify': alert(1, Alert.close_notify!),
  'fatal close_notify': alert(2, Alert.close_notify!),
  'warning user_canceled': alert(1, Alert.user_canceled!),
  'warning no_renegotiation': alert(1, Alert.no_renegotiation!),
  'warning handshake_failure': alert(1, Alert.handshake_failure!),
  'warning 200': alert(1, 200),
  'fatal handshake_failure': alert(2, Alert.handshake_failure!),
  'fatal 200': alert(2, 200),
  'level 0 internal_error': alert(0, Alert.internal_error!),
  'level 3 internal_error': alert(3, Alert.internal_error!),
  'half an alert': (client) => client.inject(Type.alert, Uint8Array.of(1)),
  'two alerts in a record': (client) => client.inject(Type.alert, Uint8Array.of(1, 90, 1, 90)),
};

/** What the client sends for the row of this name: its own next message when that is meant, or one that is made up. */
export function messageOf(name: string, client: TlsClient): Uint8Array {
  if (client.next === name) return client.step();
  // KeyUpdate changes keys, which both sides have to do.
  if (name === 'KeyUpdate' && client.established && client.agreed.version === TLS13) return client.keyUpdate(false);
  const message = HANDSHAKE[name];
  if (message !== undefined) return client.inject(Type.handshake, message(client));
  const other = OTHERS[name];
  if (other === undefined) throw new Error(`no message ${name}`);
  return other(client);
}

/** All handshake messages that a table has to have a row for. */
export const HANDSHAKE_NAMES: readonly string[] = Object.keys(HANDSHAKE);
