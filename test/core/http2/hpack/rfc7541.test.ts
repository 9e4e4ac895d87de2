// The examples of RFC 7541 appendix C, all of them: decoded, with the dynamic table after each block.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHeaderList, HpackDecoder } from '../../../../src/core/http2/hpack/decode.js';
import { HpackEncoder } from '../../../../src/core/http2/hpack/encode.js';
import { decodeInteger, encodeInteger } from '../../../../src/core/http2/hpack/integer.js';
import type { Field } from '../../../../src/core/trace.js';
import { equalBytes, hex, toHex } from '../../../support/bytes.js';

interface Example {
  readonly section: string;
  readonly tableSize: number;
  readonly blocks: readonly {
    readonly fields: readonly Field[];
    readonly block: string;
    /** Newest first, `name: value`. */
    readonly table: readonly string[];
    readonly size: number;
  }[];
}

const examples: readonly Example[] = [
  {
    section: 'C.2.1',
    tableSize: 4096,
    blocks: [
      {
        fields: [['custom-key', 'custom-header']],
        block: '400a637573746f6d2d6b65790d637573746f6d2d686561646572',
        table: ['custom-key: custom-header'],
        size: 55,
      },
    ],
  },
  {
    section: 'C.2.2',
    tableSize: 4096,
    blocks: [
      {
        fields: [[':path', '/sample/path']],
        block: '040c2f73616d706c652f70617468',
        table: [],
        size: 0,
      },
    ],
  },
  {
    section: 'C.2.3',
    tableSize: 4096,
    blocks: [
      {
        fields: [['password', 'secret']],
        block: '100870617373776f726406736563726574',
        table: [],
        size: 0,
      },
    ],
  },
  {
    section: 'C.2.4',
    tableSize: 4096,
    blocks: [
      {
        fields: [[':method', 'GET']],
        block: '82',
        table: [],
        size: 0,
      },
    ],
  },
  {
    section: 'C.3 requests without Huffman',
    tableSize: 4096,
    blocks: [
      {
        fields: [
          [':method', 'GET'],
          [':scheme', 'http'],
          [':path', '/'],
          [':authority', 'www.example.com'],
        ],
        block: '828684410f7777772e6578616d706c652e636f6d',
        table: [':authority: www.example.com'],
        size: 57,
      },
      {
        fields: [
          [':method', 'GET'],
          [':scheme', 'http'],
          [':path', '/'],
          [':authority', 'www.example.com'],
          ['cache-control', 'no-cache'],
        ],
        block: '828684be58086e6f2d6361636865',
        table: ['cache-control: no-cache', ':authority: www.example.com'],
        size: 110,
      },
      {
        fields: [
          [':method', 'GET'],
          [':scheme', 'https'],
          [':path', '/index.html'],
          [':authority', 'www.example.com'],
          ['custom-key', 'custom-value'],
        ],
        block: '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
        table: ['custom-key: custom-value', 'cache-control: no-cache', ':authority: www.example.com'],
        size: 164,
      },
    ],
  },
  {
    section: 'C.4 requests with Huffman',
    tableSize: 4096,
    blocks: [
      {
        fields: [
          [':method', 'GET'],
          [':scheme', 'http'],
          [':path', '/'],
          [':authority', 'www.example.com'],
        ],
        block: '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        table: [':authority: www.example.com'],
        size: 57,
      },
      {
        fields: [
          [':method', 'GET'],
          [':scheme', 'http'],
          [':path', '/'],
          [':authority', 'www.example.com'],
          ['cache-control', 'no-cache'],
        ],
        block: '828684be5886a8eb10649cbf',
        table: ['cache-control: no-cache', ':authority: www.example.com'],
        size: 110,
      },
      {
        fields: [
          [':method', 'GET'],
          [':scheme', 'https'],
          [':path', '/index.html'],
          [':authority', 'www.example.com'],
          ['custom-key', 'custom-value'],
        ],
        block: '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
        table: ['custom-key: custom-value', 'cache-control: no-cache', ':authority: www.example.com'],
        size: 164,
      },
    ],
  },
  {
    section: 'C.5 responses without Huffman',
    tableSize: 256,
    blocks: [
      {
        fields: [
          [':status', '302'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
          ['location', 'https://www.example.com'],
        ],
        block:
          '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768' +
          '747470733a2f2f7777772e6578616d706c652e636f6d',
        table: [
          'location: https://www.example.com',
          'date: Mon, 21 Oct 2013 20:13:21 GMT',
          'cache-control: private',
          ':status: 302',
        ],
        size: 222,
      },
      {
        fields: [
          [':status', '307'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
          ['location', 'https://www.example.com'],
        ],
        block: '4803333037c1c0bf',
        table: [
          ':status: 307',
          'location: https://www.example.com',
          'date: Mon, 21 Oct 2013 20:13:21 GMT',
          'cache-control: private',
        ],
        size: 222,
      },
      {
        fields: [
          [':status', '200'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
          ['location', 'https://www.example.com'],
          ['content-encoding', 'gzip'],
          ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
        ],
        block:
          '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153' +
          '444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e' +
          '3d31',
        table: [
          'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
          'content-encoding: gzip',
          'date: Mon, 21 Oct 2013 20:13:22 GMT',
        ],
        size: 215,
      },
    ],
  },
  {
    section: 'C.6 responses with Huffman',
    tableSize: 256,
    blocks: [
      {
        fields: [
          [':status', '302'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
          ['location', 'https://www.example.com'],
        ],
        block:
          '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8' +
          'e9ae82ae43d3',
        table: [
          'location: https://www.example.com',
          'date: Mon, 21 Oct 2013 20:13:21 GMT',
          'cache-control: private',
          ':status: 302',
        ],
        size: 222,
      },
      {
        fields: [
          [':status', '307'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
          ['location', 'https://www.example.com'],
        ],
        block: '4883640effc1c0bf',
        table: [
          ':status: 307',
          'location: https://www.example.com',
          'date: Mon, 21 Oct 2013 20:13:21 GMT',
          'cache-control: private',
        ],
        size: 222,
      },
      {
        fields: [
          [':status', '200'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
          ['location', 'https://www.example.com'],
          ['content-encoding', 'gzip'],
          ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
        ],
        block:
          '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b' +
          '3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
        table: [
          'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
          'content-encoding: gzip',
          'date: Mon, 21 Oct 2013 20:13:22 GMT',
        ],
        size: 215,
      },
    ],
  },
];

test('C.1: integers 10 and 1337 with a 5-bit prefix, 42 with 8 bits', () => {
  for (const [value, bits, octets] of [
    [10, 5, '0a'],
    [1337, 5, '1f9a0a'],
    [42, 8, '2a'],
  ] as const) {
    const target = new Uint8Array(8);
    const end = encodeInteger(target, 0, bits, 0, value);
    assert.is(toHex(target.subarray(0, end)), octets);
    assert.is(decodeInteger({ bytes: target, at: 0, end }, bits, 'value'), value);
  }
});

for (const { section, tableSize, blocks } of examples) {
  test(`${section}: fields, dynamic table and its size`, () => {
    const decoder = new HpackDecoder(tableSize);
    const list = createHeaderList();
    for (const { fields, block, table, size } of blocks) {
      const bytes = hex(block);
      decoder.decode(bytes, 0, bytes.length, list);
      assert.equal(
        list.entries.map((entry) => entry.field),
        fields,
      );
      assert.equal(
        Array.from({ length: decoder.table.count }, (_, i) => decoder.table.get(i)!.field.join(': ')),
        table,
      );
      assert.is(decoder.table.size, size);
    }
  });
}

test('C.4: our encoder makes the same blocks', () => {
  // C.6 cannot serve here: it indexes location and set-cookie, and codes "307" although that saves nothing.
  const { blocks } = examples.find(({ section }) => section.startsWith('C.4'))!;
  const encoder = new HpackEncoder(4096);
  for (const { fields, block } of blocks) equalBytes(encoder.encode(fields), hex(block));
});

test.run();
