// Segments of which a capture holds only the beginning (RFC 9293 §3.1).

import { decodeSegment, type Segment, TCP_HEADER_BYTES } from '../../core/tcp/segment.js';
import type { PacketView } from './packet-view.js';

/**
 * Reads the segment as it was on the wire: its length is the IP header's to say, not the capture's. Gives how many bytes of its text
 * were captured. Options that were cut off are not there; a header of which less than its fixed part is there is a ParseError.
 */
export function decodeCut({ upper, upperAt, upperEnd, uncaptured }: PacketView, segment: Segment): number {
  const there = upperEnd - upperAt;
  const header = there < TCP_HEADER_BYTES ? 0 : (upper[upperAt + 12]! >>> 4) * 4;
  if (uncaptured > 0 && header > there && header <= there + uncaptured) {
    const padded = new Uint8Array(header);
    // RFC 9293 §3.2: zero ends the list of options. One of which a part is there is left out with the rest.
    padded.set(wholeOptions(upper, upperAt, upperEnd));
    decodeSegment(padded, 0, header, segment);
    segment.payloadStart = upperEnd;
    segment.payloadLength = there + uncaptured - header;
    return 0;
  }
  decodeSegment(upper, upperAt, upperEnd, segment);
  const captured = segment.payloadLength;
  segment.payloadLength += uncaptured;
  return captured;
}

/** The header in `bytes[start, end)` without an option that is cut off. */
function wholeOptions(bytes: Uint8Array, start: number, end: number): Uint8Array {
  let at = start + TCP_HEADER_BYTES;
  while (at < end && bytes[at] !== 0) {
    const length = bytes[at] === 1 ? 1 : (bytes[at + 1] ?? 0);
    if (at + 1 === end && bytes[at] !== 1) break;
    if (length === 0 || at + length > end) break;
    at += length;
  }
  return bytes.subarray(start, Math.min(at, end));
}
