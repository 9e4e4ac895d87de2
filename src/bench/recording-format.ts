// The recording format, versions 1 and 2, on top of pcapng: a section header, one interface (LINKTYPE_RAW, microseconds), a custom
// block with the manifest, then packets with their direction, TLS secrets and custom blocks with the events of the run; in
// version 2 also with answers from outside (`recording-answer.ts`).
//
// The format has no enterprise number of its own. It uses 32473, which IANA keeps for examples and documentation
// (RFC 5612), so its blocks do not rely on the number: each begins with `wirebench ` and its kind, a line feed, and JSON.

import type { Micros } from '../core/types.js';
import { ANSWER_TAG, decodeAnswer, type RecordedInput } from './recording-answer.js';

/** Of a run whose requests are all answered by the core. */
export const RECORDING_FORMAT = 1;
/** Of a run with answers from outside: who does not know them could not replay it. */
export const RECORDING_FORMAT_ANSWERS = 2;
/** RFC 5612: the private enterprise number for documentation. */
export const ENTERPRISE = 32473;

/** What a run is made of, besides its input. */
export interface RecordingManifest {
  readonly format: 1 | 2;
  /** The version that wrote it. */
  readonly wirebench: string;
  readonly node?: string;
  /** 32 bytes in lower-case hex. */
  readonly seed: string;
  /** JSON; not looked into here. */
  readonly config: unknown;
  /** Microseconds since 1970-01-01 UTC at logical time 0. */
  readonly startUnixUs: number;
}

/**
 * close: the server was told to shut down. abort: what was still open was reset. Both are timed inputs of the run.
 * end: the last time that was advanced to.
 * Other names are passed on as they are; `detail` is JSON and not looked into here.
 */
export interface RunEvent {
  readonly event: 'close' | 'abort' | 'end' | (string & {});
  readonly atUs: Micros;
  readonly detail?: unknown;
}

const MANIFEST_TAG = 'wirebench manifest\n';
const EVENT_TAG = 'wirebench event\n';

export function encodeManifest(manifest: RecordingManifest): Uint8Array {
  return encode(MANIFEST_TAG, { ...manifest, config: manifest.config ?? null });
}

export function encodeEvent(event: RunEvent): Uint8Array {
  return encode(EVENT_TAG, event);
}

/** Spaces to the next multiple of 4: a custom block has no length of its own, and JSON may end in white space. */
function encode(tag: string, value: unknown): Uint8Array {
  const bytes = new TextEncoder().encode(tag + JSON.stringify(value));
  const padded = new Uint8Array((bytes.length + 3) & ~3).fill(0x20);
  padded.set(bytes);
  return padded;
}

export type DecodedBlock =
  | { readonly kind: 'manifest'; readonly manifest: RecordingManifest }
  | { readonly kind: 'event'; readonly event: RunEvent }
  | { readonly kind: 'answer'; readonly input: RecordedInput }
  | { readonly kind: 'newer'; readonly format: number; readonly wirebench: string }
  | { readonly kind: 'broken'; readonly what: string };

/** The content of a custom block of `ENTERPRISE`; undefined when it is not one of ours. Never throws. */
export function decodeBlock(data: Uint8Array): DecodedBlock | undefined {
  if (isAnswer(data)) {
    const input = decodeAnswer(data);
    return typeof input === 'string' ? broken(input) : { kind: 'answer', input };
  }
  const text = new TextDecoder().decode(data);
  if (text.startsWith(MANIFEST_TAG)) return decodeManifest(text.slice(MANIFEST_TAG.length));
  if (text.startsWith(EVENT_TAG)) return decodeEvent(text.slice(EVENT_TAG.length));
  return undefined;
}

function isAnswer(data: Uint8Array): boolean {
  if (data.length < ANSWER_TAG.length) return false;
  for (let i = 0; i < ANSWER_TAG.length; i++) if (data[i] !== ANSWER_TAG.charCodeAt(i)) return false;
  return true;
}

function decodeManifest(text: string): DecodedBlock {
  const value = parseObject(text);
  if (value === undefined) return broken('the manifest is not a JSON object');
  const { format, wirebench, node, seed, config, startUnixUs } = value;
  if (typeof format !== 'number' || !Number.isSafeInteger(format) || format < 1) {
    return broken('the manifest has no format number');
  }
  // Before anything else is looked at: a newer format may have other fields.
  if (format > RECORDING_FORMAT_ANSWERS) {
    return { kind: 'newer', format, wirebench: typeof wirebench === 'string' ? wirebench : 'unknown' };
  }
  if (typeof wirebench !== 'string') return broken('manifest.wirebench is not a text');
  if (node !== undefined && typeof node !== 'string') return broken('manifest.node is not a text');
  if (typeof seed !== 'string' || !/^[0-9a-f]{64}$/.test(seed)) return broken('manifest.seed is not 64 hex digits');
  if (typeof startUnixUs !== 'number' || !Number.isSafeInteger(startUnixUs) || startUnixUs < 0) {
    return broken('manifest.startUnixUs is not a time');
  }
  if (config === undefined) return broken('manifest.config is missing');
  const manifest = { format: format as 1 | 2, wirebench, seed, config, startUnixUs };
  return { kind: 'manifest', manifest: node === undefined ? manifest : { ...manifest, node } };
}

function decodeEvent(text: string): DecodedBlock {
  const value = parseObject(text);
  if (value === undefined) return broken('an event is not a JSON object');
  const { event, atUs, detail } = value;
  if (typeof event !== 'string') return broken('an event has no name');
  if (typeof atUs !== 'number' || !Number.isSafeInteger(atUs) || atUs < 0) return broken(`event ${event} has no time`);
  return { kind: 'event', event: detail === undefined ? { event, atUs } : { event, atUs, detail } };
}

function broken(what: string): DecodedBlock {
  return { kind: 'broken', what };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
