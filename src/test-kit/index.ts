// `wirebench/test`: for test suites of the user's own, under uvu, node:test or any other runner that takes a thrown
// AssertionError. It adds no protocol: recordings are replayed, and the core is driven in virtual time, as everywhere else.

export { type EventPattern, expectEvents, type TimedEvent } from './events.js';
export { expectGolden } from './golden.js';
export { expectIdentical, type Replayed, type ReplayFileOptions, replayFile } from './replayed.js';
export {
  openSession,
  openStack,
  type ServerOptions,
  type SessionOptions,
  type StackOptions,
  type TestPacket,
  type TestSession,
  type TestStack,
  testKitLimits,
} from './sessions.js';
