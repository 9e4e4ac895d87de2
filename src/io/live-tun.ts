// A stack on a TUN device: frames in, stamped and recorded; frames out, recorded and written. With faults, the bad wire of
// core/faults.ts lies between the device and the recording, so that a replay needs none of it.

import { type FaultPlan, FaultyStack } from '../core/faults.js';
import type { Answer } from '../core/http/message.js';
import type { RandomSource } from '../core/random.js';
import type { Stack } from '../core/types.js';
import type { Clock } from './clock.js';
import { Loop, type Presenter, type RunEventKind } from './run.js';
import type { TunDevice } from './tun.js';

/** What a recording takes of a run in tun mode. `bytes` is valid during the call only. */
export interface FrameRecorder {
  packet(atUs: number, direction: 'in' | 'out', bytes: Uint8Array): void;
  answer(atUs: number, token: string, answer: Answer): void;
  event(kind: RunEventKind, atUs: number): void;
  close(): void;
}

export interface TunRunOptions {
  readonly stack: Stack;
  readonly device: TunDevice;
  readonly clock: Clock;
  readonly recorder?: FrameRecorder;
  readonly presenter?: Presenter;
  readonly faults?: TunFaults;
}

export interface TunFaults {
  readonly plan: FaultPlan;
  readonly random: RandomSource;
}

/** A run, and what its faults did so far. */
export interface TunRun {
  readonly loop: Loop;
  readonly wire: FaultyStack | undefined;
}

/** Frames read in one go before outputs, timers and the rest of the process get their turn. */
const FRAMES_PER_TURN = 256;

/**
 * Begins a run on an open device, which is the run's own from here on and closed at its end. The loop's `done` rejects with a
 * DeviceError when the device goes away.
 */
export function runTun(options: TunRunOptions): TunRun {
  const { device, clock, recorder, presenter, faults } = options;
  const wire =
    faults &&
    new FaultyStack(options.stack, faults.plan, faults.random, (atUs, direction, frame) =>
      recorder?.packet(atUs, direction, frame),
    );
  const stack = wire ?? options.stack;
  /** Where frames are recorded that pass between device and stack as they are. */
  const passing = wire === undefined ? recorder : undefined;

  const loop = new Loop(
    stack,
    clock,
    {
      flush() {
        for (let out = stack.poll(); out !== undefined; out = stack.poll()) {
          passing?.packet(out.atUs, 'out', out.frame);
          device.write(out.frame);
        }
        device.flush();
      },
      stopInput: () => device.stopReading(),
      startInput: () => device.startReading(onReadable),
      answer: (atUs, token, answer) => recorder?.answer(atUs, token, answer),
      event: (kind, atUs) => recorder?.event(kind, atUs),
      shut() {
        device.close();
        recorder?.close();
      },
    },
    presenter,
  );

  function onReadable(): void {
    try {
      for (let count = 0; count < FRAMES_PER_TURN && !loop.paused && !loop.ended; count++) {
        const packet = device.read();
        if (packet === undefined) break;
        const atUs = loop.begin();
        passing?.packet(atUs, 'in', packet);
        stack.receive(atUs, packet);
        loop.finish();
      }
      loop.catchUp();
    } catch (error) {
      loop.fail(error);
    }
  }

  device.startReading(onReadable);
  return { loop, wire };
}
