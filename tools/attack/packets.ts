// What the attacks send, packet by packet: n-th packet of a kind, from a small generator with a seed. The client's port and a
// sweep over all sequence numbers are what a blind attacker has (RFC 5961 §1.2).

import { testRandom } from '../../test/support/bytes.js';
import { ACK, Options, RST, SYN, writeFrame } from '../../test/support/peer/codec.js';

export const KINDS = ['syn-flood', 'frag-flood', 'rst-injection', 'syn-injection', 'ack-flood'] as const;
export type Kind = (typeof KINDS)[number];

const SERVER = 0x0a00_0002;
const CLIENT = 0x0a00_0001;
const PORTS = [80, 443];
const NO_OPTIONS = new Options();

export interface Target {
  /** Local port of the client's connection to port 443. */
  readonly clientPort: number;
}

/** Gives the packet `index` of `count`. */
export function packetMaker(kind: Kind, count: number, target: Target): (index: number) => Uint8Array {
  const random = testRandom(count ^ kind.length);
  // 10.1.0.0 to 10.255.255.255: no address of the network itself.
  const stranger = (): number => 0x0a01_0000 + random.below(0xfe_ffff);
  const segment = (
    source: number,
    sourcePort: number,
    destinationPort: number,
    flags: number,
    seq: number,
  ): Uint8Array =>
    writeFrame(
      {
        source,
        destination: SERVER,
        sourcePort,
        destinationPort,
        seq,
        ack: (flags & ACK) !== 0 ? random.u32() : 0,
        flags,
        window: random.below(65_536),
        payloadIndex: 0,
        payloadLength: 0,
      },
      NO_OPTIONS,
    );
  const start = random.u32();
  const step = Math.floor(2 ** 32 / count);
  const swept = (index: number): number => (start + index * step) >>> 0;
  const port = (): number => 1024 + random.below(64_512);
  switch (kind) {
    case 'syn-flood':
      return () => segment(stranger(), port(), PORTS[random.below(2)]!, SYN, random.u32());
    case 'frag-flood':
      return () => fragment(random, random.below(2) === 0 ? stranger() : CLIENT);
    case 'rst-injection':
      return (index) => segment(CLIENT, target.clientPort, 443, RST, swept(index));
    case 'syn-injection':
      return (index) => segment(CLIENT, target.clientPort, 443, SYN, swept(index));
    case 'ack-flood':
      return (index) =>
        index % 2 === 0
          ? segment(stranger(), port(), PORTS[random.below(2)]!, ACK, random.u32())
          : segment(CLIENT, target.clientPort, 443, ACK, swept(index));
    default:
      return kind satisfies never;
  }
}

/** Pieces that never become a datagram: first and middle ones, tiny, overlapping, and beyond what a datagram can be. */
function fragment(random: ReturnType<typeof testRandom>, source: number): Uint8Array {
  const length = [8, 16, 24, 512, 1_400][random.below(5)]!;
  const packet = new Uint8Array(20 + length);
  const view = new DataView(packet.buffer);
  packet[0] = 0x45;
  view.setUint16(2, packet.length);
  view.setUint16(4, 1 + random.below(65_535));
  const last = random.below(10) === 0;
  const offset = [0, 1, 2, random.below(180), 0x1fff][random.below(5)]!;
  // A first fragment that is also the last would be no fragment.
  view.setUint16(6, (last && offset > 0 ? 0 : 0x2000) | offset);
  packet[8] = 64;
  packet[9] = [6, 17, 1][random.below(3)]!;
  view.setUint32(12, source);
  view.setUint32(16, SERVER);
  for (let i = 20; i < packet.length; i += 8) view.setUint32(i, random.u32());
  return packet;
}
