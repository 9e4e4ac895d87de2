// Where one direction of a TLS connection stands, for tls-reader.ts.

import { HANDSHAKE_HEADER_BYTES } from '../../core/tls/messages.js';
import { ContentType } from '../../core/tls/record.js';
import type { Direction } from '../../core/trace.js';
import { Input } from './input.js';
import { streamLimits } from './stream-limits.js';
import { RecordFramer } from './tls-framer.js';
import type { HandshakeFacts } from './tls-handshake.js';
import { KeyLadder } from './tls-ladder.js';
import type { KeyStore } from './types.js';

/** One direction. */
export interface Half {
  readonly dir: Direction;
  readonly framer: RecordFramer;
  readonly ladder: KeyLadder;
  /** Of handshake messages. */
  readonly messages: Input;
  /** TLS 1.2: behind ChangeCipherSpec. */
  protected: boolean;
  /** Its Finished was sent. */
  finished: boolean;
  /** close_notify was sent. */
  closed: boolean;
  /** The byte stream is over. */
  ended: boolean;
  /** Part of a handshake message is missing. */
  broken: boolean;
  /** Content is missing since what the application got last: how much, undefined when that is not known. */
  lostContent: number | undefined;
  hasLost: boolean;
  /** Records that did not verify. */
  refused: number;
  /** RFC 8446 §4.2.10: what does not open is early data that the server refused. */
  skipsEarlyData: boolean;
}

export function createHalf(dir: Direction, keys: KeyStore, facts: HandshakeFacts, midstream: boolean): Half {
  const ladder = new KeyLadder(dir, keys, facts);
  // How many records went before nobody knows.
  if (midstream) ladder.lose(streamLimits.sequenceTrialsPerRecord * SMALLEST_RECORD_BYTES);
  return {
    dir,
    framer: new RecordFramer(midstream),
    ladder,
    messages: new Input(),
    protected: false,
    finished: false,
    closed: false,
    ended: false,
    broken: false,
    lostContent: 0,
    hasLost: false,
    refused: 0,
    skipsEarlyData: false,
  };
}

/** RFC 5246 §6.2.3, RFC 8446 §5.2: a header, and a tag. */
const SMALLEST_RECORD_BYTES = 21;

/**
 * Whether a record that may or may not be protected is in clear: two bytes of an alert, or a message of a known type that is
 * not absurdly long, as which ciphertext hardly ever begins.
 */
export function seemsClear(contentType: number, fragment: Uint8Array): boolean {
  if (contentType === ContentType.alert) return fragment.length === 2;
  if (fragment.length < HANDSHAKE_HEADER_BYTES) return false;
  const length = (fragment[1]! << 16) | (fragment[2]! << 8) | fragment[3]!;
  return fragment[0]! <= 24 && fragment[1] === 0 && length <= streamLimits.recordBytes;
}

/** How much content a record that was not opened holds, where that can be told. */
export function contentBytesOf({ ladder }: Half, facts: HandshakeFacts, recordBytes: number): number | undefined {
  const suite = ladder.suite ?? facts.suite;
  if (suite === undefined || suite.tagBytes === 0) return undefined;
  const explicit = suite.version === '1.3' || suite.fixedIvBytes === 12 ? 0 : 8;
  return Math.max(0, recordBytes - suite.tagBytes - explicit - (suite.version === '1.3' ? 1 : 0));
}
