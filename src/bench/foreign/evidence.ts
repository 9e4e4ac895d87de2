// What a capture tells of the server's clock above TCP: the tickets that it gave out say when, and the seed opens them. Those of
// TLS 1.2 to the microsecond (RFC 5077), of 1.3 to the millisecond (RFC 8446 §4.6.1).

import type { RandomSource } from '../../core/random.js';
import type { TlsConfig } from '../../core/tls/config.js';
import { openSession } from '../../core/tls/tickets12.js';
import { TicketKeys13 } from '../../core/tls/tickets13.js';
import { LINKTYPE } from '../../io/capture.js';
import { nodeCrypto } from '../../io/node-crypto.js';
import { createConversation } from '../inspect/conversation.js';
import { createKeyStore } from '../inspect/keys.js';
import { Inspector } from '../inspect/packets.js';
import type { InspectedPacket } from '../inspect/types.js';
import type { ForeignCapture } from './load.js';

export interface HandshakeTime {
  /** `10.0.0.1:49152>10.0.0.2:443#0` */
  readonly flow: string;
  /** Of the time in it, microseconds since 1970. */
  readonly lowUnixUs: number;
  readonly highUnixUs: number;
}

/** `keyLog`: of a run of the same input; what it does not open is not known. */
export function handshakeTimes(
  capture: ForeignCapture,
  keyLog: readonly string[],
  random: RandomSource,
): HandshakeTime[] {
  const found = new Map<string, HandshakeTime>();
  const keys = new TicketKeys13(nodeCrypto, random);
  const config = { crypto: nodeCrypto, random } as TlsConfig;
  for (const packet of inspectPackets(capture.packets, keyLog)) {
    if (packet.flow === undefined || found.has(packet.flow)) continue;
    for (const layer of packet.layers) {
      const ticket = layer.fields.find(({ name }) => name === 'tls.handshake.session_ticket')?.value;
      if (!(ticket instanceof Uint8Array)) continue;
      const flow = packet.flow;
      const session = openSession(config, ticket);
      if (session !== undefined) {
        found.set(flow, { flow, lowUnixUs: session.createdUnixUs, highUnixUs: session.createdUnixUs });
        break;
      }
      const issuedMs = keys.open(ticket)?.issuedMs;
      if (issuedMs === undefined) continue;
      found.set(flow, { flow, lowUnixUs: issuedMs * 1000, highUnixUs: issuedMs * 1000 + 999 });
      break;
    }
  }
  return [...found.values()];
}

/** Raw IP packets as the inspector sees them. */
export function* inspectPackets(
  packets: Iterable<{
    readonly bytes: Uint8Array;
    readonly number: number;
    readonly unixUs: number;
    readonly dir: 'in' | 'out';
  }>,
  keyLog: readonly string[],
): Generator<InspectedPacket> {
  const keys = createKeyStore();
  keys.add(keyLog.join('\n'));
  const inspector = new Inspector({ keys, createConversation, fields: true });
  for (const { bytes, number, unixUs, dir } of packets) {
    const inspected = inspector.take({
      kind: 'packet',
      index: number,
      timeNs: BigInt(Math.round(unixUs)) * 1000n,
      direction: dir,
      linkType: LINKTYPE.RAW,
      data: bytes,
      originalLength: bytes.length,
      fileOffset: 0,
    });
    if (inspected !== undefined) yield inspected;
  }
}
