// `wirebench/recording`: writing, reading and replaying recordings, for programs of the user's own. It adds nothing of its
// own; the format is told in docs/recording.md.

export { CaptureError } from '../io/capture.js';
export { frameRecorder, keyLogLine, streamRecorder } from './recorders.js';
export {
  type ManifestItem,
  RECORDING_FORMAT,
  RECORDING_FORMAT_ANSWERS,
  type RecordedAnswer,
  type RecordedEvent,
  type RecordedInput,
  type RecordedPacket,
  type RecordedSecrets,
  RecordingError,
  type RecordingItem,
  type RecordingManifest,
  RecordingWriter,
  type RunEvent,
  readRecording,
} from './recording.js';
export {
  type Mismatch,
  type OutboundPacket,
  type ReplayOptions,
  type ReplayResult,
  replayRecording,
} from './replay.js';
