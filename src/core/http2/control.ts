// The control frames that wait to be sent: SETTINGS, acknowledgments, RST_STREAM, WINDOW_UPDATE, GOAWAY, in the order of
// their causes. They go before responses (RFC 9113 §6.7 asks it of PING). Bounded: a peer that does not read our replies
// finds `full` set.

import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import {
  errorCodeName,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  frameTypeName,
  type Setting,
  settingName,
  writeFrameHeader,
  writeU32,
} from './frame.js';

/** The opaque data of our one PING. */
const SHUTDOWN = Uint8Array.from('shutdown', (c) => c.charCodeAt(0));

/** Whether the 8 octets answer `shutdownPing`. */
export function isShutdownPing(bytes: Uint8Array, start: number): boolean {
  return SHUTDOWN.every((octet, i) => bytes[start + i] === octet);
}

export class ControlQueue {
  /** The logical time of the call that is being served; for the trace. */
  nowUs: Micros = 0;
  readonly #flow: string;
  readonly #trace: Trace | undefined;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(256);
  #length = 0;
  #frames = 0;

  constructor(flow: string, trace: Trace | undefined) {
    this.#flow = flow;
    this.#trace = trace;
  }

  /** Octets that wait. */
  get length(): number {
    return this.#length;
  }

  get full(): boolean {
    return this.#frames > limits.http2.controlFrames;
  }

  settings(settings: readonly Setting[]): void {
    let at = this.#frame(settings.length * 6, FrameType.SETTINGS, 0, 0);
    for (const [identifier, value] of settings) {
      this.#bytes[at] = identifier >>> 8;
      this.#bytes[at + 1] = identifier;
      at = writeU32(this.#bytes, at + 2, value);
    }
    if (this.#trace === undefined) return;
    const fields: { [name: string]: number } = {};
    for (const [identifier, value] of settings) fields[settingName(identifier)] = value;
    this.#tell(FrameType.SETTINGS, 0, 0, settings.length * 6, fields);
  }

  settingsAck(): void {
    this.#frame(0, FrameType.SETTINGS, Flag.ACK, 0);
    if (this.#trace) this.#tell(FrameType.SETTINGS, Flag.ACK, 0, 0);
  }

  /** The PING that goes with the first GOAWAY (RFC 9113 §6.8). */
  shutdownPing(): void {
    this.#pingFrame(0, SHUTDOWN, 0);
  }

  /** The 8 octets of opaque data are copied. */
  pingAck(bytes: Uint8Array, start: number): void {
    this.#pingFrame(Flag.ACK, bytes, start);
  }

  #pingFrame(flags: number, bytes: Uint8Array, start: number): void {
    const at = this.#frame(8, FrameType.PING, flags, 0);
    for (let i = 0; i < 8; i++) this.#bytes[at + i] = bytes[start + i]!;
    if (this.#trace) this.#tell(FrameType.PING, flags, 0, 8);
  }

  rstStream(streamId: number, errorCode: number): void {
    writeU32(this.#bytes, this.#frame(4, FrameType.RST_STREAM, 0, streamId), errorCode);
    if (this.#trace) this.#tell(FrameType.RST_STREAM, 0, streamId, 4, { errorCode: errorCodeName(errorCode) });
  }

  windowUpdate(streamId: number, increment: number): void {
    writeU32(this.#bytes, this.#frame(4, FrameType.WINDOW_UPDATE, 0, streamId), increment);
    if (this.#trace) this.#tell(FrameType.WINDOW_UPDATE, 0, streamId, 4, { increment });
  }

  goaway(lastStreamId: number, errorCode: number): void {
    const at = this.#frame(8, FrameType.GOAWAY, 0, 0);
    writeU32(this.#bytes, writeU32(this.#bytes, at, lastStreamId), errorCode);
    if (this.#trace) this.#tell(FrameType.GOAWAY, 0, 0, 8, { lastStreamId, errorCode: errorCodeName(errorCode) });
  }

  /** Moves all that waits to `target` at `at`, where there is room for `length` octets. */
  moveTo(target: Uint8Array, at: number): void {
    target.set(this.#bytes.subarray(0, this.#length), at);
    this.#length = 0;
    this.#frames = 0;
  }

  /** Appends the header and makes room for the payload; gives the payload's offset. */
  #frame(length: number, typeCode: number, flags: number, streamId: number): number {
    const needed = this.#length + FRAME_HEADER_BYTES + length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(needed * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const at = writeFrameHeader(this.#bytes, this.#length, length, typeCode, flags, streamId);
    this.#length = needed;
    this.#frames++;
    return at;
  }

  #tell(
    typeCode: number,
    flags: number,
    streamId: number,
    length: number,
    fields?: { readonly [name: string]: string | number },
  ): void {
    this.#trace?.(this.nowUs, {
      layer: 'http2',
      kind: 'frame',
      flow: this.#flow,
      dir: 'out',
      type: frameTypeName(typeCode),
      typeCode,
      streamId,
      flags,
      length,
      ...(fields === undefined ? {} : { fields }),
    });
  }
}
