// What the values of fields are called: names for the numbers that filters may use instead (`http2.type == HEADERS`). Those of TLS and
// HTTP are the core's own tables; of IP and Ethernet what one meets. Upper and lower case, spaces and marks do not count, so that
// Wireshark's spelling does as well (`"Client Hello"`).

import { reasonPhrase } from '../../core/http/status.js';
import { errorCodeName, frameTypeName, settingName } from '../../core/http2/frame.js';
import {
  alertName,
  certificateTypeName,
  cipherSuiteName,
  contentTypeName,
  extensionName,
  groupName,
  handshakeTypeName,
  signatureName,
  versionName,
} from '../../core/tls/names.js';

/** By name as it is shown; undefined: its values have none. */
export function namesOfValues(field: string): ReadonlyMap<string, number> | undefined {
  const source = SOURCES.get(field) ?? (field.endsWith('.checksum.status') ? CHECKSUM_STATUS : undefined);
  if (typeof source !== 'function') return source;
  let names = scanned.get(source);
  if (names === undefined) {
    names = scan(source);
    scanned.set(source, names);
  }
  return names;
}

export function sameName(a: string, b: string): boolean {
  return plain(a) === plain(b);
}

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

type NameOf = (code: number) => string;

const scanned = new Map<NameOf, ReadonlyMap<string, number>>();
const LARGEST_CODE = 0xffff;

/** What has no name is told as a number, or as UNKNOWN. */
function scan(nameOf: NameOf): ReadonlyMap<string, number> {
  const names = new Map<string, number>();
  for (let code = 0; code <= LARGEST_CODE; code++) {
    const name = nameOf(code);
    if (name !== '' && !name.includes('0x') && name !== 'UNKNOWN') names.set(name, code);
  }
  return names;
}

const CHECKSUM_STATUS = new Map([
  ['Bad', 0],
  ['Good', 1],
  ['Unverified', 2],
]);
const IP_PROTOCOLS = new Map([
  ['ICMP', 1],
  ['IGMP', 2],
  ['IPIP', 4],
  ['TCP', 6],
  ['UDP', 17],
  ['IPv6', 41],
  ['GRE', 47],
  ['ESP', 50],
  ['AH', 51],
  ['ICMPv6', 58],
  ['OSPF IGP', 89],
  ['SCTP', 132],
]);
const ETHER_TYPES = new Map([
  ['IPv4', 0x0800],
  ['ARP', 0x0806],
  ['802.1Q Virtual LAN', 0x8100],
  ['IPv6', 0x86dd],
]);
const ICMP_TYPES = new Map([
  ['Echo (ping) reply', 0],
  ['Destination unreachable', 3],
  ['Redirect', 5],
  ['Echo (ping) request', 8],
  ['Time-to-live exceeded', 11],
]);
const ICMPV6_TYPES = new Map([
  ['Destination Unreachable', 1],
  ['Packet Too Big', 2],
  ['Time Exceeded', 3],
  ['Parameter Problem', 4],
  ['Echo (ping) request', 128],
  ['Echo (ping) reply', 129],
  ['Router Solicitation', 133],
  ['Router Advertisement', 134],
  ['Neighbor Solicitation', 135],
  ['Neighbor Advertisement', 136],
]);
const ALERT_LEVELS = new Map([
  ['warning', 1],
  ['fatal', 2],
]);
const KEY_UPDATES = new Map([
  ['update_not_requested', 0],
  ['update_requested', 1],
]);

const SOURCES: ReadonlyMap<string, ReadonlyMap<string, number> | NameOf> = new Map<
  string,
  ReadonlyMap<string, number> | NameOf
>([
  ['eth.type', ETHER_TYPES],
  ['http.response.code', reasonPhrase],
  ['http2.goaway.error', errorCodeName],
  ['http2.rst_stream.error', errorCodeName],
  ['http2.settings.id', settingName],
  ['http2.type', frameTypeName],
  ['icmp.type', ICMP_TYPES],
  ['icmpv6.type', ICMPV6_TYPES],
  ['ip.proto', IP_PROTOCOLS],
  ['ipv6.nxt', IP_PROTOCOLS],
  ['tls.alert_message.desc', alertName],
  ['tls.alert_message.level', ALERT_LEVELS],
  ['tls.handshake.cert_type', certificateTypeName],
  ['tls.handshake.ciphersuite', cipherSuiteName],
  ['tls.handshake.extension.type', extensionName],
  ['tls.handshake.extensions.supported_version', versionName],
  ['tls.handshake.extensions_key_share_group', groupName],
  ['tls.handshake.extensions_key_share_selected_group', groupName],
  ['tls.handshake.extensions_supported_group', groupName],
  ['tls.handshake.key_update.request_update', KEY_UPDATES],
  ['tls.handshake.server_named_curve', groupName],
  ['tls.handshake.sig_hash_alg', signatureName],
  ['tls.handshake.type', handshakeTypeName],
  ['tls.handshake.version', versionName],
  ['tls.record.content_type', contentTypeName],
  ['tls.record.opaque_type', contentTypeName],
  ['tls.record.version', versionName],
]);
