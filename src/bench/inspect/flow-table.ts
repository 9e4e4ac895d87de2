// The TCP connections of a capture by their addresses and ports. The last one that was met is tried first: packets come in trains.

import { ACK, type Segment, SYN } from '../../core/tcp/segment.js';
import { formatAddress } from '../addresses.js';
import { inspectLimits } from './limits.js';
import type { PacketView } from './packet-view.js';
import { TcpFlow } from './tcp-flow.js';
import type { Held } from './tcp-half.js';

/** Ports that are known to be a server's when there was no SYN to see. */
const SERVER_PORTS = new Set([80, 443, 8000, 8080, 8443, 9443]);

export interface FoundFlow {
  readonly flow: TcpFlow;
  readonly fromClient: boolean;
  /** It begins with this segment. */
  readonly isNew: boolean;
  /** It takes the place of an older one on the same ports. */
  readonly reused: boolean;
}

export class FlowTable {
  /** Under both directions. */
  readonly #flows = new Map<string, TcpFlow>();
  /** How often a pair of ends was met: the k of flow names. */
  readonly #counts = new Map<string, number>();
  /** Connections of pairs that are not counted each, since there are too many: these are numbered together. */
  #uncounted = 0;
  readonly #held: Held = { bytes: 0, pieces: 0 };
  readonly #forget: (flow: TcpFlow) => void;
  #live = 0;
  #lastKey = '';
  #lastFlow: TcpFlow | undefined;
  #made = 0;
  forgotten = 0;

  /** `forget` is told of flows that end for good. */
  constructor(forget: (flow: TcpFlow) => void) {
    this.#forget = forget;
  }

  get made(): number {
    return this.#made;
  }

  find(view: PacketView, segment: Segment, packet: number): FoundFlow {
    const key = keyOf(view);
    const known = key === this.#lastKey ? this.#lastFlow : this.#flows.get(key);
    if (known !== undefined && !known.isReopenedBy(segment, key === known.clientKey)) {
      this.#lastKey = key;
      this.#lastFlow = known;
      known.lastPacket = packet;
      return { flow: known, fromClient: key === known.clientKey, isNew: false, reused: false };
    }
    const fromClient = isFromClient(segment);
    if (known !== undefined) this.#end(known);
    const flow = this.#make(view, segment, key, fromClient);
    flow.lastPacket = packet;
    return { flow, fromClient, isNew: true, reused: known !== undefined };
  }

  /** The connection of a packet of either direction, if it is followed. */
  known(view: PacketView): TcpFlow | undefined {
    return this.#flows.get(keyOf(view));
  }

  /** The direction of a packet of a connection that is known already. */
  peek(view: PacketView): 'in' | 'out' | undefined {
    const key = keyOf(view);
    const flow = this.#flows.get(key);
    return flow && (flow.clientKey === key ? 'in' : 'out');
  }

  /** All that are still there, at the end. */
  *all(): Generator<TcpFlow> {
    for (const [key, flow] of this.#flows) if (key === flow.clientKey) yield flow;
  }

  #make(view: PacketView, segment: Segment, key: string, fromClient: boolean): TcpFlow {
    if (this.#live >= inspectLimits.conversations) this.#makeRoom();
    const { source, destination } = endsOf(view);
    const from = endText(view.version, source, segment.sourcePort);
    const to = endText(view.version, destination, segment.destinationPort);
    const [client, server] = fromClient ? [from, to] : [to, from];
    const reverse = key.slice(key.length / 2) + key.slice(0, key.length / 2);
    const name = `${client}>${server}`;
    const names = { flow: `${name}#${this.#numberOf(name)}`, client, server };
    const flow = new TcpFlow(this.#made++, names, fromClient ? key : reverse, (segment.flags & SYN) === 0, this.#held);
    this.#flows.set(key, flow);
    this.#flows.set(reverse, flow);
    this.#live++;
    this.#lastKey = key;
    this.#lastFlow = flow;
    return flow;
  }

  /** No two connections of a capture have the same name, whatever its length. */
  #numberOf(name: string): number {
    const count = this.#counts.get(name);
    if (count === undefined && this.#counts.size >= inspectLimits.countedPairs) return this.#uncounted++;
    this.#counts.set(name, (count ?? 0) + 1);
    return count ?? 0;
  }

  #end(flow: TcpFlow): void {
    const { clientKey } = flow;
    this.#flows.delete(clientKey);
    this.#flows.delete(clientKey.slice(clientKey.length / 2) + clientKey.slice(0, clientKey.length / 2));
    this.#live--;
    this.#lastKey = '';
    this.#forget(flow);
  }

  /** Those that are over first, then the ones that were silent for longest; always a part of all, since all are looked at. */
  #makeRoom(): void {
    const flows = [...this.all()];
    const over = flows.filter((flow) => flow.over);
    const live = flows.filter((flow) => !flow.over).sort((a, b) => a.lastPacket - b.lastPacket);
    const idle = live.slice(0, Math.max(0, (flows.length >>> 4) - over.length));
    this.forgotten += idle.length;
    for (const flow of [...over, ...idle]) this.#end(flow);
  }
}

/** Who sends SYN is the client; without one, who has the port that servers have. */
function isFromClient({ flags, sourcePort, destinationPort }: Segment): boolean {
  if ((flags & SYN) !== 0) return (flags & ACK) === 0;
  const fromServer = SERVER_PORTS.has(sourcePort);
  if (fromServer !== SERVER_PORTS.has(destinationPort)) return !fromServer;
  return sourcePort > destinationPort;
}

/** Source end, then destination end, of the same length each. */
function keyOf(view: PacketView): string {
  const { version, bytes, ipAt, upper, upperAt } = view;
  const at = version === 4 ? ipAt + 12 : ipAt + 8;
  const size = version === 4 ? 4 : 16;
  let key = '';
  for (let end = 0; end < 2; end++) {
    for (let i = 0; i < size; i++) key += String.fromCharCode(bytes[at + end * size + i]!);
    key += String.fromCharCode(upper[upperAt + 2 * end]!, upper[upperAt + 2 * end + 1]!);
  }
  return key;
}

export function endsOf({ version, bytes, ipAt }: PacketView): { source: string; destination: string } {
  const size = version === 4 ? 4 : 16;
  const at = version === 4 ? ipAt + 12 : ipAt + 8;
  return {
    source: formatAddress(bytes.subarray(at, at + size)),
    destination: formatAddress(bytes.subarray(at + size, at + 2 * size)),
  };
}

export function endText(version: number, address: string, port: number): string {
  return version === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}
