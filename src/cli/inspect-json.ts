// `inspect --json`: a line that names the schema, one line a packet, and a line with the summary. docs/inspect.md has the fields.

import type { KeyLog } from '../bench/inspect/keys.js';
import type { InspectSummary } from '../bench/inspect/packets.js';
import type { InspectedField, InspectedPacket } from '../bench/inspect/types.js';
import type { Tally } from './inspect-summary.js';
import { asciiJson } from './text.js';

/** Grows when a field changes its meaning or goes; new fields do not count. */
export const INSPECT_SCHEMA = 1;

export function schemaJson(capture: string): string {
  return line({ schema: INSPECT_SCHEMA, kind: 'wirebench-inspect', capture });
}

/** `withBytes`: the packet as it was captured, in hex. */
export function packetJson(packet: InspectedPacket, withBytes = false): string {
  const { number, timeNs, flow, about, verdicts, events } = packet;
  return line({
    kind: 'packet',
    number,
    ...(timeNs !== undefined && { time: timeText(timeNs) }),
    fileOffset: packet.fileOffset,
    length: packet.originalLength,
    captured: packet.bytes.length,
    ...(flow !== undefined && { flow }),
    ...(about !== undefined && { about }),
    layers: packet.layers.map(({ name, fields }) => ({ name, fields: fieldsObject(fields) })),
    ...(verdicts.length > 0 && { verdicts }),
    events,
    ...(withBytes && { bytes: hexOf(packet.bytes) }),
  });
}

export function summaryJson(summary: InspectSummary, tally: Tally, keys: KeyLog): string {
  return line({ kind: 'summary', ...tally.facts(), forgotten: summary.forgotten, secrets: keys.count });
}

/** A name that comes several times has a list of its values, in their order. */
function fieldsObject(fields: readonly InspectedField[]): Record<string, unknown> {
  const values = new Map<string, unknown>();
  const many = new Set<string>();
  for (const { name, value } of fields) {
    const before = values.get(name);
    const shown = jsonValue(value);
    if (before === undefined) values.set(name, shown);
    else if (many.has(name)) (before as unknown[]).push(shown);
    else {
      values.set(name, [before, shown]);
      many.add(name);
    }
  }
  return Object.fromEntries(values);
}

function jsonValue(value: InspectedField['value']): string | number | boolean {
  if (value instanceof Uint8Array) return hexOf(value);
  return typeof value === 'bigint' ? String(value) : value;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** Seconds since 1970 with nanoseconds: more digits than a number holds. */
export function timeText(timeNs: bigint): string {
  const seconds = timeNs / 1_000_000_000n;
  return `${seconds}.${String(timeNs % 1_000_000_000n).padStart(9, '0')}`;
}

const line = (value: Record<string, unknown>): string => `${asciiJson(value)}\n`;
