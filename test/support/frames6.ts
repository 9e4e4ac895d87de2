// IPv6 frames for tests, built and read byte by byte without the code under test; and a stack of IPv6 that looks like one
// of IPv4 to peers that know no other, so that every test of TCP can run over both.

import { isIPv6 } from 'node:net';
import * as assert from 'uvu/assert';
import type { Micros, Stack } from '../../src/core/types.js';
import { concat } from './bytes.js';
import { ipFrame, slowChecksum } from './frames.js';

/** Full or with one `::`. */
export function address6Bytes(text: string): Uint8Array {
  assert.ok(isIPv6(text), text);
  const [head, tail] = text.split('::') as [string, string | undefined];
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const front = groups(head);
  const back = groups(tail ?? '');
  const zeros = new Array<string>(8 - front.length - back.length).fill('0');
  return Uint8Array.from(
    [...front, ...zeros, ...back].flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >>> 8, value & 0xff];
    }),
  );
}

export function ip6Frame(
  source: string,
  destination: string,
  nextHeader: number,
  payload: Uint8Array,
  overrides: { hopLimit?: number; trafficClass?: number; flowLabel?: number } = {},
): Uint8Array {
  const frame = new Uint8Array(40 + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, 0x6000_0000 + (overrides.trafficClass ?? 0) * 0x10_0000 + (overrides.flowLabel ?? 0));
  view.setUint16(4, payload.length);
  frame[6] = nextHeader;
  frame[7] = overrides.hopLimit ?? 64;
  frame.set(address6Bytes(source), 8);
  frame.set(address6Bytes(destination), 24);
  frame.set(payload, 40);
  return frame;
}

/** RFC 8200 §8.1. */
export function pseudoHeader6(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  length: number,
): Uint8Array {
  const end = new Uint8Array(8);
  new DataView(end.buffer).setUint32(0, length);
  end[7] = protocol;
  return concat(source, destination, end);
}

/** `bytes` with the checksum at `at` filled in. */
export function withChecksum6(
  source: string,
  destination: string,
  protocol: number,
  bytes: Uint8Array,
  at: number,
): Uint8Array {
  const out = bytes.slice();
  out[at] = 0;
  out[at + 1] = 0;
  const pseudo = pseudoHeader6(address6Bytes(source), address6Bytes(destination), protocol, out.length);
  const checksum = slowChecksum(pseudo, out);
  out[at] = checksum >>> 8;
  out[at + 1] = checksum & 0xff;
  return out;
}

export function icmp6Message(
  source: string,
  destination: string,
  type: number,
  code: number,
  body: Uint8Array,
): Uint8Array {
  return withChecksum6(source, destination, 58, concat(Uint8Array.of(type, code, 0, 0), body), 2);
}

export function icmp6Frame(source: string, destination: string, type: number, code: number, body: Uint8Array) {
  return ip6Frame(source, destination, 58, icmp6Message(source, destination, type, code, body));
}

/** A fragment header and a part of the payload behind it. */
export function fragment6(
  nextHeader: number,
  offset: number,
  more: boolean,
  id: number,
  payload: Uint8Array,
): Uint8Array {
  const header = new Uint8Array(8);
  const view = new DataView(header.buffer);
  view.setUint8(0, nextHeader);
  view.setUint16(2, offset | (more ? 1 : 0));
  view.setUint32(4, id);
  return concat(header, payload);
}

export interface Ip6Parts {
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly payload: Uint8Array;
}

export function parseIp6(frame: Uint8Array): Ip6Parts {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const first = view.getUint32(0);
  assert.is(first >>> 28, 6, 'version');
  assert.is(view.getUint16(4), frame.length - 40, 'payload length');
  return {
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xf_ffff,
    nextHeader: frame[6]!,
    hopLimit: frame[7]!,
    source: frame.slice(8, 24),
    destination: frame.slice(24, 40),
    payload: frame.slice(40),
  };
}

/** 10.a.b.c stands for fd00::a:b:c. */
function to6(address: Uint8Array): string {
  return `fd00::${[...address.subarray(1)].map((byte) => byte.toString(16)).join(':')}`;
}

/** `stack` answers for fd00::0:0:2 and is given to a peer that takes it for 10.0.0.2. TCP only. */
export function asIpv4(stack: Stack): Stack {
  return {
    receive(nowUs: Micros, frame: Uint8Array) {
      const source = to6(frame.subarray(12, 16));
      const destination = to6(frame.subarray(16, 20));
      const segment = withChecksum6(source, destination, 6, frame.subarray((frame[0]! & 15) * 4), 16);
      stack.receive(nowUs, ip6Frame(source, destination, 6, segment));
    },
    advance: (nowUs) => stack.advance(nowUs),
    poll() {
      const out = stack.poll();
      if (!out) return undefined;
      const { source, destination, payload, nextHeader, hopLimit, flowLabel } = parseIp6(out.frame);
      assert.is(nextHeader, 6, 'TCP');
      assert.is(hopLimit, 64, 'hop limit');
      assert.is.not(flowLabel, 0, 'flow label');
      assert.is(slowChecksum(pseudoHeader6(source, destination, 6, payload.length), payload), 0, 'TCP checksum');
      const text = (address: Uint8Array): string => `10.${address[11]}.${address[13]}.${address[15]}`;
      const pseudo = concat(
        Uint8Array.from(text(source).split('.'), Number),
        Uint8Array.from(text(destination).split('.'), Number),
        Uint8Array.of(0, 6, payload.length >>> 8, payload.length & 0xff),
      );
      payload[16] = 0;
      payload[17] = 0;
      const checksum = slowChecksum(pseudo, payload);
      payload[16] = checksum >>> 8;
      payload[17] = checksum & 0xff;
      const ecn = parseIp6(out.frame).trafficClass & 3;
      const frame = ipFrame(text(source), text(destination), 6, payload);
      frame[1] = ecn;
      const header = frame.subarray(0, 20);
      header[10] = 0;
      header[11] = 0;
      const headerChecksum = slowChecksum(header);
      header[10] = headerChecksum >>> 8;
      header[11] = headerChecksum & 0xff;
      return { atUs: out.atUs, frame };
    },
    nextDeadlineUs: () => stack.nextDeadlineUs(),
    close: (nowUs) => stack.close(nowUs),
    abort: (nowUs) => stack.abort(nowUs),
    respond: (nowUs, token, answer) => stack.respond(nowUs, token, answer),
    get openFlows() {
      return stack.openFlows;
    },
  };
}
