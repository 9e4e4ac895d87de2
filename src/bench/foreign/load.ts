// A capture that others took, made ready to be run: IP packets without their link layer, checksums filled in where the network
// card was to do it, each with its direction and its TCP connection.

import { ParseError } from '../../core/bytes/reader.js';
import { ACK, decodeSegment, emptySegment, RST, type Segment, SYN } from '../../core/tcp/segment.js';
import { CaptureError, openCapture } from '../../io/capture.js';
import { endsOf, endText } from '../inspect/flow-table.js';
import { PacketView, PROTOCOL } from '../inspect/packet-view.js';
import { fillIpv4Checksum, fillUpperChecksum, putU16 } from './checksums.js';
import { foreignLimits } from './limits.js';

export interface ForeignFlow {
  /** `10.0.0.1:49152>10.0.0.2:443`: client first. */
  readonly tuple: string;
  /** With `#k`: how often the capture has shown the 4-tuple before. */
  readonly name: string;
  readonly serverPort: number;
  readonly index: number;
  readonly firstPacket: number;
  /** Its beginning is in the capture. */
  readonly sawSyn: boolean;
  clientIsn: number;
  /** -1: neither SYN-ACK nor its acknowledgment is in the capture. */
  serverIsn: number;
  /** Index in `packets` of the SYN. */
  readonly syn: number;
}

export interface ForeignPacket {
  /** As Wireshark numbers it. */
  readonly number: number;
  readonly fileOffset: number;
  /** The capturer's time. */
  readonly unixUs: number;
  readonly dir: 'in' | 'out';
  /** From the IP header on, checksums as they were on the wire. */
  readonly bytes: Uint8Array;
  readonly flow: ForeignFlow | undefined;
  readonly tcp: TcpFacts | undefined;
}

export interface TcpFacts {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  /** In the packet, both. */
  readonly headerAt: number;
  readonly payloadAt: number;
  readonly payloadLength: number;
  /** -1: no timestamps. */
  readonly tsVal: number;
  /** MSS, window scale, SACK permitted, as text, of a SYN. */
  readonly options: string;
}

export interface ForeignCapture {
  readonly packets: readonly ForeignPacket[];
  readonly flows: readonly ForeignFlow[];
  /** Packets of others, of other protocols of the link layer, or cut by the snap length. */
  readonly others: number;
  readonly cut: number;
  /** Checksums that were left to the network card. */
  readonly repaired: number;
}

/** What tells our packets from those of others. */
export interface Whose {
  /** tun: our addresses. */
  readonly addresses: readonly string[];
  /** tcp: our ports. */
  readonly ports: readonly number[];
}

/** Raises CaptureError. */
export async function loadForeign(file: string, whose: Whose): Promise<ForeignCapture> {
  const loader = new Loader(whose);
  let bytes = 0;
  let customBlocks = 0;
  for await (const item of openCapture(file)) {
    if (item.kind === 'custom') customBlocks++;
    if (item.kind !== 'packet') continue;
    bytes += item.data.length + 200;
    if (bytes > foreignLimits.captureBytes) {
      const what = `more than ${foreignLimits.captureBytes} bytes of packets`;
      throw new CaptureError(
        'too-large',
        file,
        item.fileOffset,
        what,
        'Cut it with `editcap -r`, or capture less at once',
      );
    }
    if (item.timeNs === undefined) {
      throw new CaptureError('corrupt', file, item.fileOffset, `packet ${item.index} has no time`, NO_TIMES);
    }
    const isCut = item.data.length < item.originalLength;
    loader.add(
      item.index + customBlocks,
      item.fileOffset,
      Number(item.timeNs / 1000n),
      item.linkType,
      item.data,
      isCut,
    );
  }
  return loader.result();
}

const NO_TIMES = 'A replay needs the times of packets: use the capture as it was taken';

class Loader {
  readonly #whose: Whose;
  readonly #view = new PacketView();
  readonly #segment = emptySegment();
  readonly #packets: ForeignPacket[] = [];
  readonly #flows: ForeignFlow[] = [];
  /** The latest of each 4-tuple. */
  readonly #byTuple = new Map<string, ForeignFlow>();
  readonly #counts = new Map<string, number>();
  #others = 0;
  #cut = 0;
  #repaired = 0;

  constructor(whose: Whose) {
    this.#whose = whose;
  }

  result(): ForeignCapture {
    return {
      packets: this.#packets,
      flows: this.#flows,
      others: this.#others,
      cut: this.#cut,
      repaired: this.#repaired,
    };
  }

  add(number: number, fileOffset: number, unixUs: number, linkType: number, data: Uint8Array, isCut: boolean): void {
    const view = this.#view;
    view.read(linkType, data);
    if (view.version === 0 || view.ipProblem !== '') {
      this.#others++;
      return;
    }
    const isTcp = view.protocol === PROTOCOL.TCP && view.fragmentOffset === 0 && !view.moreFragments;
    const segment = isTcp ? this.#decode(view) : undefined;
    const dir = this.#directionOf(view, segment);
    if (dir === undefined) {
      this.#others++;
      return;
    }
    if (isCut || view.truncated) {
      this.#cut++;
      return;
    }
    const bytes = this.#whole(view);
    const known = segment && this.#flowOf(view, segment, dir, number);
    this.#packets.push({
      number,
      fileOffset,
      unixUs,
      dir,
      bytes,
      flow: known,
      tcp: segment && factsOf(segment, view.ipAt, view.upperAt),
    });
  }

  #decode(view: PacketView): Segment | undefined {
    try {
      decodeSegment(view.upper, view.upperAt, view.upperEnd, this.#segment);
      return this.#segment;
    } catch (error) {
      if (error instanceof ParseError) return undefined;
      throw error;
    }
  }

  #directionOf(view: PacketView, segment: Segment | undefined): 'in' | 'out' | undefined {
    const { addresses, ports } = this.#whose;
    if (addresses.length > 0) {
      const { source, destination } = endsOf(view);
      if (addresses.includes(source)) return 'out';
      return addresses.includes(destination) ? 'in' : undefined;
    }
    if (segment === undefined) return undefined;
    if (ports.includes(segment.destinationPort)) return 'in';
    return ports.includes(segment.sourcePort) ? 'out' : undefined;
  }

  /** A copy from the IP header to the packet's own end, so that padding is left out, with its checksum. */
  #whole(view: PacketView): Uint8Array {
    const { ipAt, payloadEnd, version, protocol, upperAt } = view;
    const bytes = view.bytes.slice(ipAt, payloadEnd);
    // Segmentation offload leaves the length out.
    if (version === 4 && bytes[2] === 0 && bytes[3] === 0 && bytes.length <= 0xffff) {
      putU16(bytes, 2, bytes.length);
      fillIpv4Checksum(bytes);
    }
    if (view.isFragment) return bytes;
    const fieldAt = CHECKSUM_AT.get(protocol);
    if (fieldAt === undefined || view.upperChecksum(fieldAt) !== 'offloaded') return bytes;
    const at = upperAt - ipAt;
    fillUpperChecksum(bytes, at, protocol, fieldAt);
    this.#repaired++;
    return bytes;
  }

  #flowOf(view: PacketView, segment: Segment, dir: 'in' | 'out', number: number): ForeignFlow {
    const { source, destination } = endsOf(view);
    const from = endText(view.version, source, segment.sourcePort);
    const to = endText(view.version, destination, segment.destinationPort);
    const tuple = dir === 'in' ? `${from}>${to}` : `${to}>${from}`;
    const { flags, seq, ack } = segment;
    const opens = dir === 'in' && (flags & (SYN | ACK | RST)) === SYN;
    let flow = this.#byTuple.get(tuple);
    if (flow === undefined || (opens && (!flow.sawSyn || flow.clientIsn !== seq))) {
      const count = this.#counts.get(tuple) ?? 0;
      this.#counts.set(tuple, count + 1);
      flow = {
        tuple,
        name: `${tuple}#${count}`,
        serverPort: dir === 'in' ? segment.destinationPort : segment.sourcePort,
        index: this.#flows.length,
        firstPacket: number,
        sawSyn: opens,
        clientIsn: opens ? seq : -1,
        serverIsn: -1,
        syn: this.#packets.length,
      };
      this.#flows.push(flow);
      this.#byTuple.set(tuple, flow);
    }
    if (flow.serverIsn < 0 && flow.sawSyn) {
      if (dir === 'out' && (flags & (SYN | ACK)) === (SYN | ACK)) flow.serverIsn = seq;
      // The SYN-ACK is missing: what acknowledges it says the same.
      else if (dir === 'in' && (flags & (SYN | ACK | RST)) === ACK) flow.serverIsn = (ack - 1) >>> 0;
    }
    return flow;
  }
}

const CHECKSUM_AT: ReadonlyMap<number, number> = new Map([
  [PROTOCOL.TCP, 16],
  [PROTOCOL.UDP, 6],
]);

export function factsOf(segment: Segment, base: number, upperAt: number): TcpFacts {
  const { seq, ack, flags, window, payloadStart, payloadLength, hasTimestamps, tsVal } = segment;
  const { mss, windowScale, sackPermitted } = segment;
  return {
    seq,
    ack,
    flags,
    window,
    headerAt: upperAt - base,
    payloadAt: payloadStart - base,
    payloadLength,
    tsVal: hasTimestamps ? tsVal : -1,
    options:
      (flags & SYN) === 0
        ? ''
        : `mss ${mss}, window scale ${windowScale}, sack ${sackPermitted}, timestamps ${hasTimestamps}`,
  };
}
