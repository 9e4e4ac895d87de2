// The exchange of a replay up to its difference, as lines of a Mermaid sequence diagram: what a report shows of a failure.

import { dissectPacket } from '../bench/dissect-packet.js';
import { type Mismatch, replayRecording } from '../bench/replay.js';
import { ACK, FIN, RST, SYN } from '../core/tcp/segment.js';
import type { Direction, TraceEvent } from '../core/trace.js';
import { printable } from './text.js';

/** The last messages before the difference: a download has thousands. */
const MOST_MESSAGES = 24;
const LONGEST_MESSAGE = 80;
const LONGEST_NOTE = 240;

/** `difference`: the line that names the mismatch. Only the connection in which it lies is shown, where that can be told. */
export async function sequenceOf(file: string, mismatch: Mismatch, difference: string): Promise<string[]> {
  const messages: string[] = [];
  let left = 0;
  const isOurs = connectionOf(mismatch);
  await replayRecording(file, {
    trace(_atUs, event) {
      const message = messageOf(event);
      if (!isOurs(event) || message === undefined) return;
      const arrow = message.dir === 'in' ? 'client->>wirebench' : 'wirebench->>client';
      messages.push(`    ${arrow}: ${safe(message.text, LONGEST_MESSAGE)}`);
      if (messages.length > MOST_MESSAGES) {
        messages.shift();
        left++;
      }
    },
  });
  // `packet N (+S s) LAYER field: recorded A, now B (RFC)`
  const [, packet = 'a packet', field = '', values = difference] =
    /^(packet \d+) \([^)]*\) (.*?): (recorded .*)$/s.exec(difference) ?? [];
  return [
    'sequenceDiagram',
    '    participant client',
    '    participant wirebench',
    ...(left > 0 ? [`    Note over client,wirebench: ${left} messages before`] : []),
    ...messages,
    `    wirebench-xclient: ${packet} differs${safe(field === '' ? '' : `, ${field}`, LONGEST_MESSAGE)}`,
    `    Note over client,wirebench: ${safe(values, LONGEST_NOTE)}`,
  ];
}

/** In mode tun a segment tells the name of its flow, and layers above go by that name. */
function connectionOf({ recorded, replayed }: Mismatch): (event: TraceEvent) => boolean {
  const { tcp, source, destination } = dissectPacket((recorded ?? replayed)!.bytes);
  if (tcp === undefined) return () => true;
  const ends = [`${source}:${tcp.sourcePort}`, `${destination}:${tcp.destinationPort}`];
  let flow: string | undefined;
  let seesSegments = false;
  return (event) => {
    if (event.layer === 'tcp' && event.kind === 'segment') {
      seesSegments = true;
      if (!ends.includes(event.src) || !ends.includes(event.dst)) return false;
      flow = event.flow ?? flow;
      return true;
    }
    // Mode tcp has no segments: everything is shown.
    return !seesSegments || !('flow' in event) || event.flow === flow;
  };
}

const FLAGS = [
  [SYN, 'SYN'],
  [FIN, 'FIN'],
  [RST, 'RST'],
] as const;

function messageOf(event: TraceEvent): { readonly dir: Direction; readonly text: string } | undefined {
  const { layer, kind } = event;
  if (layer === 'tcp' && kind === 'segment') {
    const names = FLAGS.filter(([bit]) => (event.flags & bit) !== 0).map(([, name]) => name);
    if (names.length === 0) return undefined;
    return { dir: event.dir, text: [...names, ...((event.flags & ACK) === 0 ? [] : ['ACK'])].join(', ') };
  }
  if (layer === 'tls' && kind === 'handshake') return { dir: event.dir, text: event.message };
  if (layer === 'tls' && kind === 'alert') return { dir: event.dir, text: `Alert ${event.description}` };
  if (layer === 'http2' && kind === 'headers') {
    const value = (name: string): string => event.fields.find(([field]) => field === name)?.[1] ?? '';
    const what = event.dir === 'in' ? `${value(':method')} ${value(':path')}` : value(':status');
    return { dir: event.dir, text: `HEADERS stream ${event.streamId} ${what}` };
  }
  if (layer === 'http2' && kind === 'frame' && !QUIET.has(event.type)) {
    return { dir: event.dir, text: `${event.type} stream ${event.streamId} (${event.length} bytes)` };
  }
  if (layer === 'http1' && kind === 'request') return { dir: 'in', text: `${event.method} ${event.target}` };
  if (layer === 'http1' && kind === 'response') return { dir: 'out', text: `${event.status} ${event.reason}` };
  return undefined;
}

/** HEADERS is told by what is in it. */
const QUIET = new Set(['HEADERS', 'CONTINUATION', 'WINDOW_UPDATE', 'PING', 'PRIORITY']);

/** Mermaid ends a message at a semicolon, reads # as the beginning of a code, and `%%{...}` as a directive wherever it stands. */
function safe(text: string, longest: number): string {
  return printable(text, longest).replace(/[;#<>{}`]/g, ' ');
}
