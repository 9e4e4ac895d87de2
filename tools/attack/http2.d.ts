import { type Frame } from '../../src/core/http2/frame.js';
import type { Field } from '../../src/core/trace.js';
export interface Http2Attack {
  readonly name: string;
  readonly about: string;
  /** How it ends: GOAWAY of the connection or RST_STREAM of a stream, with this code. */
  readonly ends: {
    readonly by: 'GOAWAY' | 'RST_STREAM';
    readonly code: number;
  };
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
export declare const HTTP2_ATTACKS: readonly Http2Attack[];
export declare const endOf: ({ ends }: Http2Attack) => string;
/** One connection that is attacked until it ends. How it ended, and what that took. */
export declare function attackOnce(
  attack: Http2Attack,
  port: number,
): Promise<{
  end: string;
  octets: number;
}>;
