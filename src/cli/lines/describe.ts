// From an event to its line: which level it belongs to, and which layer's words are used for it.

import type { TraceEvent } from '../../core/trace.js';
import { http1Line, http2Line, httpLine } from './http.js';
import { DEBUG, type Level, type Line, NORMAL, VERBOSE } from './line.js';
import { icmpLine, ipLine, tcpLine } from './network.js';
import { tlsLine } from './tls.js';

const TLS_INNER_STATE: ReadonlySet<string> = new Set(['state', 'truncated', 'key_schedule', 'keys']);

/**
 * The level from which on an event is shown. NORMAL tells the story of a connection once: packets, segments, handshake
 * messages, requests, responses, data, whatever ends or goes wrong. VERBOSE adds inner state. DEBUG adds what repeats
 * something in another form (records, raw field block frames) and what only keeps things flowing (window updates).
 */
export function levelOf(event: TraceEvent): Level {
  switch (event.layer) {
    case 'ip':
      return event.kind === 'drop' && event.severity === undefined ? VERBOSE : NORMAL;
    case 'tls':
      if (event.kind === 'record' || event.kind === 'secret') return DEBUG;
      // Many clients (curl over HTTP/2 among them) leave without close_notify: worth knowing, no cause for worry.
      return TLS_INNER_STATE.has(event.kind) ? VERBOSE : NORMAL;
    case 'http1':
      return event.kind === 'body' && event.length === 0 ? DEBUG : NORMAL;
    case 'http2':
      if (event.kind === 'stream') return VERBOSE;
      return event.kind === 'frame' && !STORY_FRAMES.has(event.type) ? DEBUG : NORMAL;
    case 'http':
      // The response's line names the request too.
      return event.kind === 'request' ? VERBOSE : NORMAL;
    default:
      return NORMAL;
  }
}

const STORY_FRAMES = new Set(['DATA', 'RST_STREAM', 'SETTINGS', 'PING', 'GOAWAY']);

export function describe(event: TraceEvent, level: Level): Line {
  switch (event.layer) {
    case 'ip':
      return ipLine(event, level);
    case 'icmp':
      return icmpLine(event);
    case 'tcp':
      return tcpLine(event, level);
    case 'tls':
      return tlsLine(event, level);
    case 'http1':
      return http1Line(event, level);
    case 'http2':
      return http2Line(event, level);
    case 'http':
      return httpLine(event);
    default:
      return event satisfies never;
  }
}
