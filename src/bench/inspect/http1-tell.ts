// What is told of messages of HTTP/1.x, as events of both layers: what went over the wire, and what it means as HTTP.

import type { Field } from '../../core/trace.js';
import type { Half, Waiting } from './http1-half.js';
import type { StartLine, StatusLine } from './http1-lines.js';
import type { Teller } from './teller.js';

/** Content is told in even steps, as the live log does, so that the events do not show how it was cut. */
const PIECE_BYTES = 65_536;

export interface Target {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly path: string;
}

export function tellRequest(
  teller: Teller,
  { method, target, version }: StartLine,
  headers: readonly Field[],
  at: Target,
): void {
  if (!teller.wantsEvents) return;
  const { flow } = teller;
  teller.event({ layer: 'http1', kind: 'request', flow, dir: 'in', method, target, version, headers });
  teller.event({ layer: 'http', kind: 'request', flow, dir: 'in', version, method, ...at });
}

/** `waiting`: the request that it answers. */
export function tellResponse(
  teller: Teller,
  waiting: Waiting | undefined,
  { status, reason }: StatusLine,
  headers: readonly Field[],
): void {
  if (!teller.wantsEvents) return;
  const { flow } = teller;
  teller.event({ layer: 'http1', kind: 'response', flow, dir: 'out', status, reason, headers });
  if (waiting === undefined || isInterim(status)) return;
  const { method, path } = waiting;
  teller.event({ layer: 'http', kind: 'response', flow, dir: 'out', status, method, path });
}

/** RFC 9110 §15.2.2: 101 is the last response there is, though of the interim kind. */
export function isInterim(status: number): boolean {
  return status >= 100 && status < 200 && status !== 101;
}

/** The content that came and was not told yet. */
export function tellBody(teller: Teller, half: Half, end: boolean): void {
  while (half.received - half.told >= PIECE_BYTES) {
    // Whether a full piece is the last is known at once only where a length says so.
    const mayBeLast = half.received - half.told === PIECE_BYTES;
    if (mayBeLast && (end || (half.stage === 'counted' && half.left === 0))) break;
    tellPiece(teller, half, PIECE_BYTES, false);
  }
  if (end) tellPiece(teller, half, half.received - half.told, true);
}

function tellPiece(teller: Teller, half: Half, length: number, end: boolean): void {
  half.told += length;
  if (!teller.wantsEvents) return;
  teller.event({ layer: 'http1', kind: 'body', flow: teller.flow, dir: half.dir, length, end });
}
