// A test that feeds bytes to a session and asserts the frames that come out: no sockets, no clock, the same every time.
// Here it is one client of HTTP/2 in clear, written out octet by octet (RFC 9113 §4.1, RFC 7541).

import assert from 'node:assert/strict';
import { bytesBody, createSession } from 'wirebench';

const session = createSession({
  flow: 'test#0',
  startUnixUs: 784_111_777_000_000,
  handler: () => ({ status: 200, headers: [], body: bytesBody(new TextEncoder().encode('hello')) }),
});

const hex = (text) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const ascii = (text) => Uint8Array.from(Buffer.from(text, 'latin1'));

session.receive(0, ascii('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
session.receive(0, hex('000000 04 00 00000000')); // SETTINGS, empty
// HEADERS of stream 1 with END_STREAM and END_HEADERS: :method GET, :path /, :scheme http, :authority a
session.receive(1_000, hex('000006 01 05 00000001  82 84 86 41 01 61'));

const NAMES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
];
const frames = [];
let bytes = new Uint8Array(0);
for (let part = session.take(1_000, 65_536); part.length > 0; part = session.take(1_000, 65_536)) {
  bytes = Uint8Array.from([...bytes, ...part]);
}
for (let at = 0; at < bytes.length; ) {
  const length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
  const payload = bytes.subarray(at + 9, at + 9 + length);
  frames.push({ type: NAMES[bytes[at + 3]], flags: bytes[at + 4], streamId: bytes[at + 8], payload });
  at += 9 + length;
}

const told = frames.map(({ type, flags, streamId }) => `${type} flags=${flags} stream=${streamId}`);
assert.equal(told[0], 'SETTINGS flags=0 stream=0');
assert.ok(told.includes('SETTINGS flags=1 stream=0'), 'ours to the settings of the client');
assert.deepEqual(told.slice(-2), ['HEADERS flags=4 stream=1', 'DATA flags=1 stream=1']);
assert.equal(Buffer.from(frames.at(-1).payload).toString(), 'hello');
console.log(told.join('\n'));
