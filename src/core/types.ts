// The shapes that every layer shares: logical time, the byte-stream session, the frame stack.
// Data goes up by a call's argument and down by `take(room)`: there are no upward callbacks and no promises in core.

/** Microseconds as a safe integer since the run began. Nothing in core asks for the time; it is always given. */
export type Micros = number;

/**
 * What sits above one reliable byte stream: TLS, HTTP/1.1, HTTP/2, or all of them joined (`session.ts`).
 * TCP drives it in tun mode, an OS socket in tcp mode, a recording in replay.
 *
 * Every method takes the logical time of its cause. After each `receive`, `endOfInput` or `advance` the owner calls
 * `take` until it returns an empty array or the owner's room is used up. Nothing is thrown for any input.
 */
export interface Session {
  /** In-order bytes from the peer. `bytes` is valid during the call only; what must stay is copied. */
  receive(nowUs: Micros, bytes: Uint8Array): void;
  /** The peer will send no more (FIN). Bytes may still be taken. */
  endOfInput(nowUs: Micros): void;
  /** Up to `maxBytes` bytes for the peer; empty when there is nothing to send now. Valid until the next call. */
  take(nowUs: Micros, maxBytes: number): Uint8Array;
  /** How many bytes `receive` is willing to get now; 0 closes the peer's window. At most one `receive` may overshoot. */
  room(): number;
  /** Fires the session's own timers that are due at or before `nowUs`. */
  advance(nowUs: Micros): void;
  /** When `advance` wants to be called next; always later than the time it was last advanced to. */
  nextDeadlineUs(): Micros | undefined;
  /** An orderly end is wanted (the server shuts down): finish what is being answered, then close. */
  close(nowUs: Micros): void;
  /**
   * open: both ways. draining: no input is wanted any more, output remains to be taken. closed: everything was taken,
   * the stream may end (FIN). aborted: the stream must be reset, nothing more is to be taken.
   */
  readonly state: SessionState;
  /**
   * True while the peer has shown nothing but a beginning, as TLS before its Finished: the first to go when there are too
   * many. Absent: false.
   */
  readonly handshaking?: boolean;
}

export type SessionState = 'open' | 'draining' | 'closed' | 'aborted';

/** Makes the session of a new flow. `flow` names it in trace and random draws: `10.0.0.1:49152>10.0.0.2:443#0`. */
export type SessionFactory = (nowUs: Micros, flow: string) => Session;

/** Frames in, frames out. The whole of a run is its config, its seed and the timed calls of `receive` and `advance`. */
export interface Stack {
  /** Fires the timers due at or before `nowUs`, then handles the frame. `frame` is valid during the call only. */
  receive(nowUs: Micros, frame: Uint8Array): void;
  /** Fires timers only. Calling it more often, or late, never changes any output. */
  advance(nowUs: Micros): void;
  /** The next outgoing frame; drain after each call. A frame is valid until the next call of any method. */
  poll(): { readonly atUs: Micros; readonly frame: Uint8Array } | undefined;
  nextDeadlineUs(): Micros | undefined;
  /** Refuses new connections and closes the open ones in order. A timed input like any other: recordings hold it. */
  close(nowUs: Micros): void;
  /** Resets what is still open: the run ends now. A timed input, too. */
  abort(nowUs: Micros): void;
  /** Connections that are not yet closed. */
  readonly openFlows: number;
}
