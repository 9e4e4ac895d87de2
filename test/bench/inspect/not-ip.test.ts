// Packets that hold no IP are told by name, and UDP by its ports.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { Inspector } from '../../../src/bench/inspect/packets.js';
import type { InspectedPacket } from '../../../src/bench/inspect/types.js';
import { hex } from '../../support/bytes.js';

const test = suite('packets without TCP');

function inspected(linkType: number, frame: string): InspectedPacket {
  const inspector = new Inspector({ keys: createKeyStore(), events: true, createConversation });
  const data = hex(frame);
  return inspector.take({
    kind: 'packet',
    index: 1,
    timeNs: 0n,
    direction: undefined,
    linkType,
    data,
    originalLength: data.length,
    fileOffset: 24,
  })!;
}

const MACS = 'ffffffffffff 020000000001';
const SENDER = '020000000001 0a000001';
const TARGET = '000000000000 0a000002';
const ETHERNET = 1;
const COOKED = 113;
const COOKED_2 = 276;

// biome-ignore format: a table
const FRAMES: readonly (readonly [about: string, linkType: number, frame: string])[] = [
  ['ARP who-has 10.0.0.2 tell 10.0.0.1',    ETHERNET, `${MACS} 0806 0001 0800 06 04 0001 ${SENDER} ${TARGET}`],
  ['ARP 10.0.0.1 is-at 02:00:00:00:00:01',  ETHERNET, `${MACS} 0806 0001 0800 06 04 0002 ${SENDER} ${TARGET}`],
  ['ARP who-has 10.0.0.2 tell 10.0.0.1',    ETHERNET, `${MACS} 8100 0005 0806 0001 0800 06 04 0001 ${SENDER} ${TARGET}`],
  ['ARP who-has 10.0.0.2 tell 10.0.0.1',    COOKED,   `0000 0001 0006 0200000000010000 0806 0001 0800 06 04 0001 ${SENDER} ${TARGET}`],
  ['ARP who-has 10.0.0.2 tell 10.0.0.1',    COOKED_2, `0806 0000 00000001 0001 00 06 0200000000010000 0001 0800 06 04 0001 ${SENDER} ${TARGET}`],
  ['ARP operation 9',                       ETHERNET, `${MACS} 0806 0001 0800 06 04 0009 ${SENDER} ${TARGET}`],
  ['ARP',                                   ETHERNET, `${MACS} 0806 0001 0800 06 04 0001 ${SENDER}`],
  ['EtherType 0x88cc (LLDP)',               ETHERNET, `${MACS} 88cc 0207`],
  ['EtherType 0x1234',                      ETHERNET, `${MACS} 1234 0207`],
  ['IEEE 802.3 frame',                      ETHERNET, `${MACS} 0026 4242 03`],
  ['no IP',                                 ETHERNET, '0102'],
];

for (const [about, linkType, frame] of FRAMES) {
  test(`${about}, link type ${linkType}`, () => assert.is(inspected(linkType, frame).about, about));
}

test('UDP has its ports in the event of its packet, and nothing else has', () => {
  const ip = (protocol: string, rest: string): InspectedPacket =>
    inspected(101, `45 00 0020 0001 0000 ff ${protocol} 0000 0a000001 e00000fb ${rest}`);
  const ports = ({ events }: InspectedPacket): unknown =>
    events.map((event) => event.layer === 'ip' && event.kind === 'packet' && [event.srcPort, event.dstPort]);
  assert.equal(ports(ip('11', '14e9 14ea 000c 0000 01020304')), [[5353, 5354]]);
  assert.equal(ports(ip('2f', '14e9 14ea 000c 0000 01020304')), [[undefined, undefined]]);
  assert.equal(ports(ip('11', '14e9')), [[undefined, undefined]]);
  assert.is(ip('11', '14e9').about, undefined);
});

test.run();
