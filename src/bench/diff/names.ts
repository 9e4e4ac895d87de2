// Which fields are compared: at each level some differ between any two honest runs and say nothing, some follow from others.
// All by Wireshark's names, see docs/diff.md.

import type { DiffLevel } from './unit.js';

/** Numbers of the capture and not of the traffic, and what is compared in another form. Ignored at every level. */
const NEVER = [
  'frame',
  'tcp.stream',
  // Relative sequence numbers say the same.
  'tcp.seq_raw',
  'tcp.ack_raw',
  // Both ends once more.
  'tcp.port',
  'udp.port',
  'ip.addr',
  'ipv6.addr',
  'eth.addr',
  // Packet numbers, and marks without a value. Of HTTP/1.x only header fields have such names.
  'http2.request_in',
  'http2.time',
  'http2.stream',
  'http2.settings',
  'tls.record',
  'tls.handshake',
  'tls.alert_message',
  'tls.change_cipher_spec',
  'tls.handshake.verify_data',
  'tls.handshake.sig_hash_hash',
  'tls.handshake.sig_hash_sig',
];

/** Random, or made from what is random or from the time: of no meaning for what was said. Compared at level packet. */
const VOLATILE = [
  'tls.app_data',
  'tls.handshake.random',
  'tls.handshake.session_id',
  'tls.handshake.extensions_key_share_key_exchange',
  'tls.handshake.server_point',
  'tls.handshake.client_point',
  'tls.handshake.epms',
  'tls.handshake.sig',
  'tls.handshake.client_cert_vrfy.sig',
  'tls.handshake.session_ticket',
  'tls.handshake.session_ticket_age_add',
  'tls.handshake.session_ticket_nonce',
  'tls.handshake.extension.data',
  'tls.handshake.extensions.cookie',
  'tls.handshake.extensions.psk.identity.identity',
  'tls.handshake.extensions.psk.identity.obfuscated_ticket_age',
  'tls.handshake.extensions_padding_data',
  'http2.ping',
  'http2.pong',
  'http2.padding',
  'http2.headers.date',
  'http.date',
  'http.response.header.date',
  'http.request.header.date',
];

/** What follows from other fields: a difference of it is told only when no other explains it, and only of packets. */
const DERIVED =
  /(\.checksum(\.status)?|_len|_length|\.length|\.len|\.count|\.hdr_len|\.plen|\.ja3s?(_full)?|\.identity_length|_list_len)$|^(http2\.headers|http2\.pad_length|http2\.flags|tcp\.flags|ip\.dsfield|ipv6\.tclass|http2\.request\.full_uri|tcp\.window_size_value)$/;

/** Names that end in the same way and say something for themselves: a peer chose those of header fields. */
const OWN = /^(tcp\.len|http\..*|http2\.headers\..*)$/;
const DERIVED_OF_HTTP: ReadonlySet<string> = new Set([
  'http.request.full_uri',
  'http.content_length_header',
  'http2.headers.weight',
]);

const ALIASES: ReadonlyMap<string, string> = new Map([['tcp.options.timestamps', 'tcp.options.timestamp']]);

export type FieldFate = 'compare' | 'derived' | 'ignore';

/** `ignored`: names, each with all below it; with `*` at its end all that begins so. */
export class FieldChoice {
  readonly #level: DiffLevel;
  readonly #ignored: readonly string[];
  /** Names are few and come often. */
  readonly #fates = new Map<string, FieldFate>();

  constructor(level: DiffLevel, ignored: readonly string[]) {
    this.#level = level;
    this.#ignored = ignored.map((name) => ALIASES.get(name) ?? name);
  }

  of(name: string): FieldFate {
    let fate = this.#fates.get(name);
    if (fate === undefined) {
      fate = this.#decide(name);
      if (this.#fates.size < 10_000) this.#fates.set(name, fate);
    }
    return fate;
  }

  /** Somebody asked to ignore it; units that are called by it are left out then, too. */
  isUnwanted(name: string): boolean {
    return this.#ignored.some((prefix) => isBelow(name, prefix));
  }

  #decide(name: string): FieldFate {
    if (this.isUnwanted(name)) return 'ignore';
    if (name.startsWith('frame.') || NEVER.includes(name)) return 'ignore';
    const isDerived = DERIVED_OF_HTTP.has(name) || (DERIVED.test(name) && !OWN.test(name));
    if (this.#level === 'packet') return isDerived ? 'derived' : 'compare';
    if (isDerived || VOLATILE.includes(name) || name.startsWith('tls.record.')) return 'ignore';
    return 'compare';
  }
}

function isBelow(name: string, prefix: string): boolean {
  if (prefix.endsWith('*')) return name.startsWith(prefix.slice(0, -1));
  return name === prefix || name.startsWith(`${prefix}.`);
}

/** Of the layers and all below them a user may name whatever there is; this is only about words that can name nothing. */
export function canNameField(name: string): boolean {
  return /^(frame|eth|ip|ipv6|icmp|icmpv6|udp|tcp|tls|http|http2)(\.[\w!#$%&'+^`|~-]+)*(\*|\.\*)?$/.test(name);
}
