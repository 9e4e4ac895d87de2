// Display filters select the same frames as tshark's, of captures that other programs made. Expected is what tshark on this machine
// says; where it is not installed, these are skipped.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { parseDisplayFilter } from '../../../src/bench/inspect/filter.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { inspectCapture } from '../../../src/bench/inspect/packets.js';
import type { InspectedPacket } from '../../../src/bench/inspect/types.js';
import { PREFERENCES } from '../../support/against-tshark.js';
import { run } from '../../support/captures.js';
import { needCommands, testWith } from '../../support/needs.js';

const test = suite('display filters against tshark');

const FILTERS: Readonly<Record<string, readonly string[]>> = {
  'nginx-h1-tls12.pcapng': [
    'tcp.flags.syn and tcp.flags.ack',
    'tcp.srcport != tcp.dstport and tcp.len',
    'tcp.port !== 443',
    'tcp.len in {100..200, 0} && !tls',
    'tcp.flags & 0x12 == 0x02 or tcp.flags.fin == True',
    'tcp.seq != tcp.ack',
    'frame[12:2] == 08:00 and frame[-1] == 00',
    'frame contains 7f:00:00:01:7f',
    'eth.src[0:3] == 00:00:00 and ip.addr[3] == 1',
    'not ip.src == 127.0.0.0/8 or frame.number in {3..5, 9}',
    'tls.handshake.random contains 4a',
    'tls.handshake.session_id[0] > 10',
    'tls.record.content_type != 23 and tls',
    'count(tls.record.length) > 1',
    'http.request.uri[0:2] == "/b" or http.response.code == 200',
    'http.user_agent[5:] matches r"^\\d\\.88"',
    'len(http.request.uri) > len(http.request.method)',
    'lower(http.request.method) contains "get"',
    'tcp.window_size < 70000 and tcp.options.timestamp.tsval > 3000000000',
    'ip.ttl ge 64 and not tcp.len > 0',
  ],
  'nginx-h1-plain-gzip.pcapng': [
    ...[
      'tcp.payload contains "GET"',
      'tcp.payload[0:3] == 47:45:54',
      'tcp.options[0] == 2',
      'tcp.flags.str matches "AP"',
      'ip.flags == 2',
    ],
    ...[
      'tcp.time_delta > 0.0005',
      'tcp.time_relative < 0.001',
      'frame.time_delta > 0.0005',
      'tcp.analysis.acks_frame == 2',
      'not tcp.analysis.ack_rtt',
    ],
    ...[
      'tcp.analysis.bytes_in_flight > 200',
      'tcp.analysis.initial_rtt < 0.001',
      'tcp.window_size_scalefactor == 1024',
      'ip.host == "127.0.0.1"',
    ],
    ...[
      'http.accept_encoding contains "br" and not http.cookie',
      'frame.protocols contains "tcp:http"',
      'arp or vlan.id',
      'http.location',
    ],
    ...[
      'tcp contains "GET"',
      'frame contains "GET"',
      'ip contains 45:00',
      'eth contains "curl"',
      'tcp contains 47:45:54',
    ],
    ...[
      'http contains "GET"',
      'http contains "200 OK"',
      'http matches "user-agent: curl/[0-9.]+"',
      'tcp matches r"get /\\S* http"',
    ],
    ...['http contains 0d:0a:0d:0a', 'http[0:3] == "GET"', 'http[0:3] == 47:45:54', 'tcp matches "^.{20,40}GET"'],
    ...[
      'tcp[13] & 2',
      'tcp[13] & 2 == 2',
      'tcp[13] & 0x12 == 12',
      'tcp[13] == 2',
      'tcp[13] > 16',
      'tcp[12:2] & 00:02',
      'tcp[13]',
      'tcp[100]',
    ],
    ...[
      'tcp[0:2] == 00:50',
      'tcp[0] & 1 == tcp[1]',
      'frame[0-2,12-13] == 00:00:00:08:00',
      'frame contains 4',
      'len(frame) == 66',
      'count(tcp) == 1',
    ],
    ...[
      'any tcp.port == 80',
      'all tcp.port > 1024',
      'all tcp.port in {80}',
      'any tcp.port != 80',
      'all tcp.port != 80',
      'all tcp.port == 80',
    ],
    ...['all ip.addr == 127.0.0.1', 'any udp.port > 1', 'all udp.port > 1', 'any ip.addr in {10.0.0.0/8, 127.0.0.0/8}'],
    ...[
      'ip.proto == TCP',
      'ip.proto == "tcp"',
      'eth.type == IPv4',
      'tcp.flags.syn == Set',
      'tcp.flags.syn == "Not set"',
      'tcp.flags.syn == 2',
    ],
  ],
  'nginx-h2c.pcapng': [
    ...[
      'http2.type == headers',
      'http2.type > DATA',
      'http2.type in {"DATA", SETTINGS}',
      'http2 contains "nginx"',
      'http2 contains 00:00:00:04:01',
    ],
  ],
  'any-sll2-gz.pcapng.gz': [
    ...[
      'tls contains 16:03:01',
      'tls contains "example"',
      'tls contains 14:03:03',
      'tcp contains 16:03:03',
      'frame contains 16:03:01',
      'tls[0] == 17',
    ],
  ],
  'ping-and-closed-port.pcapng': [
    ...['icmp[0] == 8', 'icmp contains 45:00', 'tcp contains 00', 'ip contains "abc"', 'icmp[0] & 8', 'count(ip) == 2'],
  ],
  'nginx-h2-tls13.pcapng': [
    ...[
      'tls contains 16:03:01',
      'tls contains 17:03:03',
      'tls contains 14:03:03:00:01:01',
      'tls matches r"^\\x16\\x03\\x01"',
    ],
    ...['http2 contains 00:00:00:04:01', 'tls.handshake.type == "Client Hello"', 'tls.record.version == "TLS 1.2"'],
    'http2',
    'http2.type == 1',
    'http2.type != 1',
    'http2.type ~= 1 and http2.type',
    'http2.type === 0',
    'http2.streamid in {1, 3..5}',
    'http2.headers.path matches "^/"',
    'http2.headers.status == 200 || http2.headers.method == "GET"',
    'http2.header.name contains "content"',
    'http2.flags & 0x01 and not http2.type == 4',
    'http2.flags.end_stream == 1',
    'http2.settings.initial_window_size > 65535',
    'http2.window_update.window_size_increment',
    'len(http2.headers.path) > 1 or http2.goaway.error == 0',
    'tls.handshake.type in {1, 2}',
    'tls.handshake.extensions_alpn_str == "h2"',
    'tls.handshake.ciphersuite == 0x1301 or tls.alert_message',
    'tls.handshake.extensions_key_share_group == 29',
    'tls.record.length > 1000',
  ],
  'nginx-ipv6.pcapng': [
    'ipv6 and not ip',
    'ip.version == 6',
    'ipv6.addr == ::1/128 && tcp.flags.push',
    'ipv6.src[15] == 1',
    'ipv6.plen > 500 or ipv6.hlim < 64',
    'ip.addr == 10.0.0.0/8',
    'ipv6.src != ipv6.dst',
  ],
  'packets-missing.pcapng': [
    'tcp.analysis.lost_segment',
    'tcp.analysis.retransmission or tcp.flags.reset',
    'tcp.ack > 10000 and tcp.len == 0',
    'tcp.stream == 0 && (http or tcp.flags.fin)',
  ],
  'veth-classic-pcap.pcap': [
    'ip.src == 10.0.0.0/8 or ip.src == 192.168.0.0/16',
    'ip.dst in {10.0.0.1..10.255.255.255}',
    'tls && tcp.dstport < 1024',
  ],
};

for (const [name, filters] of Object.entries(FILTERS)) {
  const file = `fixtures/${name.startsWith('ping') ? 'captures' : 'foreign'}/${name}`;
  testWith(test, needCommands('tshark'), `${filters.length} filters over ${name}`, async () => {
    const packets: InspectedPacket[] = [];
    const options = { keys: createKeyStore(), fields: true, createConversation };
    for await (const packet of inspectCapture(file, options)) packets.push(packet);
    for (const filter of filters) {
      const args = ['-r', file, ...PREFERENCES, '-Y', filter, '-T', 'fields', '-e', 'frame.number'];
      const theirs = run('tshark', ...args)
        .split('\n')
        .filter((line) => line !== '')
        .map(Number);
      const { matches } = parseDisplayFilter(filter);
      const ours = packets.filter((packet) => matches(packet)).map(({ number }) => number);
      assert.equal(ours, theirs, filter);
    }
  });
}

test.run();
