// http.time and http2.time: how long a response took, by the times of the packets that complete the request and begin (HTTP/2) or
// complete (HTTP/1.x) the response.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConversation } from '../../../src/bench/inspect/conversation.js';
import { createKeyStore } from '../../../src/bench/inspect/keys.js';
import { inspectCapture } from '../../../src/bench/inspect/packets.js';
import type { InspectedField, PacketSink } from '../../../src/bench/inspect/types.js';
import { FrameType } from '../../../src/core/http2/frame.js';
import type { Direction } from '../../../src/core/trace.js';
import { foreignCaptures, foreignFolder } from '../../support/re-executed.js';

const test = suite('response times');

type Step = readonly [dir: Direction, atMs: number | undefined, text: string];

/** The fields of HTTP/1.x responses: packet by packet, their status, the packet of the request and the time. */
function times(steps: readonly Step[]): (number | undefined)[][] {
  const found: (number | undefined)[][] = [];
  const conversation = createConversation({ flow: 'a>b#0', midstream: false, keys: createKeyStore() });
  steps.forEach(([dir, atMs, text], index) => {
    const sink: PacketSink = {
      wantsFields: true,
      wantsEvents: false,
      packet: index + 1,
      atNs: atMs === undefined ? undefined : atMs * 1e6,
      event() {},
      verdict() {},
      layer({ fields }) {
        const status = numberIn(fields, 'http.response.code');
        if (status === undefined) return;
        found.push([index + 1, status, numberIn(fields, 'http.request_in'), numberIn(fields, 'http.time')]);
      },
    };
    conversation.push(dir, new Uint8Array(Buffer.from(text, 'latin1')), sink);
  });
  return found;
}

function numberIn(fields: readonly InspectedField[], wanted: string): number | undefined {
  const value = fields.find(({ name }) => name === wanted)?.value;
  return value === undefined ? undefined : Number(value);
}

test('HTTP/1.x: from the end of the request to the end of the response; an interim response has none of its own', () => {
  const steps: Step[] = [
    ['in', 1, 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'],
    ['out', 2, 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['in', 4, 'xy'],
    ['out', 10, 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na'],
    ['out', 12.5, 'bc'],
  ];
  assert.equal(times(steps), [
    [2, 100, undefined, undefined],
    [5, 200, 3, 0.0085],
  ]);
});

test('pipelined requests: each response has the time of its own request', () => {
  const steps: Step[] = [
    ['in', 1, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['in', 2, 'GET /b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['out', 5, 'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'],
  ];
  assert.equal(times(steps), [
    [3, 204, 1, 0.004],
    [3, 204, 2, 0.003],
  ]);
});

test('a response to a request that is not there yet, and packets without a time, have none', () => {
  const early: Step[] = [
    ['in', 1, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n'],
    ['out', 2, 'HTTP/1.1 204 No Content\r\n\r\n'],
  ];
  assert.equal(times(early), [[2, 204, undefined, undefined]]);
  const timeless: Step[] = [
    ['in', undefined, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['out', undefined, 'HTTP/1.1 204 No Content\r\n\r\n'],
  ];
  assert.equal(times(timeless), [[2, 204, 1, undefined]]);
});

test('HTTP/2: each final response names the packet of its request, and the time between the two', async () => {
  let responses = 0;
  for (const name of foreignCaptures) {
    const at = new Map<number, bigint>();
    const requests = new Map<string, number>();
    const options = { keys: createKeyStore(), fields: true, createConversation };
    for await (const { number, timeNs, stream, layers } of inspectCapture(`${foreignFolder}/${name}`, options)) {
      at.set(number, timeNs!);
      for (const { name: layer, fields } of layers) {
        if (layer !== 'http2') continue;
        const id = `${stream} ${numberIn(fields, 'http2.streamid')}`;
        // A promise is on the stream of another request.
        const isPromise = numberIn(fields, 'http2.type') === FrameType.PUSH_PROMISE;
        if (!isPromise && fields.some((field) => field.name === 'http2.headers.method')) requests.set(id, number);
        const status = numberIn(fields, 'http2.headers.status');
        const [requestIn, time] = [numberIn(fields, 'http2.request_in'), numberIn(fields, 'http2.time')];
        const isAnswer = status !== undefined && status >= 200 && requests.has(id);
        assert.is(requestIn, isAnswer ? requests.get(id) : undefined, `${name} packet ${number}`);
        if (!isAnswer) {
          assert.is(time, undefined);
          continue;
        }
        responses++;
        assert.is(time, Number(timeNs! - at.get(requestIn!)!) / 1e9, `${name} packet ${number}`);
      }
    }
  }
  assert.ok(responses > 20, `${responses}`);
});

test.run();
