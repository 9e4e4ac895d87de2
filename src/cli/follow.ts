// `inspect --follow`: what the two ends of one connection said to each other, in the order in which it came: decrypted, of HTTP/2 one
// stream on request. What comes is printed at once; nothing is held but what one packet completes.

import type { ConversationOptions, ConversationReader, FollowedData, InspectedPacket } from '../bench/inspect/types.js';
import type { Direction } from '../core/trace.js';
import { hexDump } from './hex-dump.js';
import { integerIn, quoted, UsageError } from './values.js';

export interface FollowOptions {
  /** `tcp.stream`, or the name of a flow. */
  readonly connection: number | string;
  /** Of HTTP/2; undefined: the bytes of the connection. */
  readonly streamId: number | undefined;
}

/** `3`, `3/1`, `10.0.0.1:49152>10.0.0.2:443#0`, and the same with a stream. */
export function followOptions(option: string, text: string): FollowOptions {
  const [, connection = '', stream] = /^([^/]+)(?:\/([0-9]+))?$/.exec(text) ?? [];
  const streamId = stream === undefined ? undefined : integerIn(option, stream, 0, 0x7fff_ffff);
  if (/^[0-9]+$/.test(connection)) return { connection: integerIn(option, connection, 0, 999_999_999), streamId };
  if (/^[^\s#]+>[^\s#]+(#[0-9]+)?$/.test(connection)) {
    return { connection: connection.includes('#') ? connection : `${connection}#0`, streamId };
  }
  const advice =
    'Write the number that --conversations shows (3), or CLIENT>SERVER#0; behind a slash a stream of HTTP/2 (3/1).';
  throw new UsageError(`${option}: ${quoted(text)} names no connection`, advice);
}

const MARKS: Readonly<Record<Direction, string>> = { in: '>', out: '<' };
const LF = 0x0a;
const CR = 0x0d;

export class Follower {
  readonly #options: FollowOptions;
  readonly #hex: boolean;
  readonly #write: (text: string) => void;
  /** Of the packet at hand. */
  #came: FollowedData[] = [];
  /** Whose line is not ended yet. */
  #open: Direction | undefined;
  readonly #offsets: Record<Direction, number> = { in: 0, out: 0 };
  #met = false;
  #streamsMet = false;
  #shown = false;

  constructor(options: FollowOptions, hex: boolean, write: (text: string) => void) {
    this.#options = options;
    this.#hex = hex;
    this.#write = write;
  }

  /** The same readers, the one of the connection with somebody who follows. */
  following(create: (options: ConversationOptions) => ConversationReader) {
    const { connection, streamId } = this.#options;
    return (options: ConversationOptions): ConversationReader => {
      const isIt = typeof connection === 'number' ? options.stream === connection : options.flow === connection;
      if (!isIt) return create(options);
      this.#met = true;
      const onData = (data: FollowedData): void => {
        this.#streamsMet ||= data.streamId !== undefined;
        if (data.streamId !== streamId) return;
        this.#came.push(data.bytes === undefined ? data : { ...data, bytes: data.bytes.slice() });
      };
      return create({ ...options, onData });
    };
  }

  view(): { look(packet: InspectedPacket, passes: boolean): void; packet(): void; end(): void } {
    return {
      look: (_packet, passes) => this.#take(passes),
      packet: () => {},
      // What waited for its rest belongs to no packet.
      end: () => this.#end(),
    };
  }

  #take(passes: boolean): void {
    const came = this.#came;
    if (came.length === 0) return;
    this.#came = [];
    if (passes) for (const data of came) this.#show(data);
  }

  #end(): void {
    this.#take(this.#shown);
    this.#endLine();
    if (this.#shown) return;
    const { connection, streamId } = this.#options;
    const what = !this.#met
      ? `there is no data of a connection ${connection}; --conversations lists them`
      : streamId === undefined
        ? 'nothing that the connection carries can be shown: see its verdicts in the log'
        : this.#streamsMet
          ? `there is no stream ${streamId} in connection ${connection}`
          : `connection ${connection} has no streams of HTTP/2 that can be read`;
    process.stderr.write(`wirebench: ${what}\n`);
  }

  #show({ dir, bytes, fields, missing }: FollowedData): void {
    this.#shown = true;
    if (fields !== undefined) {
      const lines = fields.map(([name, value]) => `${name}: ${value}\n`).join('');
      this.#bytes(dir, Buffer.from(`${lines}\n`, 'latin1'));
    } else if (bytes !== undefined) this.#bytes(dir, bytes);
    else {
      this.#endLine();
      this.#write(`${MARKS[dir]}! ${missing === undefined ? 'bytes' : `${missing} bytes`} are not in the capture\n`);
      this.#offsets[dir] += missing ?? 0;
    }
  }

  #bytes(dir: Direction, bytes: Uint8Array): void {
    if (this.#hex) {
      for (const line of hexDump(bytes, this.#offsets[dir])) this.#write(`${MARKS[dir]} ${line}\n`);
      this.#offsets[dir] += bytes.length;
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      if (this.#open !== dir) {
        this.#endLine();
        this.#write(MARKS[dir]);
        this.#write(' ');
        this.#open = dir;
      }
      const lf = bytes.indexOf(LF, at);
      const end = lf < 0 ? bytes.length : lf;
      const textEnd = lf > at && bytes[lf - 1] === CR ? lf - 1 : end;
      this.#write(safe(bytes.subarray(at, textEnd)));
      if (lf >= 0) this.#endLine();
      at = end + 1;
    }
  }

  #endLine(): void {
    if (this.#open !== undefined) this.#write('\n');
    this.#open = undefined;
  }
}

/** Printable ASCII as it is, a backslash twice, all others as `\x1b`. */
function safe(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return text.replace(/[^\x20-\x5b\x5d-\x7e]/g, (character) => {
    if (character === '\\') return '\\\\';
    return character === '\t' ? '\\t' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
