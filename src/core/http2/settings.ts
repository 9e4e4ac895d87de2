// SETTINGS (RFC 9113 §6.5, RFC 9218 §2.1): ours, and what the peer's mean for what we send. Values are checked here; the connection
// acts on what changed.

import { limits } from '../limits.js';
import { type Verdict, verdicts } from './errors.js';
import {
  DEFAULT_HEADER_TABLE_SIZE,
  DEFAULT_MAX_FRAME_SIZE,
  DEFAULT_WINDOW_SIZE,
  LARGEST_MAX_FRAME_SIZE,
  MAX_WINDOW_SIZE,
  type Setting,
  SettingId,
} from './frame.js';

/** What we announce. The rest keeps its initial value: 4,096 octets of table, frames of 16,384, and no push. */
export const ourSettings: readonly Setting[] = [
  [SettingId.MAX_CONCURRENT_STREAMS, limits.http2.concurrentStreams],
  [SettingId.INITIAL_WINDOW_SIZE, limits.http2.streamWindowBytes],
  [SettingId.MAX_HEADER_LIST_SIZE, limits.http2.headerListBytes],
  // RFC 9218 §2.1: in the first SETTINGS frame. PRIORITY frames mean nothing here, the `priority` field does.
  [SettingId.NO_RFC7540_PRIORITIES, 1],
];

/** The peer's settings that bind a server. Its MAX_HEADER_LIST_SIZE is advisory and its push settings have no use here. */
export interface PeerSettings {
  headerTableSize: number;
  initialWindowSize: number;
  maxFrameSize: number;
}

/** RFC 9113 §6.5.2: the initial values hold until a SETTINGS frame changes them. */
export function createPeerSettings(): PeerSettings {
  return {
    headerTableSize: DEFAULT_HEADER_TABLE_SIZE,
    initialWindowSize: DEFAULT_WINDOW_SIZE,
    maxFrameSize: DEFAULT_MAX_FRAME_SIZE,
  };
}

/** Takes over one setting, or says what is wrong with it. Unknown identifiers are ignored (RFC 9113 §6.5.2). */
export function applySetting(settings: PeerSettings, identifier: number, value: number): Verdict | undefined {
  switch (identifier) {
    case SettingId.HEADER_TABLE_SIZE:
      settings.headerTableSize = value;
      return undefined;
    case SettingId.ENABLE_PUSH:
      return value > 1 ? verdicts.badEnablePush : undefined;
    case SettingId.INITIAL_WINDOW_SIZE:
      if (value > MAX_WINDOW_SIZE) return verdicts.badInitialWindow;
      settings.initialWindowSize = value;
      return undefined;
    case SettingId.MAX_FRAME_SIZE:
      if (value < DEFAULT_MAX_FRAME_SIZE || value > LARGEST_MAX_FRAME_SIZE) return verdicts.badMaxFrameSize;
      settings.maxFrameSize = value;
      return undefined;
    case SettingId.NO_RFC7540_PRIORITIES:
      // Whatever it says, PRIORITY frames are passed over (RFC 9113 §5.3.2).
      return value > 1 ? verdicts.badNoPriorities : undefined;
    default:
      return undefined;
  }
}
