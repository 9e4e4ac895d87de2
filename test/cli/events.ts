// Events of one short conversation, and what a sample of a kind is, for the tests of the renderings.

import type { TraceEvent } from '../../src/core/trace.js';

export const FLOW = '10.0.0.1:49152>10.0.0.2:443#0';
const CLIENT = '10.0.0.1:49152';
const SERVER = '10.0.0.2:443';

export function ipPacket(dir: 'in' | 'out', length: number, id = 0): TraceEvent {
  const [src, dst] = dir === 'in' ? ['10.0.0.1', '10.0.0.2'] : ['10.0.0.2', '10.0.0.1'];
  return { layer: 'ip', kind: 'packet', dir, src, dst, protocol: 6, ttl: 64, length, id, dontFragment: true };
}

export function segment(
  dir: 'in' | 'out',
  flags: number,
  length = 0,
  options: Partial<Extract<TraceEvent, { layer: 'tcp'; kind: 'segment' }>> = {},
): TraceEvent {
  const [src, dst] = dir === 'in' ? [CLIENT, SERVER] : [SERVER, CLIENT];
  return {
    layer: 'tcp',
    kind: 'segment',
    dir,
    flow: FLOW,
    src,
    dst,
    seq: 1000,
    ack: 2000,
    flags,
    window: 64240,
    length,
    ...options,
  };
}

export const SYN = 0x02;
export const ACK = 0x10;
export const PSH_ACK = 0x18;
export const SYN_ACK = 0x12;
export const FIN_ACK = 0x11;

export function dataFrame(dir: 'in' | 'out', length: number, flags = 0): TraceEvent {
  return { layer: 'http2', kind: 'frame', flow: FLOW, dir, type: 'DATA', typeCode: 0, streamId: 1, flags, length };
}

/** Every kind, each with its line in the normal, verbose and debug log; undefined where it is not shown. */
export interface Sample {
  readonly event: TraceEvent;
  readonly normal: string | undefined;
  /** Absent: as normal. */
  readonly verbose?: readonly string[];
  /** Absent: as verbose. */
  readonly debug?: readonly string[];
}
