// Which RFC section speaks of a field, by Wireshark's name for it and by what it is a field of. Messages and frames have their
// sections in ../rules.ts. The first line that fits counts.

import { ruleOf } from '../rules.js';

const sections: readonly (readonly [name: RegExp, section: string])[] = [
  [/^ip\.id$/, 'RFC 6864 §4.1'],
  [/^ip\.dsfield\.ecn|^ipv6\.tclass\.ecn/, 'RFC 3168 §5'],
  [/^ip\.dsfield|^ipv6\.tclass/, 'RFC 2474 §3'],
  [/^ip\.frag|^ip\.flags/, 'RFC 791 §2.3'],
  [/^ip\./, 'RFC 791 §3.1'],
  [/^ipv6\.flow/, 'RFC 6437 §2'],
  [/^ipv6\.fraghdr/, 'RFC 8200 §4.5'],
  [/^ipv6\./, 'RFC 8200 §3'],
  [/^icmp\./, 'RFC 792'],
  [/^icmpv6\./, 'RFC 4443 §2.1'],
  [/^udp\./, 'RFC 768'],

  [/^tcp\.options\.mss/, 'RFC 9293 §3.7.1'],
  [/^tcp\.options\.wscale/, 'RFC 7323 §2.2'],
  [/^tcp\.options\.timestamp/, 'RFC 7323 §3.2'],
  [/^tcp\.options\.sack/, 'RFC 2018 §2'],
  [/^tcp\.options/, 'RFC 9293 §3.2'],
  [/^tcp\.flags\.(ece|cwr)/, 'RFC 3168 §6.1'],
  [/^tcp\.window/, 'RFC 9293 §3.8.6'],
  [/^tcp\.(seq|ack)$/, 'RFC 9293 §3.4'],
  [/^tcp\.len$/, 'RFC 9293 §3.7'],
  [/^tcp\.analysis/, 'RFC 9293 §3.8'],
  [/^tcp\./, 'RFC 9293 §3.1'],

  [/^tls\.alert_message/, 'RFC 8446 §6'],
  [/^tls\.record/, 'RFC 8446 §5.1'],
  [/^tls\.app_data/, 'RFC 8446 §5.2'],
  [/^tls\.handshake\.extensions_alpn/, 'RFC 7301 §3.1'],
  [/^tls\.handshake\.extensions_server_name/, 'RFC 6066 §3'],
  [/^tls\.handshake\.max_fragment_length/, 'RFC 6066 §4'],
  [/^tls\.handshake\.(extensions_status_request|ocsp)/, 'RFC 6066 §8'],
  [/^tls\.handshake\.extensions_(supported_group|ec_point)/, 'RFC 8422 §5.1'],
  [/^tls\.handshake\.extensions_reneg/, 'RFC 5746 §3.2'],
  [/^tls\.handshake\.extensions_key_share/, 'RFC 8446 §4.2.8'],
  [/^tls\.handshake\.extensions\.psk/, 'RFC 8446 §4.2.11'],
  [/^tls\.extension\.psk_ke/, 'RFC 8446 §4.2.9'],
  [/^tls\.early_data/, 'RFC 8446 §4.2.10'],
  [/^tls\.handshake\.extensions\.supported_version/, 'RFC 8446 §4.2.1'],
  [/^tls\.handshake\.extensions\.cookie/, 'RFC 8446 §4.2.2'],
  [/^tls\.handshake\.sig_hash_alg/, 'RFC 8446 §4.2.3'],
  [/^tls\.record_size_limit/, 'RFC 8449 §4'],
  [/^tls\.compress_certificate/, 'RFC 8879 §3'],
  [/^tls\.handshake\.extension/, 'RFC 8446 §4.2'],
  [/^tls\.handshake\.(server_point|server_named_curve|server_curve_type)/, 'RFC 8422 §5.4'],
  [/^tls\.handshake\.client_point/, 'RFC 8422 §5.7'],

  [/^http2\.headers\.status$/, 'RFC 9113 §8.3.2'],
  [/^http2\.headers\.(method|path|scheme|authority)$/, 'RFC 9113 §8.3.1'],
  [/^http2\.headers\.weight|^http2\.(exclusive|stream_dependency)$/, 'RFC 9113 §5.3'],
  [/^http2\.headers\.date$/, 'RFC 9110 §6.6.1'],
  [/^http2\.headers\./, 'RFC 9113 §8.2'],
  [/^http2\.headers$/, 'RFC 7541 §6'],
  [/^http2\.settings\./, 'RFC 9113 §6.5.2'],
  [/^http2\.data/, 'RFC 9113 §6.1'],
  [/^http2\.rst_stream/, 'RFC 9113 §6.4'],
  [/^http2\.goaway/, 'RFC 9113 §6.8'],
  [/^http2\.window_update/, 'RFC 9113 §6.9'],

  [/^http\.(request|response)\.(header|trailer)\.date$|^http\.date$/, 'RFC 9110 §6.6.1'],
  [/^http\.request\.method$/, 'RFC 9110 §9'],
  [/^http\.request\.(uri|target)/, 'RFC 9110 §7.1'],
  [/^http\.(request|response)\.version$/, 'RFC 9110 §2.5'],
  [/^http\.response\.(code|phrase)/, 'RFC 9110 §15'],
  [/^http\.(file_data|.*content)$/, 'RFC 9110 §6.4'],
  [/^http\.(request|response)\.trailer/, 'RFC 9110 §6.5'],
  [/^http\./, 'RFC 9110 §6.3'],
];

/** `title`: `ClientHello`, `HEADERS`. Empty when no RFC has a say in it. */
export function sectionOf(name: string, title: string): string {
  const found = sections.find(([pattern]) => pattern.test(name))?.[1];
  if (found !== undefined) return found;
  if (name.startsWith('tls.')) return ruleOf('TLS', title);
  return name.startsWith('http2.') ? ruleOf('H2', title) : '';
}
