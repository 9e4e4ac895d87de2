// The fields that the inspector makes, by Wireshark's names and types: what filters may name, what they may be compared with, and
// what is suggested for a name that is wrong.

import { nearestName } from '../nearest.js';
import { namesOfValues } from './value-names.js';

/** As in Wireshark: `u16` is a number of two bytes, `presence` a field without a value. */
export type FieldType =
  | 'u8'
  | 'u16'
  | 'u24'
  | 'u32'
  | 'u64'
  | 'i32'
  | 'time'
  | 'boolean'
  | 'text'
  | 'bytes'
  | 'mac'
  | 'ipv4'
  | 'ipv6'
  | 'presence';

/** Layers that stand for themselves: `http2` is true of a packet with a frame of it. */
const LAYER_NAMES = new Set('frame eth vlan arp ip ipv6 icmp icmpv6 tcp udp tls http http2'.split(' '));

/** Behind the name of their layer. `wirebench`: what was found, how bad it is, and the rule that is broken. */
const NAMES: Readonly<Record<string, Partial<Readonly<Record<FieldType, string>>>>> = {
  _ws: {
    presence: 'expert',
  },
  arp: {
    u8: 'hw.size proto.size',
    u16: 'hw.type opcode proto.type',
    mac: 'dst.hw_mac src.hw_mac',
    ipv4: 'dst.proto_ipv4 src.proto_ipv4',
  },
  eth: {
    u16: 'type',
    mac: 'addr dst src',
  },
  frame: {
    u32: 'cap_len len number',
    time: 'time_delta time_epoch time_relative',
    text: 'protocols',
  },
  http: {
    u16: 'response.code',
    u32: 'chunk_size request_in',
    time: 'time',
    u64: 'content_length',
    boolean: 'request response',
    text: `
      accept accept_encoding accept_language authorization cache_control chunked_trailer_part connection
      content_encoding content_length_header content_type cookie date file_data host http2_settings last_modified
      location proxy_authenticate proxy_authorization referer request.full_uri request.line request.method
      request.uri request.uri.path request.uri.query request.version response.line response.phrase response.version
      sec_websocket_accept sec_websocket_extensions sec_websocket_key sec_websocket_protocol sec_websocket_version
      server set_cookie transfer_encoding upgrade user_agent www_authenticate x_forwarded_for`,
  },
  http2: {
    u8: 'flags headers.weight headers.weight_real padding type',
    u16: 'headers.status pad_length settings.id',
    u24: 'length',
    u32: `
      goaway.error goaway.last_stream_id header.count header.length push_promise.promised_stream_id request_in
      rst_stream.error settings.enable_push settings.extended_connect settings.header_table_size
      settings.initial_window_size settings.max_concurrent_streams settings.max_frame_size
      settings.max_header_list_size settings.unknown stream_dependency streamid window_update.window_size_increment`,
    u64: 'headers.content_length priority_update_stream_id',
    time: 'time',
    boolean: `
      exclusive flags.ack.ping flags.ack.settings flags.eh flags.end_stream flags.padded flags.priority`,
    text: `
      continuation.header header.name header.value headers.accept headers.accept_encoding headers.accept_ranges
      headers.authority headers.cache_control headers.content_encoding headers.content_range headers.content_type
      headers.date headers.etag headers.last_modified headers.location headers.method headers.path headers.range
      headers.scheme headers.server headers.user_agent headers.vary magic priority_update_field_value
      request.full_uri`,
    bytes: 'data.data goaway.addata headers ping pong push_promise.header unknown',
    presence: 'settings stream',
  },
  icmp: {
    u8: 'checksum.status code type',
    u16: 'checksum ident mtu seq',
  },
  icmpv6: {
    u8: 'checksum.status code type',
    u16: 'checksum echo.identifier echo.sequence_number',
    u32: 'mtu',
  },
  ip: {
    u8: 'checksum.status dsfield dsfield.dscp dsfield.ecn flags hdr_len proto ttl version',
    u16: 'checksum frag_offset id len',
    boolean: 'flags.df flags.mf',
    text: 'dst_host host src_host',
    ipv4: 'addr dst src',
  },
  ipv6: {
    u8: 'hlim nxt version',
    u16: 'fraghdr.offset plen',
    u24: 'flow',
    u32: 'fraghdr.ident tclass tclass.dscp tclass.ecn',
    boolean: 'fraghdr.more',
    text: 'dst_host host src_host',
    ipv6: 'addr dst src',
  },
  tcp: {
    u8: 'checksum.status hdr_len options.wscale.shift',
    u16: 'checksum dstport flags options.mss_val port srcport urgent_pointer window_size_value',
    u32: `
      ack ack_raw analysis.acks_frame analysis.bytes_in_flight len options.sack_le options.sack_re
      options.timestamp.tsecr options.timestamp.tsval seq seq_raw stream window_size`,
    i32: 'window_size_scalefactor',
    time: 'analysis.ack_rtt analysis.initial_rtt time_delta time_relative',
    boolean: 'flags.ack flags.cwr flags.ece flags.fin flags.push flags.reset flags.syn flags.urg',
    text: 'flags.str',
    bytes: 'options payload',
    presence: `
      analysis.ack_lost_segment analysis.duplicate_ack analysis.fast_retransmission analysis.flags
      analysis.keep_alive analysis.keep_alive_ack analysis.lost_segment analysis.out_of_order
      analysis.retransmission analysis.reused_ports analysis.spurious_retransmission analysis.window_full
      analysis.window_update analysis.zero_window analysis.zero_window_probe analysis.zero_window_probe_ack
      options.sack_perm`,
  },
  tls: {
    u8: `
      alert_message.desc alert_message.level compress_certificate.algorithms_length extension.psk_ke_mode
      extension.psk_ke_modes_length handshake.cert_type handshake.cert_types_count
      handshake.certificate_request_context_length handshake.client_point_len handshake.comp_method
      handshake.comp_methods_length handshake.extensions.supported_versions_len handshake.extensions_alpn_str_len
      handshake.extensions_ec_point_format handshake.extensions_ec_point_formats_length
      handshake.extensions_reneg_info_len handshake.extensions_server_name_type
      handshake.extensions_status_request_type handshake.key_update.request_update handshake.max_fragment_length
      handshake.server_curve_type handshake.server_point_len handshake.session_ticket_nonce_length
      handshake.sig_hash_hash handshake.sig_hash_sig handshake.type record.content_type record.opaque_type`,
    u16: `
      compress_certificate.algorithm handshake.cipher_suites_length handshake.ciphersuite
      handshake.client_cert_vrfy.sig_len handshake.dname_len handshake.dnames_len handshake.epms_len
      handshake.extension.len handshake.extension.type handshake.extensions.cookie_len
      handshake.extensions.psk.binders_len handshake.extensions.psk.identities.length
      handshake.extensions.psk.identity.identity_length handshake.extensions.psk.identity.selected
      handshake.extensions.supported_version handshake.extensions_alpn_len
      handshake.extensions_key_share_client_length handshake.extensions_key_share_group
      handshake.extensions_key_share_key_exchange_length handshake.extensions_key_share_selected_group
      handshake.extensions_length handshake.extensions_server_name_len handshake.extensions_server_name_list_len
      handshake.extensions_status_request_exts_len handshake.extensions_status_request_responder_ids_len
      handshake.extensions_supported_group handshake.extensions_supported_groups_length
      handshake.server_named_curve handshake.session_id_length handshake.session_ticket_length
      handshake.sig_hash_alg handshake.sig_hash_alg_len handshake.sig_len handshake.version record.length
      record.version record_size_limit`,
    u24: `
      handshake.certificate_length handshake.certificates_length handshake.length handshake.ocsp_response_len`,
    u32: `
      early_data.max_early_data_size handshake.extensions.psk.identity.obfuscated_ticket_age
      handshake.session_ticket_age_add handshake.session_ticket_lifetime_hint`,
    text: `
      handshake.extensions_alpn_str handshake.extensions_server_name handshake.ja3 handshake.ja3_full
      handshake.ja3s handshake.ja3s_full`,
    bytes: `
      app_data handshake.certificate handshake.certificate_request_context handshake.client_cert_vrfy.sig
      handshake.client_point handshake.epms handshake.extension.data handshake.extensions.cookie
      handshake.extensions.psk.identity.identity handshake.extensions_key_share_key_exchange
      handshake.extensions_padding_data handshake.extensions_reneg_info handshake.random handshake.server_point
      handshake.session_id handshake.session_ticket handshake.session_ticket_nonce handshake.sig`,
    presence: 'alert_message change_cipher_spec handshake handshake.ciphersuites handshake.verify_data record',
  },
  udp: {
    u8: 'checksum.status',
    u16: 'checksum dstport length port srcport',
    u32: 'stream',
    bytes: 'payload',
  },
  vlan: {
    u16: 'etype id priority',
    boolean: 'dei',
  },
  wirebench: {
    text: 'rule severity verdict',
  },
};

const known: ReadonlyMap<string, FieldType> = new Map(
  Object.entries(NAMES).flatMap(([layer, byType]) =>
    Object.entries(byType).flatMap(([type, names]) =>
      names
        .trim()
        .split(/\s+/)
        .map((name): [string, FieldType] => [`${layer}.${name}`, type as FieldType]),
    ),
  ),
);

/** What a filter may name. */
export interface FieldTable {
  readonly layers: ReadonlySet<string>;
  isKnown(name: string): boolean;
  names(): readonly string[];
  /** Undefined where any value may be compared with any. */
  typeOf(name: string): FieldType | undefined;
  /** What the values of a number are called; undefined where they have no names. */
  namesOfValues(name: string): ReadonlyMap<string, number> | undefined;
  /** For a name that is like no other. */
  readonly advice: string;
}

export const INSPECTED_FIELDS: FieldTable = {
  layers: LAYER_NAMES,
  // Header fields of HTTP have a name of Wireshark's each, so that not all of them can be listed.
  isKnown: (name) => known.has(name) || /^http2\.headers\.[a-z0-9_]+$/.test(name),
  names: () => [...known.keys()].sort(),
  typeOf: (name) => known.get(name) ?? 'text',
  namesOfValues,
  advice: 'Filters are as tcp.port == 443 and not tls; inspect --fields lists the fields.',
};

/** What somebody may have meant by a name that is none; undefined: nothing is near. */
export function nearestField(word: string, { layers, names }: FieldTable): string | undefined {
  const all = names();
  const dot = word.indexOf('.');
  if (dot < 0) return nearestName(word, [...layers]) ?? nearestName(word, all);
  const ofLayer = all.filter((name) => name.startsWith(word.slice(0, dot + 1)));
  // A slip in the layer's name; the rest is right, or nearly.
  if (ofLayer.length === 0) return nearestName(word, all);
  const longer = ofLayer.filter((name) => name.startsWith(word)).sort((a, b) => a.length - b.length)[0];
  if (longer !== undefined) return longer;
  // Only what differs counts: of two flags with names of three letters, none is meant for the other.
  const lastDot = word.lastIndexOf('.');
  const start = word.slice(0, lastDot + 1);
  const rests = ofLayer.filter((name) => name.startsWith(start)).map((name) => name.slice(start.length));
  const near = nearestName(word.slice(start.length), rests);
  if (near !== undefined) return start + near;
  const sameEnd = ofLayer.filter((name) => name.endsWith(word.slice(lastDot)));
  return nearestName(word, sameEnd) ?? (sameEnd.length === 1 ? sameEnd[0] : undefined);
}
