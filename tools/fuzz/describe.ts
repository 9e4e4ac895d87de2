// One line for one frame, after tcpdump: time, direction, flags, numbers and options.

import { emptySeen, readFrame } from '../../test/support/peer/codec.js';

const LETTERS = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'C'];
const seen = emptySeen();

export function describeFrame(atUs: number, direction: 'in' | 'out', frame: Uint8Array): string {
  const head = `${(atUs / 1e6).toFixed(6).padStart(11)} ${direction === 'in' ? '<' : '>'}`;
  const problem = readFrame(frame, seen);
  if (problem !== undefined) return `${head} ${frame.length} bytes: ${problem}`;
  const flags = LETTERS.filter((_, bit) => (seen.flags >>> bit) & 1).join('');
  const blocks = Array.from(
    { length: seen.sackCount },
    (_, i) => `${seen.sackEdges[2 * i]}:${seen.sackEdges[2 * i + 1]}`,
  );
  return [
    head,
    flags.padEnd(3),
    `seq ${seen.seq} ack ${seen.ack} win ${seen.window} len ${seen.payloadLength}`,
    ...(seen.hasTimestamps ? [`ts ${seen.tsVal} ${seen.tsEcr}`] : []),
    ...(blocks.length > 0 ? [`sack ${blocks.join(' ')}`] : []),
    ...(seen.mss >= 0 ? [`mss ${seen.mss} wscale ${seen.windowScale}${seen.sackPermitted ? ' sackOK' : ''}`] : []),
  ].join(' ');
}
