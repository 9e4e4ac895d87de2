// What HTTP/2 calls an error (RFC 9113 §5.4, §7; RFC 9218 §7.1): one table from a verdict to its scope and code, and the rules on
// length and stream identifier that each frame type has (§6). Who finds the error names the verdict; the connection
// turns it into RST_STREAM or GOAWAY. Stream states have their own table in `stream.ts`.

import { ErrorCode, Flag, FrameType } from './frame.js';

export interface Verdict {
  readonly scope: 'stream' | 'connection';
  /** RFC 9113 §7. */
  readonly code: number;
  /** For the trace. */
  readonly reason: string;
  readonly rule: string;
}

const stream = (code: keyof typeof ErrorCode, reason: string, rule: string): Verdict => ({
  scope: 'stream',
  code: ErrorCode[code],
  reason,
  rule,
});
const connection = (code: keyof typeof ErrorCode, reason: string, rule: string): Verdict => ({
  ...stream(code, reason, rule),
  scope: 'connection',
});

export const verdicts = {
  // malformed: the frame layer
  badPreface: connection('PROTOCOL_ERROR', 'not the client connection preface', 'RFC 9113 §3.4'),
  settingsNotFirst: connection('PROTOCOL_ERROR', 'first frame is not SETTINGS', 'RFC 9113 §3.4'),
  frameTooLarge: connection('FRAME_SIZE_ERROR', 'frame exceeds SETTINGS_MAX_FRAME_SIZE', 'RFC 9113 §4.2'),
  badFrameSize: connection('FRAME_SIZE_ERROR', 'length not allowed for the frame type', 'RFC 9113 §4.2'),
  badPrioritySize: stream('FRAME_SIZE_ERROR', 'PRIORITY of other than 5 octets', 'RFC 9113 §6.3'),
  streamZero: connection('PROTOCOL_ERROR', 'stream frame on stream 0', 'RFC 9113 §6'),
  notStreamZero: connection('PROTOCOL_ERROR', 'connection frame on a stream', 'RFC 9113 §6'),
  badPadding: connection('PROTOCOL_ERROR', 'padding as long as the payload', 'RFC 9113 §6.1'),
  pushFromClient: connection('PROTOCOL_ERROR', 'PUSH_PROMISE from a client', 'RFC 9113 §8.4'),
  evenStream: connection('PROTOCOL_ERROR', 'HEADERS on a stream that a client cannot open', 'RFC 9113 §5.1.1'),
  blockInterrupted: connection('PROTOCOL_ERROR', 'field block interrupted', 'RFC 9113 §4.3'),
  strayContinuation: connection('PROTOCOL_ERROR', 'CONTINUATION without an open field block', 'RFC 9113 §6.10'),
  compression: connection('COMPRESSION_ERROR', 'field block does not decode', 'RFC 9113 §4.3'),
  // malformed: settings
  badEnablePush: connection('PROTOCOL_ERROR', 'SETTINGS_ENABLE_PUSH is neither 0 nor 1', 'RFC 9113 §6.5.2'),
  badInitialWindow: connection('FLOW_CONTROL_ERROR', 'SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1', 'RFC 9113 §6.5.2'),
  badMaxFrameSize: connection('PROTOCOL_ERROR', 'SETTINGS_MAX_FRAME_SIZE out of range', 'RFC 9113 §6.5.2'),
  badNoPriorities: connection('PROTOCOL_ERROR', 'SETTINGS_NO_RFC7540_PRIORITIES is neither 0 nor 1', 'RFC 9218 §2.1'),
  // malformed: priorities
  updateOfNone: connection('PROTOCOL_ERROR', 'PRIORITY_UPDATE for stream 0', 'RFC 9218 §7.1'),
  updateOfPush: connection('PROTOCOL_ERROR', 'PRIORITY_UPDATE for a push stream', 'RFC 9218 §7.1'),
  tooManyUpdates: connection('PROTOCOL_ERROR', 'PRIORITY_UPDATE for too many idle streams', 'RFC 9218 §7.1'),
  // misbehaved: streams
  frameOnIdle: connection('PROTOCOL_ERROR', 'frame on an idle stream', 'RFC 9113 §5.1'),
  dataOnClosed: stream('STREAM_CLOSED', 'DATA on a stream that the peer has ended', 'RFC 9113 §6.1'),
  headersOnHalfClosed: stream('STREAM_CLOSED', 'HEADERS on a stream that the peer has ended', 'RFC 9113 §5.1'),
  skippedStream: connection('PROTOCOL_ERROR', 'HEADERS with an identifier that was passed over', 'RFC 9113 §5.1.1'),
  headersOnClosed: connection('STREAM_CLOSED', 'HEADERS on a closed stream', 'RFC 9113 §5.1'),
  notOurTurn: connection('INTERNAL_ERROR', 'frame that the stream state does not let us send', 'RFC 9113 §5.1'),
  tooManyStreams: stream('REFUSED_STREAM', 'above SETTINGS_MAX_CONCURRENT_STREAMS', 'RFC 9113 §5.1.2'),
  // misbehaved: flow control
  zeroIncrement: stream('PROTOCOL_ERROR', 'WINDOW_UPDATE of 0', 'RFC 9113 §6.9'),
  zeroConnectionIncrement: connection('PROTOCOL_ERROR', 'WINDOW_UPDATE of 0', 'RFC 9113 §6.9'),
  windowOverflow: stream('FLOW_CONTROL_ERROR', 'window above 2^31-1', 'RFC 9113 §6.9.1'),
  connectionWindowOverflow: connection('FLOW_CONTROL_ERROR', 'window above 2^31-1', 'RFC 9113 §6.9.1'),
  settingsWindowOverflow: connection('FLOW_CONTROL_ERROR', 'window above 2^31-1 by SETTINGS', 'RFC 9113 §6.9.2'),
  streamWindowExceeded: stream('FLOW_CONTROL_ERROR', 'DATA beyond the stream window', 'RFC 9113 §6.9.1'),
  connectionWindowExceeded: connection('FLOW_CONTROL_ERROR', 'DATA beyond the connection window', 'RFC 9113 §6.9.1'),
  // malformed: messages
  badField: stream('PROTOCOL_ERROR', 'prohibited character in a field', 'RFC 9113 §8.2.1'),
  connectionField: stream('PROTOCOL_ERROR', 'connection-specific field', 'RFC 9113 §8.2.2'),
  badPseudo: stream('PROTOCOL_ERROR', 'undefined, repeated or misplaced pseudo-header field', 'RFC 9113 §8.3'),
  missingPseudo: stream('PROTOCOL_ERROR', 'pseudo-header field missing', 'RFC 9113 §8.3.1'),
  badPseudoValue: stream('PROTOCOL_ERROR', 'invalid pseudo-header value', 'RFC 9113 §8.3.1'),
  badConnect: stream('PROTOCOL_ERROR', 'CONNECT with :scheme or :path, or without :authority', 'RFC 9113 §8.5'),
  hostDiffers: stream('PROTOCOL_ERROR', 'host differs from :authority', 'RFC 9113 §8.3.1'),
  badHost: stream('PROTOCOL_ERROR', 'invalid host', 'RFC 9110 §7.2'),
  badContentLength: stream('PROTOCOL_ERROR', 'invalid content-length', 'RFC 9113 §8.1.1'),
  contentLengthDiffers: stream('PROTOCOL_ERROR', 'content-length differs from DATA', 'RFC 9113 §8.1.1'),
  trailersOpen: stream('PROTOCOL_ERROR', 'second HEADERS without END_STREAM', 'RFC 9113 §8.1'),
  pseudoInTrailers: stream('PROTOCOL_ERROR', 'pseudo-header field in trailers', 'RFC 9113 §8.1'),
  // incompatible
  inadequateSecurity: connection('INADEQUATE_SECURITY', 'prohibited TLS 1.2 cipher suite', 'RFC 9113 §9.2.2'),
  // excessive: RFC 9113 §10.5
  listTooLarge: connection('ENHANCE_YOUR_CALM', 'field section decodes to far too much', 'RFC 9113 §10.5.1'),
  trailersTooLarge: stream('ENHANCE_YOUR_CALM', 'trailer section too large', 'RFC 9113 §10.5.1'),
  slowBlock: connection('ENHANCE_YOUR_CALM', 'frame or field block does not come to its end', 'RFC 9113 §10.5'),
  slowBody: stream('CANCEL', 'request content comes too slowly', 'RFC 9113 §10.5'),
  slowReader: stream('CANCEL', 'window stays closed', 'RFC 9113 §10.5'),
  settingsTimeout: connection('SETTINGS_TIMEOUT', 'SETTINGS not acknowledged in time', 'RFC 9113 §6.5.3'),
  blockTooLarge: connection('ENHANCE_YOUR_CALM', 'field block too large', 'RFC 9113 §10.5.1'),
  tooManyContinuations: connection('ENHANCE_YOUR_CALM', 'too many CONTINUATION frames', 'RFC 9113 §10.5'),
  tooManySettings: connection('ENHANCE_YOUR_CALM', 'too many SETTINGS', 'RFC 9113 §10.5'),
  tooManyResets: connection('ENHANCE_YOUR_CALM', 'too many streams reset', 'RFC 9113 §10.5'),
  tooManyIdleFrames: connection('ENHANCE_YOUR_CALM', 'too many frames without effect', 'RFC 9113 §10.5'),
  tooManyReplies: connection('ENHANCE_YOUR_CALM', 'replies are not read', 'RFC 9113 §10.5'),
  // our own caller, or the end of the connection
  handlerFailed: stream('INTERNAL_ERROR', 'handler threw or gave a response that cannot be sent', 'RFC 9113 §5.4.2'),
  answerTimeout: stream('INTERNAL_ERROR', 'the application took too long', 'RFC 9110 §15.6.5'),
  sourceFailed: stream('INTERNAL_ERROR', 'response body failed or broke its length', 'RFC 9113 §8.1.1'),
  inputEnded: stream('CANCEL', 'the peer sends no more', 'RFC 9113 §5.4.3'),
} as const satisfies { readonly [name: string]: Verdict };

interface FrameRule {
  readonly on: 'stream' | 'connection' | 'either';
  readonly least: number;
  readonly most: number;
  readonly badSize: Verdict;
}

const rule = (on: FrameRule['on'], least: number, most = Number.POSITIVE_INFINITY, badSize?: Verdict): FrameRule => ({
  on,
  least,
  most,
  badSize: badSize ?? verdicts.badFrameSize,
});

/** By type code, RFC 9113 §6.1 to §6.10. */
const frameRules: readonly FrameRule[] = [
  rule('stream', 0),
  rule('stream', 0),
  rule('stream', 5, 5, verdicts.badPrioritySize),
  rule('stream', 4, 4),
  rule('connection', 0),
  rule('stream', 4),
  rule('connection', 8, 8),
  rule('connection', 8),
  rule('either', 4, 4),
  rule('stream', 0),
];
/** RFC 9218 §7.1. */
const priorityUpdateRule = rule('connection', 4);

/** What is wrong with a frame by its header alone; unknown types have no rules (RFC 9113 §5.5). */
export function frameVerdict(typeCode: number, flags: number, streamId: number, length: number): Verdict | undefined {
  const rule = typeCode === FrameType.PRIORITY_UPDATE ? priorityUpdateRule : frameRules[typeCode];
  if (rule === undefined) return undefined;
  if (streamId === 0) {
    if (rule.on === 'stream') return verdicts.streamZero;
  } else if (rule.on === 'connection') {
    return verdicts.notStreamZero;
  }
  if (length < rule.least || length > rule.most) return rule.badSize;
  switch (typeCode) {
    case FrameType.DATA:
      return (flags & Flag.PADDED) !== 0 && length < 1 ? verdicts.badFrameSize : undefined;
    case FrameType.HEADERS: {
      const mandatory = (flags & Flag.PADDED ? 1 : 0) + (flags & Flag.PRIORITY ? 5 : 0);
      return length < mandatory ? verdicts.badFrameSize : undefined;
    }
    case FrameType.SETTINGS:
      // RFC 9113 §6.5: six octets a setting, and none in an acknowledgment.
      return length % 6 !== 0 || ((flags & Flag.ACK) !== 0 && length > 0) ? verdicts.badFrameSize : undefined;
    default:
      return undefined;
  }
}
