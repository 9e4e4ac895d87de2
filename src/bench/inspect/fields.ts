// The fields that the inspector makes, by Wireshark's names: what filters may name, and what is suggested for a name that is wrong.

/** Layers that stand for themselves: `http2` is true of a packet with a frame of it. */
const LAYER_NAMES = new Set(['frame', 'eth', 'ip', 'ipv6', 'icmp', 'icmpv6', 'tcp', 'udp', 'tls', 'http', 'http2']);

/** Behind the name of their layer. `wirebench`: what was found, how bad it is, and the rule that is broken. */
const NAMES: Readonly<Record<string, string>> = {
  eth: `
    addr dst src type`,
  frame: `
    cap_len len number time_epoch time_relative`,
  http: `
    accept accept_encoding chunked_trailer_part connection content_encoding content_length content_length_header
    content_type date file_data host last_modified request request.full_uri request.line request.method request.uri
    request.uri.path request.uri.query request.version request_in response response.code response.line response.phrase
    response.version server transfer_encoding upgrade user_agent`,
  http2: `
    continuation.header data.data exclusive flags flags.ack.ping flags.ack.settings flags.eh flags.end_stream
    flags.padded flags.priority goaway.addata goaway.error goaway.last_stream_id header.count header.length
    header.name header.value headers headers.accept headers.accept_encoding headers.accept_ranges headers.authority
    headers.cache_control headers.content_encoding headers.content_length headers.content_range headers.content_type
    headers.date headers.etag headers.last_modified headers.location headers.method headers.path headers.range
    headers.scheme headers.server headers.status headers.user_agent headers.vary headers.weight headers.weight_real
    length magic pad_length padding ping pong priority_update_field_value priority_update_stream_id
    push_promise.header push_promise.promised_stream_id request.full_uri rst_stream.error settings
    settings.enable_push settings.extended_connect settings.header_table_size settings.id settings.initial_window_size
    settings.max_concurrent_streams settings.max_frame_size settings.max_header_list_size settings.unknown stream
    stream_dependency streamid type unknown window_update.window_size_increment`,
  icmp: `
    checksum checksum.status code ident mtu seq type`,
  icmpv6: `
    checksum checksum.status code echo.identifier echo.sequence_number mtu type`,
  ip: `
    addr checksum checksum.status dsfield dsfield.dscp dsfield.ecn dst flags.df flags.mf frag_offset hdr_len id len
    proto src ttl version`,
  ipv6: `
    addr dst flow fraghdr.ident fraghdr.more fraghdr.offset hlim nxt plen src tclass tclass.dscp tclass.ecn version`,
  tcp: `
    ack ack_raw analysis.ack_lost_segment analysis.duplicate_ack analysis.fast_retransmission analysis.keep_alive
    analysis.keep_alive_ack analysis.lost_segment analysis.out_of_order analysis.retransmission analysis.reused_ports
    analysis.spurious_retransmission analysis.window_full analysis.window_update analysis.zero_window
    analysis.zero_window_probe analysis.zero_window_probe_ack checksum checksum.status dstport flags flags.ack
    flags.cwr flags.ece flags.fin flags.push flags.reset flags.syn flags.urg hdr_len len options.mss_val
    options.sack_le options.sack_perm options.sack_re options.timestamp.tsecr options.timestamp.tsval
    options.wscale.shift port seq seq_raw srcport stream urgent_pointer window_size window_size_value`,
  tls: `
    alert_message alert_message.desc alert_message.level app_data change_cipher_spec compress_certificate.algorithm
    compress_certificate.algorithms_length early_data.max_early_data_size extension.psk_ke_mode
    extension.psk_ke_modes_length handshake handshake.cert_type handshake.cert_types_count handshake.certificate
    handshake.certificate_length handshake.certificate_request_context handshake.certificate_request_context_length
    handshake.certificates_length handshake.cipher_suites_length handshake.ciphersuite handshake.client_cert_vrfy.sig
    handshake.client_cert_vrfy.sig_len handshake.client_point handshake.client_point_len handshake.comp_method
    handshake.comp_methods_length handshake.dname_len handshake.dnames_len handshake.epms handshake.epms_len handshake.extension.data
    handshake.extension.len handshake.extension.type handshake.extensions.cookie handshake.extensions.cookie_len
    handshake.extensions.psk.binders_len handshake.extensions.psk.identities.length
    handshake.extensions.psk.identity.identity handshake.extensions.psk.identity.identity_length
    handshake.extensions.psk.identity.obfuscated_ticket_age handshake.extensions.psk.identity.selected
    handshake.extensions.supported_version handshake.extensions.supported_versions_len handshake.extensions_alpn_len
    handshake.extensions_alpn_str handshake.extensions_alpn_str_len handshake.extensions_ec_point_format
    handshake.extensions_ec_point_formats_length handshake.extensions_key_share_client_length
    handshake.extensions_key_share_group handshake.extensions_key_share_key_exchange
    handshake.extensions_key_share_key_exchange_length handshake.extensions_key_share_selected_group
    handshake.extensions_length handshake.extensions_padding_data handshake.extensions_reneg_info
    handshake.extensions_reneg_info_len handshake.extensions_server_name handshake.extensions_server_name_len
    handshake.extensions_server_name_list_len handshake.extensions_server_name_type
    handshake.extensions_status_request_exts_len handshake.extensions_status_request_responder_ids_len
    handshake.extensions_status_request_type handshake.extensions_supported_group
    handshake.extensions_supported_groups_length handshake.ja3 handshake.ja3_full handshake.ja3s handshake.ja3s_full
    handshake.key_update.request_update handshake.length handshake.max_fragment_length handshake.ocsp_response_len
    handshake.random handshake.server_curve_type handshake.server_named_curve handshake.server_point
    handshake.server_point_len handshake.session_id handshake.session_id_length handshake.session_ticket
    handshake.session_ticket_age_add handshake.session_ticket_length handshake.session_ticket_lifetime_hint
    handshake.session_ticket_nonce handshake.session_ticket_nonce_length handshake.sig handshake.sig_hash_alg
    handshake.sig_hash_alg_len handshake.sig_hash_hash handshake.sig_hash_sig handshake.sig_len handshake.type
    handshake.verify_data handshake.version record record.content_type record.length record.opaque_type record.version
    record_size_limit`,
  udp: `
    checksum checksum.status dstport length port srcport`,
  wirebench: `
    rule severity verdict`,
};

const known: ReadonlySet<string> = new Set(
  Object.entries(NAMES).flatMap(([layer, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name) => `${layer}.${name}`),
  ),
);

/** What a filter may name. */
export interface FieldTable {
  readonly layers: ReadonlySet<string>;
  isKnown(name: string): boolean;
  names(): readonly string[];
  /** For a name that is like no other. */
  readonly advice: string;
}

export const INSPECTED_FIELDS: FieldTable = {
  layers: LAYER_NAMES,
  // Header fields of HTTP have a name of Wireshark's each, so that not all of them can be listed.
  isKnown: (name) => known.has(name) || /^http2\.headers\.[a-z0-9_]+$/.test(name),
  names: () => [...known].sort(),
  advice: 'wirebench inspect --fields lists them.',
};
