// What a peer of peer.ts is like: its addresses, what it offers, how it acknowledges and reads, and how it lies.

import type { Micros } from '../../../src/core/types.js';

/** Times count from the peer's SYN; 0 or false: it does not do so. */
export interface Lies {
  /** Says nothing at all for a while, then goes on. */
  readonly withholdAtUs: Micros;
  readonly withholdForUs: Micros;
  /** Pulls the right edge of its window to the left for a while (RFC 9293 §3.8.6 discourages and expects it). */
  readonly shrinkAtUs: Micros;
  readonly shrinkForUs: Micros;
  readonly shrinkToBytes: number;
  /** How many ACKs carry a SACK block that is not true. */
  readonly bogusSacks: number;
  /** Throws away once what it has sacked (RFC 2018 §8). */
  readonly renegeAtUs: Micros;
  /** How many ACKs acknowledge what was never sent. */
  readonly acksAhead: number;
  /** Every new ACK comes in this many pieces. */
  readonly ackDivision: number;
  /** Each ACK is sent once more. */
  readonly repeatAcks: boolean;
  /** How many strays: resets inside the window, old data, data beyond the window. */
  readonly strays: number;
  /** SYNs inside the window among them. On a wire that reorders, one may come after the end and open another connection. */
  readonly straySyns: boolean;
  readonly resetAtUs: Micros;
  readonly vanishAtUs: Micros;
}

export const HONEST: Lies = {
  withholdAtUs: 0,
  withholdForUs: 0,
  shrinkAtUs: 0,
  shrinkForUs: 0,
  shrinkToBytes: 0,
  bogusSacks: 0,
  renegeAtUs: 0,
  acksAhead: 0,
  ackDivision: 0,
  repeatAcks: false,
  strays: 0,
  straySyns: false,
  resetAtUs: 0,
  vanishAtUs: 0,
};

export interface PeerOptions {
  readonly address: string;
  readonly server: string;
  readonly port: number;
  readonly serverPort: number;
  readonly isn: number;
  readonly seed: number;
  readonly upload: number;
  /** What it offers; the server's segments with their options must fit it. */
  readonly mss: number;
  /** Receive buffer; without window scaling at most 65,535 of it are offered. */
  readonly bufferBytes: number;
  /** -1: not offered. */
  readonly windowScale: number;
  readonly sack: boolean;
  readonly timestamps: boolean;
  /** Sends FIN behind the upload; otherwise when the server's FIN has come. */
  readonly closeFirst: boolean;
  readonly ackEvery: number;
  readonly delayedAckUs: Micros;
  /** How fast its application reads; 0: at once. */
  readonly readBytesPerSecond: number;
  readonly lies: Lies;
}

export const PLAIN_PEER: Omit<PeerOptions, 'port'> = {
  address: '10.0.0.1',
  server: '10.0.0.2',
  serverPort: 80,
  isn: 0xffff_f000,
  seed: 1,
  upload: 0,
  mss: 1460,
  bufferBytes: 1 << 20,
  windowScale: 7,
  sack: true,
  timestamps: true,
  closeFirst: false,
  ackEvery: 2,
  delayedAckUs: 40_000,
  readBytesPerSecond: 0,
  lies: HONEST,
};
