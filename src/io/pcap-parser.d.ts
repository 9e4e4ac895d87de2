// The part of the npm package pcap-parser 0.2.1 that `pcap.ts` uses; the package has no types of its own.

declare module 'pcap-parser' {
  import type { EventEmitter } from 'node:events';

  export interface ParsedPacket {
    header: {
      timestampSeconds: number;
      /** The fraction field as it is in the file. */
      timestampMicroseconds: number;
      capturedLength: number;
      originalLength: number;
    };
    data: Buffer;
  }

  /** Reads what `input` emits as `data`; packets and errors are emitted during that call. */
  export function parse(input: EventEmitter & { pause(): void; resume(): void }): EventEmitter;
}
