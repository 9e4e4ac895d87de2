// `inspect -e FIELD`: a line for each packet with the values of chosen fields, as `tshark -T fields -e FIELD` (4.0) prints them: tabs
// between fields, commas between the values of one.

import { INSPECTED_FIELDS, nearestField } from '../bench/inspect/fields.js';
import { fieldsOf } from '../bench/inspect/filter-operands.js';
import type { InspectedField, InspectedPacket } from '../bench/inspect/types.js';
import { UsageError } from './values.js';

/** The names of one `-e` or several: lists with commas between them. */
export function columnNames(texts: readonly string[]): string[] {
  const { layers, isKnown } = INSPECTED_FIELDS;
  return texts.flatMap((text) =>
    text.split(',').map((word) => {
      const name = word.trim();
      if (isKnown(name) || layers.has(name)) return name;
      const near = name === '' ? undefined : nearestField(name, INSPECTED_FIELDS);
      throw new UsageError(
        `--columns: unknown field ${JSON.stringify(name)}`,
        near === undefined ? 'wirebench inspect --fields lists them.' : `Did you mean ${near}?`,
      );
    }),
  );
}

export class Columns {
  readonly #names: readonly string[];
  /** By field: where its values go. */
  readonly #places = new Map<string, number[]>();
  readonly #ofLayers: readonly (readonly [name: string, at: number])[];

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#ofLayers = names.flatMap((name, at) => (INSPECTED_FIELDS.layers.has(name) ? [[name, at]] : []));
    names.forEach((name, at) => {
      const places = this.#places.get(name);
      if (places === undefined) this.#places.set(name, [at]);
      else places.push(at);
    });
  }

  header(): string {
    return `${this.#names.join('\t')}\n`;
  }

  /** `firstNs`: when the first packet of the capture came. */
  line(packet: InspectedPacket, firstNs: bigint | undefined): string {
    const columns = this.#names.map((): string[] => []);
    const put = (field: InspectedField): void => {
      const places = this.#places.get(field.name);
      if (places === undefined) return;
      const text = TIMES.has(field.name) ? timeText(field.name, packet.timeNs, firstNs) : valueText(field);
      for (const at of places) columns[at]!.push(text);
    };
    for (const layer of packet.layers) for (const field of layer.fields) put(field);
    for (const [name] of this.#places) {
      if (name.startsWith('wirebench.')) for (const field of fieldsOf(packet, name)) put(field);
    }
    for (const [name, at] of this.#ofLayers) {
      for (const layer of packet.layers) if (layer.name === name) columns[at]!.push(name);
    }
    return `${columns.map((values) => values.join(',')).join('\t')}\n`;
  }
}

/** More digits than the number of the field has. */
const TIMES = new Set(['frame.time_epoch', 'frame.time_relative']);

function timeText(name: string, timeNs: bigint | undefined, firstNs: bigint | undefined): string {
  if (timeNs === undefined) return '';
  const ns = name === 'frame.time_epoch' ? timeNs : timeNs - (firstNs ?? timeNs);
  const digits = (ns < 0n ? -ns : ns).toString().padStart(10, '0');
  return `${ns < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** Digits of the fields that Wireshark shows in hexadecimal. */
const HEX_DIGITS = new Map<string, number>([
  ...[
    'http2.flags http2.padding ip.dsfield tls.handshake.server_curve_type',
    `eth.type icmp.checksum icmpv6.checksum icmpv6.echo.identifier ip.checksum ip.id tcp.checksum tcp.flags
    tls.handshake.ciphersuite tls.handshake.extensions.supported_version tls.handshake.extensions_supported_group
    tls.handshake.server_named_curve tls.handshake.sig_hash_alg tls.handshake.version tls.record.version udp.checksum`,
    'ipv6.flow',
    'ipv6.fraghdr.ident ipv6.tclass',
  ].flatMap((names, at) => names.split(/\s+/).map((name): [string, number] => [name, 2 * (at + 1)])),
]);

/** Of bytes of which there are none. */
const NO_BYTES = '<MISSING>';
/** Has no value in Wireshark either, which shows its bytes. */
const SACK_PERMITTED = '0402';

function valueText({ name, value }: InspectedField): string {
  const type = INSPECTED_FIELDS.typeOf(name);
  if (type === 'presence') return name === 'tcp.options.sack_perm' ? SACK_PERMITTED : '1';
  if (value instanceof Uint8Array) {
    if (value.length === 0 && type === 'bytes') return NO_BYTES;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
    return type === 'text' ? safe(bytes.toString('latin1')) : bytes.toString('hex');
  }
  // As Wireshark shows it: to the nanosecond.
  if (type === 'time' && typeof value === 'number') return value.toFixed(9);
  if (typeof value === 'string') return safe(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  const digits = HEX_DIGITS.get(name);
  return digits === undefined ? String(value) : `0x${value.toString(16).padStart(digits, '0')}`;
}

const NAMED_ESCAPES = new Map([
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\v', '\\v'],
  ['\f', '\\f'],
  ['\r', '\\r'],
]);

/** As tshark: a backslash stays. What else could move the cursor or look like something else is escaped, which tshark does not. */
function safe(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => {
    const code = character.charCodeAt(0);
    const hex = code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
    return NAMED_ESCAPES.get(character) ?? hex;
  });
}
