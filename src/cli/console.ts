// The console log: one indented, coloured line an event, in the format of the teaching stack this grew from.
//
//   [IP] RCV 10.0.0.1 -> 10.0.0.2 TCP ttl=64 len=60 DF
//     [TCP] RCV 10.0.0.1:49152 -> 10.0.0.2:443 SYN seq=... win=...
//       [TLS] ClientHello TLS1.2 sni=... alpn=h2,http/1.1
//         [H2] HEADERS stream=1 END_STREAM GET /
//
// Presentation only: words are in lines/, colours in colors.ts, folding in fold.ts.

import type { Layer, TraceEvent } from '../core/trace.js';
import type { Micros } from '../core/types.js';
import { createPalette, type Palette } from './colors.js';
import { FoldRun, foldSlot } from './fold.js';
import { describe, levelOf } from './lines/describe.js';
import { DEBUG, type Level, NORMAL, VERBOSE } from './lines/line.js';
import { secondsText, token } from './text.js';

/** Shows events one by one, in the order of the trace. */
export interface Renderer {
  (atUs: Micros, event: TraceEvent): void;
  /** Shows what is still held back. Called at the end, and wherever a reader is to see all there is so far. */
  end(): void;
}

export interface ConsoleRenderer extends Renderer {
  /** The first of the lines from here on that is not a count ends in `text`: where it stands in a capture. */
  label(text: string): void;
}

export interface ConsoleOptions {
  readonly color: boolean;
  /** The layers that are shown; all when absent. */
  readonly layers?: ReadonlySet<Layer> | undefined;
  /** Adds field detail, inner state and a time column. */
  readonly verbose: boolean;
  /** Adds everything else, and folds nothing. */
  readonly debug: boolean;
  readonly write: (text: string) => void;
  /** Columns of the terminal: longer lines of detail go on below, indented. Absent: no line is broken. */
  readonly width?: number | undefined;
  /** When given, the time column shows Unix time instead of the time since the run began. */
  readonly startUnixUs?: number | undefined;
  /** When given, the time column shows this. */
  readonly timeText?: ((atUs: Micros) => string) | undefined;
  /** The first line of each flow names it; otherwise only where the log turns from one flow to another. */
  readonly namesFlows?: boolean;
}

interface Label {
  readonly text: string;
  used: boolean;
}

/** Flows that are remembered as named. */
const MOST_FLOWS = 100_000;

export function createConsoleRenderer(options: ConsoleOptions): ConsoleRenderer {
  const log = new ConsoleLog(options);
  const show = (atUs: Micros, event: TraceEvent): void => log.show(atUs, event);
  return Object.assign(show, { label: (text: string) => log.label(text), end: () => log.end() });
}

/** The prefix that names a layer, with or without colour, and its depth: two spaces each. */
export const PREFIXES: Readonly<Record<Layer, { readonly name: string; readonly depth: number }>> = {
  ip: { name: '[IP]', depth: 0 },
  icmp: { name: '[ICMP]', depth: 1 },
  tcp: { name: '[TCP]', depth: 1 },
  tls: { name: '[TLS]', depth: 2 },
  http1: { name: '[HTTP]', depth: 3 },
  http2: { name: '[H2]', depth: 3 },
  http: { name: '[HTTP]', depth: 3 },
};

/** What the second and further lines of a detail are indented by. */
const HANGING = '  ';
/** Less room than this is none: the terminal breaks lines as it likes. */
const LEAST_ROOM = 20;

/** Broken behind commas and blanks; a word that is longer than `room` stays whole. */
export function wrapped(text: string, room: number): string[] {
  if (text.length <= room || room < LEAST_ROOM) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.match(/[^ ,]*[ ,]*/g) ?? []) {
    const most = lines.length === 0 ? room : room - HANGING.length;
    if (line !== '' && line.length + word.trimEnd().length > most) {
      lines.push(line.trimEnd());
      line = '';
    }
    line += word;
  }
  if (line !== '') lines.push(line.trimEnd());
  return lines;
}

type IpPacket = Extract<TraceEvent, { layer: 'ip'; kind: 'packet' }>;

class ConsoleLog {
  readonly #options: ConsoleOptions;
  readonly #level: Level;
  readonly #palette: Palette;
  readonly #run = new FoldRun();
  /** When the last line was counted instead of shown: the time of the line that tells the count. */
  #countedAtUs: Micros = 0;
  /** An arrived TCP packet whose segment is not known yet: a SYN or FIN ends a run, and its packet belongs behind that end. */
  #held: { readonly atUs: Micros; readonly packet: IpPacket; readonly label: Label } | undefined;
  #label: Label = { text: '', used: true };
  /** HTTP/1.1 or HTTP/2 lines tell requests and responses, so that the `http` layer need not say them again. */
  #wireHttpSeen = false;
  #lastFlow: string | undefined;
  readonly #namedFlows = new Set<string>();

  constructor(options: ConsoleOptions) {
    this.#options = options;
    this.#level = options.debug ? DEBUG : options.verbose ? VERBOSE : NORMAL;
    this.#palette = createPalette(options.color);
  }

  show(atUs: Micros, event: TraceEvent): void {
    if (event.layer === 'http1' || event.layer === 'http2') this.#wireHttpSeen ||= this.#isShown(event.layer);
    if (levelOf(event) > this.#level) return;
    if (event.layer === 'http' && this.#wireHttpSeen && this.#level < DEBUG) return;
    if (this.#level === DEBUG) {
      this.#print(atUs, event);
      return;
    }
    const slot = foldSlot(event);
    if (slot < 0) this.#endRun();
    this.#releaseHeld();
    if (event.layer === 'ip' && event.kind === 'packet' && slot >= 0 && event.dir === 'in') {
      this.#held = { atUs, packet: event, label: this.#label };
    } else if (slot < 0) {
      this.#print(atUs, event);
      // What follows is a new run, whatever packet was just released.
      this.#endRun();
    } else {
      this.#printOrCount(atUs, event, slot, this.#label);
    }
  }

  label(text: string): void {
    this.#label = { text, used: false };
  }

  end(): void {
    this.#releaseHeld();
    this.#endRun();
  }

  #releaseHeld(): void {
    if (this.#held === undefined) return;
    const { atUs, packet, label } = this.#held;
    this.#held = undefined;
    this.#printOrCount(atUs, packet, foldSlot(packet), label);
  }

  #printOrCount(atUs: Micros, event: TraceEvent, slot: number, label: Label): void {
    if (this.#run.add(slot, 'length' in event ? (event.length ?? 0) : 0)) this.#print(atUs, event, label);
    else this.#countedAtUs = atUs;
  }

  #endRun(): void {
    for (const { layer, text } of this.#run.end()) {
      if (this.#isShown(layer)) this.#write(this.#countedAtUs, layer, text, this.#palette.layers[layer]);
    }
  }

  #print(atUs: Micros, event: TraceEvent, label = this.#label): void {
    if (!this.#isShown(event.layer)) return;
    const line = describe(event, this.#level);
    const paint = line.tone === 'plain' ? this.#palette.layers[event.layer] : this.#palette[line.tone];
    this.#write(atUs, event.layer, line.text + this.#flowText(event), paint, label);
    if (this.#level === NORMAL) return;
    const indent = ' '.repeat(this.#timeText(atUs).length + 2 * PREFIXES[event.layer].depth + 4);
    const { width } = this.#options;
    for (const detail of line.details) {
      const parts = width === undefined ? [detail] : wrapped(detail, width - indent.length);
      for (const [at, part] of parts.entries())
        this.#options.write(`${indent}${at > 0 ? HANGING : ''}${paint(part)}\n`);
    }
  }

  #write(atUs: Micros, layer: Layer, text: string, paint: (text: string) => string, label?: Label): void {
    const { name, depth } = PREFIXES[layer];
    const end = label === undefined || label.used ? '' : this.#palette.dim(label.text);
    if (label !== undefined) label.used = true;
    this.#options.write(`${this.#timeText(atUs)}${'  '.repeat(depth)}${paint(`${name} ${text}`)}${end}\n`);
  }

  /** `+0.003211 ` */
  #timeText(atUs: Micros): string {
    if (this.#level === NORMAL) return '';
    const { startUnixUs, timeText } = this.#options;
    if (timeText !== undefined) return `${timeText(atUs)} `;
    return startUnixUs === undefined ? `+${secondsText(atUs)} ` : `${secondsText(startUnixUs + atUs)} `;
  }

  /** A line names its flow where the log turns from one flow to another; a segment's line has the addresses in it already. */
  #flowText(event: TraceEvent): string {
    const flow = 'flow' in event ? event.flow : undefined;
    if (flow === undefined || flow === this.#lastFlow) return '';
    const turned = this.#lastFlow !== undefined;
    this.#lastFlow = flow;
    if (this.#options.namesFlows && !this.#namedFlows.has(flow)) {
      if (this.#namedFlows.size < MOST_FLOWS) this.#namedFlows.add(flow);
      return ` flow=${token(flow)}`;
    }
    return turned && !(event.layer === 'tcp' && event.kind === 'segment') ? ` flow=${token(flow)}` : '';
  }

  #isShown(layer: Layer): boolean {
    return this.#options.layers?.has(layer) ?? true;
  }
}
