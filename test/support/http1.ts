// Drives an Http1Connection from text and collects what it says, with no clock but the one that the test moves.

import { imfFixdate } from '../../src/core/http/date.js';
import type { Handler } from '../../src/core/http/message.js';
import { createSite } from '../../src/core/http/site.js';
import { Http1Connection } from '../../src/core/http1/connection.js';
import type { TraceEvent } from '../../src/core/trace.js';
import { ascii, concat, text } from './bytes.js';

export const START_UNIX_US = 784_111_777_000_000;
export const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';

export interface Rig {
  readonly connection: Http1Connection;
  readonly events: TraceEvent[];
  /** Sends (if anything is given) and takes all that there is; one character an octet. */
  send(input?: string | Uint8Array): string;
  /** The same as bytes. */
  sendBytes(input?: string | Uint8Array): Uint8Array;
  /** Ends the input and takes the rest. */
  end(): string;
  nowUs: number;
}

export function rig(
  options: { handler?: Handler; scheme?: 'http' | 'https'; trace?: boolean; date?: string; maxTake?: number } = {},
): Rig {
  const events: TraceEvent[] = [];
  const connection = new Http1Connection({
    flow: 'test#0',
    scheme: options.scheme ?? 'http',
    handler: options.handler ?? createSite(),
    connection: { flow: 'test#0' },
    date: (nowUs) => options.date ?? imfFixdate(START_UNIX_US + nowUs),
    ...(options.trace === false ? {} : { trace: (_: number, event: TraceEvent) => events.push(event) }),
  });
  const takeAll = (): Uint8Array => {
    const parts: Uint8Array[] = [];
    for (;;) {
      const view = connection.take(self.nowUs, options.maxTake ?? 16_384);
      if (view.length === 0) return concat(...parts);
      parts.push(view.slice());
    }
  };
  const self: Rig = {
    connection,
    events,
    nowUs: 0,
    send: (input) => text(self.sendBytes(input)),
    sendBytes(input) {
      if (input !== undefined) connection.receive(self.nowUs, typeof input === 'string' ? ascii(input) : input);
      return takeAll();
    },
    end() {
      connection.endOfInput(self.nowUs);
      return text(takeAll());
    },
  };
  return self;
}

export interface Parsed {
  readonly status: number;
  readonly reason: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Responses as a strict client of its own reads them: head, then content by length, by chunks or to the end. */
export function parseResponses(output: string, methods: readonly string[] = []): Parsed[] {
  const out: Parsed[] = [];
  let at = 0;
  while (at < output.length) {
    const end = output.indexOf('\r\n\r\n', at);
    if (end < 0) throw new Error(`no end of head in ${JSON.stringify(output.slice(at, at + 200))}`);
    const [statusLine, ...lines] = output.slice(at, end).split('\r\n');
    const match = /^HTTP\/1\.1 (\d{3}) (.*)$/.exec(statusLine!);
    if (match === null) throw new Error(`no status line: ${JSON.stringify(statusLine)}`);
    const status = Number(match[1]);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(': ');
      const name = line.slice(0, colon);
      if (headers.has(name)) throw new Error(`${name} twice`);
      headers.set(name, line.slice(colon + 2));
    }
    at = end + 4;
    let body = '';
    const method = methods[out.filter((response) => response.status >= 200).length] ?? 'GET';
    if (status < 200 || status === 204 || status === 304 || method === 'HEAD') body = '';
    else if (headers.has('content-length')) {
      const length = Number(headers.get('content-length'));
      body = output.slice(at, at + length);
      if (body.length !== length) throw new Error(`content of ${body.length} bytes instead of ${length}`);
      at += length;
    } else if (headers.get('transfer-encoding') === 'chunked') {
      for (;;) {
        const lineEnd = output.indexOf('\r\n', at);
        const size = output.slice(at, lineEnd);
        if (!/^(0|[1-9a-f][0-9a-f]*)$/.test(size)) throw new Error(`chunk size ${JSON.stringify(size)}`);
        const length = Number.parseInt(size, 16);
        body += output.slice(lineEnd + 2, lineEnd + 2 + length);
        at = lineEnd + 2 + length;
        if (output.slice(at, at + 2) !== '\r\n') throw new Error('no CRLF after chunk');
        at += 2;
        if (length === 0) break;
      }
    } else {
      body = output.slice(at);
      at = output.length;
    }
    out.push({ status, reason: match[2]!, headers, body });
  }
  return out;
}

/** The only response that is expected. */
export function parseResponse(output: string, method = 'GET'): Parsed {
  const all = parseResponses(output, [method]);
  if (all.length !== 1)
    throw new Error(`${all.length} responses instead of one: ${JSON.stringify(output.slice(0, 400))}`);
  return all[0]!;
}
