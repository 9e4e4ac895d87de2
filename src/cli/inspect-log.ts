// The log of `inspect`: the lines of a live run, the first of each packet with its number, and behind them what is to be said of the
// packet.

import type { Ending } from '../bench/inspect/packets.js';
import type { InspectedPacket, Verdict } from '../bench/inspect/types.js';
import { createPalette, resolveColor } from './colors.js';
import { type ConsoleRenderer, createConsoleRenderer, PREFIXES } from './console.js';
import { hexDump } from './hex-dump.js';
import type { InspectOptions } from './inspect-options.js';
import { secondsText } from './text.js';

const MARKS: Readonly<Record<Verdict['severity'], string>> = { note: 'NOTE', warning: 'WARN', error: 'ERROR' };

export class InspectLog {
  readonly #options: InspectOptions;
  readonly #out: (text: string) => void;
  readonly #renderer: ConsoleRenderer;
  readonly #palette: ReturnType<typeof createPalette>;
  /** Of a packet of which nothing was shown yet. */
  #header = '';

  constructor(options: InspectOptions, write: (text: string) => void) {
    this.#options = options;
    this.#out = write;
    const color = resolveColor(options.color, process.env, process.stdout.isTTY === true);
    this.#palette = createPalette(color);
    const { layers, verbose, debug } = options;
    this.#renderer = createConsoleRenderer({
      color,
      layers,
      verbose,
      debug,
      namesFlows: true,
      write: (text) => this.#write(text),
    });
  }

  packet(packet: InspectedPacket): void {
    const { verbose, debug, hex, layers } = this.#options;
    if (verbose || debug || hex) {
      this.#renderer.end();
      const cut = packet.bytes.length < packet.originalLength ? ` of ${packet.originalLength}` : '';
      const time = packet.timeNs === undefined ? '' : ` +${secondsText(packet.atUs)} s`;
      const about = packet.about === undefined ? '' : `: ${packet.about}`;
      this.#header = `packet ${packet.number}${time}, ${packet.bytes.length}${cut} bytes${about}\n`;
    } else this.#renderer.label(` #${packet.number}`);
    for (const event of packet.events) this.#renderer(packet.atUs, event);
    if (packet.about !== undefined && layers?.has('ip') !== false) {
      this.#renderer.end();
      this.#write(this.#header === '' ? `${packet.about} #${packet.number}\n` : '');
    }
    for (const verdict of packet.verdicts) this.#verdict(verdict, `packet ${packet.number}`);
    if (hex) {
      this.#renderer.end();
      this.#write('');
      for (const line of hexDump(packet.bytes)) this.#write(`    ${line}\n`);
    }
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
