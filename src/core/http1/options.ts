// What an HTTP/1.1 connection is made with.

import type { ConnectionInfo, Handler } from '../http/message.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';

export interface Http1Options {
  readonly flow: string;
  readonly scheme: 'http' | 'https';
  readonly handler: Handler;
  readonly connection: ConnectionInfo;
  /** The value of `date` at a logical time: IMF-fixdate (RFC 9110 §5.6.7). */
  readonly date: (nowUs: Micros) => string;
  readonly trace?: Trace | undefined;
}
