// The client's TCP over a link that loses nothing (RFC 9293): opens, sends in segments as the window allows, acknowledges what comes,
// closes. Retransmission is left out: there is nothing to retransmit for. Packets are those of synthesis-packet.ts.

import { decodeSegment, emptySegment } from '../../core/tcp/segment.js';
import { seqAdd, seqDiff } from '../../core/tcp/seq.js';
import { LINKTYPE } from '../../io/capture-types.js';
import { PacketView, PROTOCOL } from '../inspect/packet-view.js';
import { ACK, type End, encodeSegment, FIN, PSH, RST, SYN } from '../synthesis-packet.js';
import { ClientError } from './limits.js';

const NOTHING = new Uint8Array(0);

/** What is above: bytes go up by `receive` and come down by `take`. */
export interface ClientSession {
  receive(bytes: Uint8Array): void;
  /** Bytes for the server; empty: none now. */
  take(maxBytes: number): Uint8Array;
  endOfInput(): void;
  /** Everything was asked and answered: the connection may be closed. */
  readonly finished: boolean;
}

export class ClientTcp {
  readonly #from: End;
  readonly #to: End;
  readonly #session: ClientSession;
  readonly #mss: number;
  readonly #view = new PacketView();
  readonly #segment = emptySegment();
  readonly #out: Uint8Array[] = [];
  #state: 'closed' | 'syn-sent' | 'established' | 'fin-sent' | 'over' = 'closed';
  #sndUna: number;
  #sndNxt: number;
  #sndEnd = 0;
  #shift = 0;
  #rcvNxt = 0;
  #peerFinished = false;
  #ackNow = false;

  /** `isn`: any 32 bits. `mtu`: of the path. */
  constructor(from: End, to: End, isn: number, mtu: number, session: ClientSession) {
    this.#from = from;
    this.#to = to;
    this.#session = session;
    this.#sndUna = isn;
    this.#sndNxt = isn;
    this.#mss = mtu - (from.address.length === 4 ? 40 : 60);
  }

  /** Both sides are closed, and the last acknowledgment is on its way: a server without it waits in LAST-ACK. */
  get over(): boolean {
    return this.#state === 'over' && this.#out.length === 0;
  }

  open(): void {
    this.#put(SYN, NOTHING);
    this.#sndNxt = seqAdd(this.#sndNxt, 1);
    this.#state = 'syn-sent';
  }

  /** RFC 9293 §3.10.5: gives up, so that the server keeps nothing of a connection that nobody goes on with. */
  abort(): void {
    if (this.#state === 'over' || this.#state === 'closed') return;
    this.#out.length = 0;
    this.#put(this.#state === 'syn-sent' ? RST : RST | ACK, NOTHING);
    this.#state = 'over';
  }

  /** The next packet for the server. */
  shift(): Uint8Array | undefined {
    return this.#out.shift();
  }

  /** A packet from the server; those of others are passed over. Raises ClientError. */
  receive(packet: Uint8Array): void {
    const view = this.#view;
    const segment = this.#segment;
    view.read(LINKTYPE.RAW, packet);
    if (view.protocol !== PROTOCOL.TCP || view.isFragment) return;
    decodeSegment(packet, view.upperAt, view.upperEnd, segment);
    if (segment.destinationPort !== this.#from.port || this.#state === 'over') return;
    if ((segment.flags & RST) !== 0) {
      const what = this.#state === 'syn-sent' ? 'the server refused the connection' : 'the server reset the connection';
      this.#state = 'over';
      throw new ClientError('TCP', what, 'RFC 9293 §3.5.2');
    }
    if (this.#state === 'syn-sent') {
      if ((segment.flags & (SYN | ACK)) !== (SYN | ACK)) return;
      this.#rcvNxt = seqAdd(segment.seq, 1);
      this.#shift = Math.max(0, segment.windowScale);
      this.#sndUna = segment.ack;
      // RFC 7323 §2.2: the window of a SYN is not scaled.
      this.#sndEnd = seqAdd(segment.ack, segment.window);
      this.#state = 'established';
      this.#ackNow = true;
      return;
    }
    if (seqDiff(segment.ack, this.#sndUna) > 0) this.#sndUna = segment.ack;
    const edge = seqAdd(segment.ack, segment.window * 2 ** this.#shift);
    if (seqDiff(edge, this.#sndEnd) > 0) this.#sndEnd = edge;
    const known = seqDiff(this.#rcvNxt, segment.seq);
    if (segment.payloadLength > known && known >= 0) {
      const text = packet.slice(segment.payloadStart + known, segment.payloadStart + segment.payloadLength);
      this.#rcvNxt = seqAdd(this.#rcvNxt, text.length);
      this.#ackNow = true;
      this.#session.receive(text);
    } else if (segment.payloadLength > 0) this.#ackNow = true;
    if ((segment.flags & FIN) !== 0 && !this.#peerFinished) {
      this.#peerFinished = true;
      this.#rcvNxt = seqAdd(this.#rcvNxt, 1);
      this.#ackNow = true;
      this.#session.endOfInput();
    }
    if (this.#state === 'fin-sent' && this.#peerFinished && this.#sndUna === this.#sndNxt) {
      this.#acknowledge();
      this.#state = 'over';
    }
  }

  /** Sends what the session has and the window takes; then our FIN, when the session is finished or the server is. */
  send(): void {
    if (this.#state === 'established') {
      for (;;) {
        const room = Math.min(this.#mss, seqDiff(this.#sndEnd, this.#sndNxt));
        const bytes = room > 0 ? this.#session.take(room) : NOTHING;
        if (bytes.length === 0) break;
        this.#put(ACK | PSH, bytes);
        this.#sndNxt = seqAdd(this.#sndNxt, bytes.length);
        this.#ackNow = false;
      }
      if (this.#session.finished || this.#peerFinished) {
        this.#put(ACK | FIN, NOTHING);
        this.#sndNxt = seqAdd(this.#sndNxt, 1);
        this.#state = 'fin-sent';
        this.#ackNow = false;
      }
    }
    if (this.#ackNow) this.#acknowledge();
  }

  #acknowledge(): void {
    this.#put(ACK, NOTHING);
    this.#ackNow = false;
  }

  #put(flags: number, bytes: Uint8Array): void {
    const ack = (flags & ACK) === 0 ? 0 : this.#rcvNxt;
    this.#out.push(encodeSegment(this.#from, this.#to, 0, this.#sndNxt, ack, flags, bytes));
  }
}
