// `wirebench/live`: what a live run is made of, for programs of the user's own: the loop, the TUN device, sockets, the
// clock, and those who answer outside the core. It adds nothing of its own.

export { AppError, loadApp } from './app.js';
export { assembleStack, assembleStreams, type RunConfig, type RunIdentity } from './assemble.js';
export { type Clock, createClock } from './clock.js';
export { DeviceError } from './errors.js';
export { type FrameRecorder, runTun, type TunFaults, type TunRun, type TunRunOptions } from './live-tun.js';
export { Desk, type DeskOptions, outsideLimits, type Respond } from './outside.js';
export {
  type AppFunction,
  type AppRequest,
  type AppResponse,
  type AppResult,
  type Chunk,
  type Headers,
  HttpError,
} from './outside-types.js';
export { Loop, type Machine, type Outside, type Presenter, type RunEventKind } from './run.js';
export { type Listeners, listenOn, runSockets, type SocketRunOptions, type StreamRecorder } from './sockets.js';
export { openTun, type TunDevice, type TunOptions } from './tun.js';
