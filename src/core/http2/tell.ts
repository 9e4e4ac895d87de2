// What the trace says of a received frame: its header, and the values of its payload by the names of RFC 9113 §6. Only
// called when there is a trace.

import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import type { Verdict } from './errors.js';
import { errorCodeName, Flag, FrameType, frameTypeName, readU32, settingName } from './frame.js';
import type { FrameInput } from './input.js';

/** Of a value that may be as long as a frame. */
const TOLD_OCTETS = 256;

/** `sound`: the payload's size has been checked and its values can be told. */
export function traceInput(trace: Trace, nowUs: Micros, flow: string, input: FrameInput, sound: boolean): void {
  const fields = sound ? payloadFields(input) : undefined;
  trace(nowUs, {
    layer: 'http2',
    kind: 'frame',
    flow,
    dir: 'in',
    type: frameTypeName(input.typeCode),
    typeCode: input.typeCode,
    streamId: input.streamId,
    flags: input.flags,
    length: input.length,
    ...(fields === undefined ? {} : { fields }),
  });
}

export function traceError(trace: Trace, nowUs: Micros, flow: string, streamId: number, verdict: Verdict): void {
  trace(nowUs, {
    layer: 'http2',
    kind: 'error',
    severity: 'error',
    flow,
    scope: verdict.scope,
    streamId,
    code: errorCodeName(verdict.code),
    reason: verdict.reason,
    rule: verdict.rule,
  });
}

/** A frame whose padding and priority are taken off, as `FrameInput` has it. */
export type FramePayload = Pick<FrameInput, 'typeCode' | 'flags' | 'bytes' | 'start' | 'end'>;

export function payloadFields(input: FramePayload): { readonly [name: string]: string | number } | undefined {
  const { typeCode, flags, bytes, start, end } = input;
  switch (typeCode) {
    case FrameType.DATA:
    case FrameType.HEADERS:
      // Behind the frame header the first octet of a padded payload is Pad Length.
      return flags & Flag.PADDED ? { padLength: bytes[start - prefixOctets(typeCode, flags)]! } : undefined;
    case FrameType.PRIORITY:
      return { streamDependency: readU32(bytes, start) & 0x7f_ff_ff_ff, weight: bytes[start + 4]! };
    case FrameType.RST_STREAM:
      return { errorCode: errorCodeName(readU32(bytes, start)) };
    case FrameType.SETTINGS: {
      if (start === end) return undefined;
      const fields: { [name: string]: number } = {};
      for (let at = start; at < end; at += 6) {
        fields[settingName((bytes[at]! << 8) | bytes[at + 1]!)] = readU32(bytes, at + 2);
      }
      return fields;
    }
    case FrameType.GOAWAY:
      return {
        lastStreamId: readU32(bytes, start) & 0x7f_ff_ff_ff,
        errorCode: errorCodeName(readU32(bytes, start + 4)),
      };
    case FrameType.WINDOW_UPDATE:
      return { increment: readU32(bytes, start) & 0x7f_ff_ff_ff };
    case FrameType.PRIORITY_UPDATE:
      return {
        prioritizedStreamId: readU32(bytes, start) & 0x7f_ff_ff_ff,
        priorityFieldValue: String.fromCharCode(...bytes.subarray(start + 4, Math.min(end, start + 4 + TOLD_OCTETS))),
      };
    default:
      return undefined;
  }
}

/** Octets between the beginning of the payload and its content. */
function prefixOctets(typeCode: number, flags: number): number {
  return 1 + (typeCode === FrameType.HEADERS && flags & Flag.PRIORITY ? 5 : 0);
}
