// A session with a TLS client at its other end, for tests that look at the join of the layers.

import * as assert from 'uvu/assert';
import { createSession, type SessionOptions } from '../../src/core/session.js';
import { ContentType } from '../../src/core/tls/record.js';
import type { TraceEvent } from '../../src/core/trace.js';
import type { Session } from '../../src/core/types.js';
import { ascii, concat, text } from './bytes.js';
import { siteOptions, takeAll } from './site-run.js';
import { clientHello, TestTlsClient, withExtension } from './tls-client.js';

export const CLOSE_NOTIFY = [1, 0];

export interface Rig {
  readonly session: Session;
  readonly client: TestTlsClient;
  readonly events: TraceEvent[];
  /** Sends application data and takes what there is. */
  say(plaintext: string | Uint8Array, nowUs?: number): void;
  /** Takes what there is and gives it to the client. */
  flush(nowUs?: number): void;
  /** The server's application data so far. */
  heard(): string;
}

export function alpnHello(...protocols: string[]) {
  return clientHello({ extensions: withExtension({ type: 'alpn', protocols: protocols.map(ascii) }) });
}

export function rig(hello = clientHello(), parts: Partial<SessionOptions> = {}): Rig {
  const events: TraceEvent[] = [];
  const session = createSession(siteOptions(true, { trace: (_at, event) => events.push(event), ...parts }));
  const client = new TestTlsClient(hello);
  const flush = (nowUs = 0): void => client.receive(takeAll(session, nowUs));
  return {
    session,
    client,
    events,
    flush,
    say(plaintext, nowUs = 0) {
      const bytes = typeof plaintext === 'string' ? ascii(plaintext) : plaintext;
      session.receive(nowUs, client.seal(ContentType.applicationData, bytes));
      flush(nowUs);
    },
    heard: () => text(concat(...client.received)),
  };
}

/** After the handshake. */
export function opened(protocol: 'h2' | 'http/1.1' | undefined, parts: Partial<SessionOptions> = {}): Rig {
  const one = rig(
    protocol === undefined ? clientHello({ extensions: withExtension('alpn') }) : alpnHello(protocol),
    parts,
  );
  one.session.receive(0, one.client.start());
  one.flush();
  one.session.receive(0, concat(...one.client.finish()));
  one.flush();
  assert.ok(one.client.finishedByServer);
  assert.is(one.session.state, 'open');
  return one;
}
