// The trace as JSON lines: a manifest, then one event a line. The form of golden files: fields in the order of the
// schema whoever made the event, ASCII only, no wall time. Described in docs/trace.md.

import type { TraceEvent } from '../core/trace.js';
import type { Micros } from '../core/types.js';
import type { Renderer } from './console.js';
import { asciiJson } from './text.js';
import { type EventName, TRACE_FIELDS, TRACE_SCHEMA } from './trace-schema.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface JsonlOptions {
  readonly write: (text: string) => void;
  /** What the run was made of; written after `schema` and `kind`, in the order given. */
  readonly manifest: { readonly [key: string]: JsonValue } & { readonly schema?: never; readonly kind?: never };
  /** Whether `tls.secret` events are written. They open the connection to whoever reads the log: off unless asked for. */
  readonly secrets?: boolean | undefined;
}

/** Writes the manifest at once. Each `write` gets one whole line. */
export function createJsonlRenderer({ write, manifest, secrets = false }: JsonlOptions): Renderer {
  write(jsonLine({ schema: TRACE_SCHEMA, kind: 'wirebench-trace', ...manifest }));
  const show = (atUs: Micros, event: TraceEvent): void => {
    if (event.kind === 'secret' && !secrets) return;
    write(jsonLine(inOrder(atUs, event)));
  };
  // Nothing is held back, so there is nothing to do at the end.
  return Object.assign(show, { end: () => {} });
}

const FIELD_ORDER: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(TRACE_FIELDS).map(([name, fields]) => [name, Object.keys(fields)]),
);

function inOrder(atUs: Micros, event: TraceEvent): Record<string, unknown> {
  const name: EventName = `${event.layer}.${event.kind}` as EventName;
  const values = event as unknown as Readonly<Record<string, unknown>>;
  const ordered: Record<string, unknown> = { atUs, layer: event.layer, kind: event.kind };
  for (const field of FIELD_ORDER.get(name)!) if (values[field] !== undefined) ordered[field] = values[field];
  return ordered;
}

const jsonLine = (value: Record<string, unknown>): string => `${asciiJson(value)}\n`;
