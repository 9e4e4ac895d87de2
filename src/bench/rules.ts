// Which RFC section speaks of a field, by layer and path as the dissectors name them. The first line that fits counts.

import type { LayerName } from './difference.js';

const rules: readonly (readonly [layer: LayerName, path: RegExp, section: string])[] = [
  ['IP', /^(flowLabel|trafficClass|payloadLength|nextHeader|hopLimit)$/, 'RFC 8200 §3'],
  ['IP', /^id$/, 'RFC 6864 §4.1'],
  ['IP', /^(time|order|packet)/, ''],
  ['IP', /./, 'RFC 791 §3.1'],

  ['ICMP', /^message$/, 'RFC 792'],
  ['ICMP', /./, 'RFC 792'],

  ['TCP', /^options\.(mss)$/, 'RFC 9293 §3.7.1'],
  ['TCP', /^options\.windowScale$/, 'RFC 7323 §2.2'],
  ['TCP', /^options\.timestamps$/, 'RFC 7323 §3.2'],
  ['TCP', /^options\.sack/, 'RFC 2018 §2'],
  ['TCP', /^options/, 'RFC 9293 §3.2'],
  ['TCP', /^payload\.length$/, 'RFC 9293 §3.7'],
  ['TCP', /^window$/, 'RFC 9293 §3.8.6'],
  ['TCP', /^(seq|ack)$/, 'RFC 9293 §3.4'],
  ['TCP', /^segment$/, 'RFC 9293 §3.10'],
  ['TCP', /./, 'RFC 9293 §3.1'],

  ['TLS', /^\w+Hello\.extensions\.alpn/, 'RFC 7301 §3.1'],
  ['TLS', /\.extensions\.server_name/, 'RFC 6066 §3'],
  ['TLS', /\.extensions\.(ec_point_formats|supported_groups)/, 'RFC 8422 §5.1'],
  ['TLS', /\.extensions\.extended_master_secret/, 'RFC 7627 §5.1'],
  ['TLS', /\.extensions\.renegotiation_info/, 'RFC 5746 §3.2'],
  ['TLS', /\.extensions/, 'RFC 5246 §7.4.1.4'],
  ['TLS', /^ServerHello/, 'RFC 5246 §7.4.1.3'],
  ['TLS', /^Certificate/, 'RFC 5246 §7.4.2'],
  ['TLS', /^ServerKeyExchange/, 'RFC 8422 §5.4'],
  ['TLS', /^ServerHelloDone/, 'RFC 5246 §7.4.5'],
  ['TLS', /^HelloRequest/, 'RFC 5246 §7.4.1.1'],
  ['TLS', /^Finished/, 'RFC 5246 §7.4.9'],
  ['TLS', /^(Handshake|message)/, 'RFC 5246 §7.4'],
  ['TLS', /^Alert/, 'RFC 5246 §7.2'],
  ['TLS', /^ChangeCipherSpec/, 'RFC 5246 §7.1'],
  ['TLS', /^record \d+ \w+\.fragment$/, 'RFC 5246 §6.2.3.3'],
  ['TLS', /^record/, 'RFC 5246 §6.2.1'],

  ['H2', /^HEADERS\.fields\.:status/, 'RFC 9113 §8.3.2'],
  ['H2', /^HEADERS\.fields\./, 'RFC 9113 §8.2'],
  ['H2', /^(HEADERS|PUSH_PROMISE|CONTINUATION)\.fieldBlockFragment/, 'RFC 7541 §6'],
  ['H2', /^SETTINGS\.[A-Z]/, 'RFC 9113 §6.5.2'],
  ['H2', /^DATA/, 'RFC 9113 §6.1'],
  ['H2', /^HEADERS/, 'RFC 9113 §6.2'],
  ['H2', /^PRIORITY/, 'RFC 9113 §6.3'],
  ['H2', /^RST_STREAM/, 'RFC 9113 §6.4'],
  ['H2', /^SETTINGS/, 'RFC 9113 §6.5'],
  ['H2', /^PUSH_PROMISE/, 'RFC 9113 §6.6'],
  ['H2', /^PING/, 'RFC 9113 §6.7'],
  ['H2', /^GOAWAY/, 'RFC 9113 §6.8'],
  ['H2', /^WINDOW_UPDATE/, 'RFC 9113 §6.9'],
  ['H2', /^CONTINUATION/, 'RFC 9113 §6.10'],
  ['H2', /./, 'RFC 9113 §4.1'],

  ['HTTP', /^status line/, 'RFC 9112 §4'],
  ['HTTP', /^(fields|trailers)\.date/, 'RFC 9110 §6.6.1'],
  ['HTTP', /^(fields|trailers)/, 'RFC 9112 §5'],
  ['HTTP', /^chunk/, 'RFC 9112 §7.1'],
  ['HTTP', /^body/, 'RFC 9112 §6'],
  ['HTTP', /./, 'RFC 9112 §2.1'],
];

/** Empty when no RFC has a say in it. */
export function ruleOf(layer: LayerName, path: string): string {
  return rules.find(([ofLayer, pattern]) => ofLayer === layer && pattern.test(path))?.[2] ?? '';
}
