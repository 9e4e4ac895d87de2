// Reads recordings: the manifest first, then packets, events and secrets in the order of the run. What a replay relies on
// (times, directions, whole packets) is checked here, so that a changed or foreign file is named and not replayed.

import type { Direction } from '../core/trace.js';
import type { Micros } from '../core/types.js';
import {
  CaptureError,
  type Custom,
  captureLimits,
  heldBytes,
  LINKTYPE,
  openCapture,
  type Packet,
  readBefore,
  SECRETS_TLS_KEY_LOG,
  tooLarge,
} from '../io/capture.js';
import type { RecordedInput } from './recording-answer.js';
import {
  decodeBlock,
  ENTERPRISE,
  RECORDING_FORMAT_ANSWERS,
  type RecordingManifest,
  type RunEvent,
} from './recording-format.js';

export type RecordingItem = ManifestItem | RecordedPacket | RecordedEvent | RecordedAnswer | RecordedSecrets;

export interface ManifestItem {
  readonly kind: 'manifest';
  readonly manifest: RecordingManifest;
  readonly fileOffset: number;
}

export interface RecordedPacket {
  readonly kind: 'packet';
  /** 1 is the first packet. */
  readonly index: number;
  /** The number that Wireshark shows: it counts custom blocks too. */
  readonly frameNumber: number;
  readonly atUs: Micros;
  readonly dir: Direction;
  /** An IP packet. It stays valid. */
  readonly data: Uint8Array;
  readonly fileOffset: number;
}

export interface RecordedEvent extends RunEvent {
  readonly kind: 'event';
  readonly fileOffset: number;
}

/** An answer from outside. Its bytes stay valid. */
export interface RecordedAnswer extends RecordedInput {
  readonly kind: 'answer';
  readonly fileOffset: number;
}

export interface RecordedSecrets {
  readonly kind: 'secrets';
  /** Lines of an NSS key log, each with its line feed. */
  readonly text: string;
  readonly fileOffset: number;
}

/**
 * The manifest is always the first item. Streams in bounded memory. Raises CaptureError: `not-a-recording`,
 * `newer-format`, or what reading the capture meets, after all items before that place.
 */
export async function* readRecording(file: string): AsyncGenerator<RecordingItem, void, undefined> {
  const reader = new RecordingReader(file);
  let last = 0;
  for await (const item of openCapture(file)) {
    last = item.fileOffset;
    switch (item.kind) {
      case 'custom': {
        const own = reader.custom(item);
        if (own !== undefined) yield own;
        break;
      }
      case 'packet':
        yield reader.packet(item);
        break;
      case 'secrets':
        if (item.secretsType !== SECRETS_TLS_KEY_LOG) break;
        reader.needsManifest(item.fileOffset);
        yield { kind: 'secrets', text: new TextDecoder().decode(item.data), fileOffset: item.fileOffset };
        break;
      case 'section':
      case 'interface':
        break;
      default:
        item satisfies never;
    }
  }
  reader.needsManifest(last);
}

export interface Recording {
  readonly manifest: RecordingManifest;
  /** In the order of the run. */
  readonly timeline: readonly (RecordedPacket | RecordedEvent | RecordedAnswer)[];
  /** The whole key log. */
  readonly keyLog: string;
}

/** All of a recording at once, up to `maxBytes` of it. Raises CaptureError, also when the file is cut off. */
export async function loadRecording(file: string, maxBytes: number = captureLimits.loadBytes): Promise<Recording> {
  let manifest: RecordingManifest | undefined;
  const timeline: (RecordedPacket | RecordedEvent | RecordedAnswer)[] = [];
  const keyLog: string[] = [];
  let bytes = 0;
  for await (const item of readRecording(file)) {
    bytes += heldBytes(item) + (item.kind === 'secrets' ? item.text.length : 0);
    if (bytes > maxBytes) throw tooLarge(file, item.fileOffset, maxBytes);
    if (item.kind === 'manifest') manifest = item.manifest;
    else if (item.kind === 'secrets') keyLog.push(item.text);
    else timeline.push(item);
  }
  return { manifest: manifest!, timeline, keyLog: keyLog.join('') };
}

class RecordingReader {
  readonly #file: string;
  #manifest: RecordingManifest | undefined;
  #startNs = 0n;
  #packets = 0;
  #customBlocks = 0;
  #lastInputUs: Micros = 0;

  constructor(file: string) {
    this.#file = file;
  }

  custom(item: Custom): ManifestItem | RecordedEvent | RecordedAnswer | undefined {
    this.#customBlocks++;
    const { fileOffset } = item;
    const decoded = item.enterprise === ENTERPRISE ? decodeBlock(item.data) : undefined;
    switch (decoded?.kind) {
      case undefined:
        return undefined;
      case 'manifest':
        if (this.#manifest !== undefined) {
          throw this.#fault(
            'corrupt',
            fileOffset,
            'a second manifest: these are several recordings in one file',
            SPLIT,
          );
        }
        this.#manifest = decoded.manifest;
        this.#startNs = BigInt(decoded.manifest.startUnixUs) * 1000n;
        return { kind: 'manifest', manifest: decoded.manifest, fileOffset };
      case 'event':
        this.needsManifest(fileOffset);
        this.#input(decoded.event.atUs, fileOffset);
        return { kind: 'event', ...decoded.event, fileOffset };
      case 'answer':
        this.needsManifest(fileOffset);
        this.#input(decoded.input.atUs, fileOffset);
        return { kind: 'answer', ...decoded.input, fileOffset };
      case 'newer': {
        const what = `recording format ${decoded.format}, written by wirebench ${decoded.wirebench}; this one knows up to ${RECORDING_FORMAT_ANSWERS}`;
        throw this.#fault('newer-format', fileOffset, what, 'Use that version, or a newer one');
      }
      case 'broken':
        throw this.#fault('corrupt', fileOffset, decoded.what, AGAIN);
    }
  }

  packet(packet: Packet): RecordedPacket {
    const { fileOffset, index, direction, data, timeNs } = packet;
    this.needsManifest(fileOffset);
    if (direction === undefined) throw this.#fault('corrupt', fileOffset, `packet ${index} has no direction`, AGAIN);
    if (packet.linkType !== LINKTYPE.RAW) {
      throw this.#fault('corrupt', fileOffset, `packet ${index} has link type ${packet.linkType}, not raw IP`, AGAIN);
    }
    if (packet.originalLength !== data.length) {
      const what = `packet ${index} was cut from ${packet.originalLength} to ${data.length} bytes`;
      throw this.#fault('corrupt', fileOffset, what, AGAIN);
    }
    const sinceNs = (timeNs ?? -1n) - this.#startNs;
    if (timeNs === undefined || sinceNs < 0n || sinceNs % 1000n !== 0n) {
      throw this.#fault('corrupt', fileOffset, `the time of packet ${index} is not one of this run`, AGAIN);
    }
    const atUs = Number(sinceNs / 1000n);
    if (!Number.isSafeInteger(atUs)) {
      throw this.#fault('corrupt', fileOffset, `the time of packet ${index} is out of range`, AGAIN);
    }
    // Only input is in order: a timer's packet bears its deadline, and may be drained after a later packet came in.
    if (direction === 'in') this.#input(atUs, fileOffset);
    this.#packets++;
    return {
      kind: 'packet',
      index,
      frameNumber: index + this.#customBlocks,
      atUs,
      dir: direction,
      data,
      fileOffset,
    };
  }

  needsManifest(fileOffset: number): void {
    if (this.#manifest !== undefined) return;
    const advice =
      'Make one with `wirebench serve --record FILE`, or look into this capture with `wirebench inspect FILE`';
    throw this.#fault(
      'not-a-recording',
      fileOffset,
      'this is no wirebench recording: no manifest at its beginning',
      advice,
    );
  }

  #input(atUs: Micros, fileOffset: number): void {
    if (atUs < this.#lastInputUs) {
      const what = `time runs backwards, from ${this.#lastInputUs} to ${atUs} µs: the packets were put in another order`;
      throw this.#fault('corrupt', fileOffset, what, AGAIN);
    }
    this.#lastInputUs = atUs;
  }

  #fault(
    kind: 'corrupt' | 'not-a-recording' | 'newer-format',
    fileOffset: number,
    what: string,
    advice: string,
  ): CaptureError {
    const text = kind === 'corrupt' ? `${what}; ${readBefore(this.#packets)}` : what;
    const error = new CaptureError(kind, this.#file, fileOffset, text, advice);
    error.packetsRead = this.#packets;
    return error;
  }
}

const AGAIN = 'Use the recording as it was written, or record again';
const SPLIT = 'Use the files that were merged';
