// Holds the inspector against tshark: for each capture, every field that the inspector knows or makes is asked of tshark too, and
// compared frame by frame, all values in their order. A key log beside a capture (NAME.keys) is given to both.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConversation } from '../../src/bench/inspect/conversation.js';
import { INSPECTED_FIELDS } from '../../src/bench/inspect/fields.js';
import { createKeyStore } from '../../src/bench/inspect/keys.js';
import { inspectCapture } from '../../src/bench/inspect/packets.js';
import type { InspectedField } from '../../src/bench/inspect/types.js';
import { projectRoot } from './live.js';

/** Fields that are not compared, each with its reason. */
const LEFT_OUT = new Map<RegExp, string>([
  [
    /\.checksum\.status$/,
    'tshark does not verify unless told to, and then takes what a network card was to fill in for wrong',
  ],
  [/^frame\.time_(epoch|relative)$/, 'rounded in another way'],
  [
    /^tcp\.analysis\.(?!acks_frame$|ack_rtt$|initial_rtt$|bytes_in_flight$)/,
    'judgements, of which time limits are a matter of taste',
  ],
  [/^frame\.protocols$/, 'tshark takes content apart further: JSON, certificates, lines of text'],
  [/^_ws\.expert$/, 'one for each of its own notes; for us one for each verdict'],
  [
    /^http\.(request_in|response_in|request_number|response_number)$/,
    'links of its own: tshark counts 100 Continue as a response',
  ],
  [/^http2\.data\.data$/, 'for the last DATA frame of a message tshark shows the whole content, decoded'],
]);

/** Newer versions of Wireshark have them, the one of Debian 12 does not. */
export const NEWER_FIELDS: ReadonlySet<string> = new Set(['http2.request_in', 'http2.time']);

/** How tshark puts streams together as the inspector does. */
export const PREFERENCES = [
  'tcp.relative_sequence_numbers:TRUE',
  'tcp.desegment_tcp_streams:TRUE',
  'tcp.reassemble_out_of_order:TRUE',
  'tls.desegment_ssl_records:TRUE',
  'http.desegment_headers:TRUE',
  'http.desegment_body:TRUE',
].flatMap((preference) => ['-o', preference]);

/**
 * Where the two differ and ours is right; every reason is one of these.
 * - A response of HTTP/1 that ends with its connection is complete at the FIN: tshark knows no such end within TLS, and shows no
 *   message that lacks bytes.
 * - Of content with a zero octet in it, tshark's text ends there.
 * - Of a packet within an ICMP error tshark tells times, stream and text, as if it had been captured.
 * - Of several responses in one packet tshark tells the time of one.
 * - A custom block is a frame for tshark, of the year 1970.
 */
function explained(
  name: string,
  theirs: readonly string[],
  ours: readonly string[],
  frame: ReadonlyMap<string, readonly string[]>,
): boolean {
  const ends = frame.get('tcp.flags.fin')?.[0] === '1' || frame.get('tcp.flags.reset')?.[0] === '1';
  if (name.startsWith('http.') && theirs.length === 0 && ends) return true;
  const isQuoted = frame.has('icmp.type') || frame.has('icmpv6.type');
  if (isQuoted && ours.length === 0 && QUOTED.test(name)) return true;
  if (name === 'http.time' && theirs.length === 1 && ours.length > 1 && ours.includes(theirs[0]!)) return true;
  if (name === 'frame.time_delta' && Number(theirs[0]) > 1e9) return true;
  if (name === 'http.file_data') {
    return theirs.length === ours.length && theirs.every((text, at) => ours[at]!.split('\0', 1)[0] === text);
  }
  return false;
}

const QUOTED = /^(tcp\.time_(relative|delta)|tcp\.window_size_scalefactor|udp\.(stream|payload))$/;

type Frames = Map<number, Map<string, string[]>>;

export interface Comparison {
  readonly compared: number;
  readonly differences: readonly string[];
}

export async function compareWithTshark(file: string): Promise<Comparison> {
  const keys = createKeyStore();
  const keyFile = `${file.replace(/\.gz$/, '').replace(/\.pcap(ng)?$/, '')}.keys`;
  if (existsSync(keyFile)) keys.add(readFileSync(keyFile, 'utf8'));
  const ours: Frames = new Map();
  const names = new Set(INSPECTED_FIELDS.names().filter((name) => !isLeftOut(name) && knownToTshark().has(name)));
  for await (const packet of inspectCapture(file, { keys, fields: true, createConversation })) {
    const fields = new Map<string, string[]>();
    for (const layer of packet.layers) {
      for (const field of layer.fields) {
        if (isLeftOut(field.name)) continue;
        names.add(field.name);
        const values = fields.get(field.name);
        if (values === undefined) fields.set(field.name, [ourText(field)]);
        else values.push(ourText(field));
      }
    }
    ours.set(packet.number, fields);
  }
  const differences: string[] = [];
  for (const name of [...names].sort()) {
    if (knownToTshark().has(name)) continue;
    differences.push(`${file}: ${name} is no field of Wireshark's`);
    names.delete(name);
  }
  const theirs = readTshark(file, keyFile, [...names]);
  let compared = 0;
  for (const [number, fields] of ours) {
    const frame = theirs.get(number);
    if (frame === undefined) differences.push(`${file} frame ${number}: tshark has no such frame`);
    else {
      for (const name of names) {
        const mine = fields.get(name) ?? [];
        const other = (frame.get(name) ?? []).map(theirText);
        compared += Math.max(mine.length, other.length);
        // A protocol or an item without a value has a text of tshark's own: that it is there is what counts.
        const hasNoValue = ['P', 'FT_NONE', 'FT_PROTOCOL'].includes(knownToTshark().get(name)!);
        if (mine.length === other.length && (hasNoValue || mine.every((value, at) => value === other[at]))) continue;
        if (explained(name, other, mine, fields)) continue;
        differences.push(`${file} frame ${number} ${name}: tshark ${shown(other)}, ours ${shown(mine)}`);
      }
    }
  }
  for (const [number, frame] of theirs) {
    // tshark counts a custom block as a frame, and shows its bytes.
    const isPacket = frame.get('frame.protocols')?.[0] !== 'data';
    if (isPacket && !ours.has(number)) differences.push(`${file} frame ${number}: shown by tshark alone`);
  }
  return { compared, differences };
}

function isLeftOut(name: string): boolean {
  return NEWER_FIELDS.has(name) || [...LEFT_OUT.keys()].some((pattern) => pattern.test(name));
}

let known: Map<string, string> | undefined;
/** Names of fields, with their types, and of protocols (P). */
function knownToTshark(): Map<string, string> {
  if (known === undefined) {
    const { stdout } = spawnSync('tshark', ['-G', 'fields'], { encoding: 'utf8', maxBuffer: 1 << 28 });
    const rows = stdout.split('\n').map((line) => line.split('\t'));
    known = new Map(rows.map(([kind = '', , name = '', type = '']) => [name, kind === 'P' ? 'P' : type]));
  }
  return known;
}

function readTshark(file: string, keyFile: string, names: readonly string[]): Frames {
  const keyOption = existsSync(keyFile) ? ['-o', `tls.keylog_file:${keyFile}`] : [];
  const args = ['-r', file, '-T', 'json', ...PREFERENCES, ...keyOption, '-e', 'frame.number', '-e', 'frame.protocols'];
  for (const name of names) if (name !== 'frame.number') args.push('-e', name);
  const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`tshark ended with ${status} on ${file}: ${stderr}`);
  const frames: Frames = new Map();
  for (const { _source } of JSON.parse(stdout) as { _source: { layers: Record<string, string[]> } }[]) {
    const fields = new Map(Object.entries(_source.layers));
    frames.set(Number(fields.get('frame.number')![0]), fields);
  }
  return frames;
}

/** Numbers in decimal, booleans as 1 and 0, bytes in hex without marks between them, or as the text that tshark takes them for. */
function ourText({ name, value }: InspectedField): string {
  if (value instanceof Uint8Array) {
    const isText = knownToTshark().get(name)?.startsWith('FT_STRING') === true;
    return Buffer.from(value).toString(isText ? 'latin1' : 'hex');
  }
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (knownToTshark().get(name) === 'FT_RELATIVE_TIME') return Number(value).toFixed(9);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return canonical(value);
}

/** tshark writes numbers in decimal or hex, booleans as words or digits, and bytes that are none as missing. */
function theirText(text: string): string {
  return text === '<MISSING>' ? '' : canonical(text);
}

function canonical(text: string): string {
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return String(Number.parseInt(text, 16));
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true' ? '1' : '0';
  if (/^[0-9a-f]{2}(:[0-9a-f]{2})+$/i.test(text)) return text.replaceAll(':', '').toLowerCase();
  return text;
}

function shown(values: readonly string[]): string {
  const text = values.length === 0 ? 'nothing' : values.map((value) => JSON.stringify(value)).join(', ');
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

export function defaultCaptures(): string[] {
  return ['fixtures/foreign', 'fixtures/captures'].flatMap((folder) =>
    readdirSync(join(projectRoot, folder))
      .filter((name) => /\.pcap(ng)?(\.gz)?$/.test(name))
      .sort()
      .map((name) => join(projectRoot, folder, name)),
  );
}
