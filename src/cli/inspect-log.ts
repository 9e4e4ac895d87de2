// The log of `inspect`: the lines of a live run, the first of each packet with its number, and behind them what is to be said of the
// packet.

import type { Ending } from '../bench/inspect/packets.js';
import type { InspectedPacket, Verdict } from '../bench/inspect/types.js';
import { createPalette, resolveColor } from './colors.js';
import { type ConsoleRenderer, createConsoleRenderer, PREFIXES } from './console.js';
import { hexDump } from './hex-dump.js';
import type { InspectOptions } from './inspect-options.js';
import { packetTime, type TimeStyle } from './packet-time.js';
import { terminalWidth } from './show.js';

const MARKS: Readonly<Record<Verdict['severity'], string>> = { note: 'NOTE', warning: 'WARN', error: 'ERROR' };

export class InspectLog {
  readonly #options: InspectOptions;
  readonly #out: (text: string) => void;
  readonly #renderer: ConsoleRenderer;
  readonly #palette: ReturnType<typeof createPalette>;
  /** Of a packet of which nothing was shown yet. */
  #header = '';
  /** Of the packet that was shown before. */
  #previousNs: bigint | undefined;
  /** When the capture began. */
  #firstNs = 0n;

  constructor(options: InspectOptions, write: (text: string) => void) {
    this.#options = options;
    this.#out = write;
    const color = resolveColor(options.color, process.env, process.stdout.isTTY === true);
    this.#palette = createPalette(color);
    const { layers, verbose, debug, time } = options;
    const isUnix = time === 'absolute' || time === 'epoch';
    this.#renderer = createConsoleRenderer({
      color,
      layers,
      verbose,
      debug,
      namesFlows: true,
      width: terminalWidth(),
      ...(isUnix && { timeText: (atUs) => this.#unixTime(atUs, time) }),
      write: (text) => this.#write(text),
    });
  }

  packet(packet: InspectedPacket): void {
    const { verbose, debug, hex, layers, time: style } = this.#options;
    const label = ` #${packet.number}${style === undefined ? '' : this.#timeOf(packet, style)}`;
    if (verbose || debug || hex) {
      this.#renderer.end();
      const cut = packet.bytes.length < packet.originalLength ? ` of ${packet.originalLength}` : '';
      const shown = this.#timeOf(packet, style ?? 'relative');
      const time = shown === '' || style === 'absolute' ? shown : `${shown} s`;
      const about = packet.about === undefined ? '' : `: ${packet.about}`;
      this.#header = `packet ${packet.number}${time}, ${packet.bytes.length}${cut} bytes${about}\n`;
    } else this.#renderer.label(label);
    for (const event of packet.events) this.#renderer(packet.atUs, event);
    if (packet.about !== undefined && layers?.has('ip') !== false) {
      this.#renderer.end();
      this.#write(this.#header === '' ? `${packet.about}${label}\n` : '');
    }
    this.#previousNs = packet.timeNs ?? this.#previousNs;
    for (const verdict of packet.verdicts) this.#verdict(verdict, `packet ${packet.number}`);
    if (hex) {
      this.#renderer.end();
      this.#write('');
      for (const line of hexDump(packet.bytes)) this.#write(`    ${line}\n`);
    }
  }

  /** Of a line with -v, which has a time of its own. */
  #unixTime(atUs: number, style: TimeStyle): string {
    const timeNs = this.#firstNs + BigInt(atUs) * 1000n;
    return packetTime(style, { timeNs, firstNs: this.#firstNs, previousNs: undefined });
  }

  /** With a space in front; empty where the capture has no time. */
  #timeOf({ timeNs, atUs }: InspectedPacket, style: TimeStyle): string {
    if (timeNs === undefined) return '';
    // `atUs` is cut to microseconds: what is shown of the first packet's time is as exact as that.
    this.#firstNs = timeNs - BigInt(atUs) * 1000n;
    return ` ${packetTime(style, { timeNs, firstNs: this.#firstNs, previousNs: this.#previousNs })}`;
  }

  end(endings: readonly Ending[]): void {
    this.#renderer.end();
    for (const { flow, verdicts } of endings) {
      for (const verdict of verdicts) this.#verdict(verdict, `at the end of ${flow}`);
    }
  }

  /** A packet's header comes only with something below it. */
  #write(text: string): void {
    const header = this.#header;
    this.#header = '';
    this.#out(header + text);
  }

  #verdict({ severity, layer, code, text, rule }: Verdict, where: string): void {
    if (this.#options.layers?.has(layer) === false) return;
    // What a packet without IP is, its line says.
    if (code === 'no-ip') return;
    // What usually happens is for those who look closely.
    if (severity === 'note' && !NOTED.has(layer) && !this.#options.verbose && !this.#options.debug) return;
    this.#renderer.end();
    const { name, depth } = PREFIXES[layer];
    const paint = severity === 'note' ? this.#palette.layers[layer] : this.#palette[severity];
    const cited = rule === undefined ? '' : ` (${rule})`;
    this.#write(`${'  '.repeat(depth)}${paint(`${name} [${MARKS[severity]}] ${where}: ${text}${cited}`)}\n`);
  }
}

const NOTED = new Set(['tcp', 'tls', 'http1', 'http2']);
