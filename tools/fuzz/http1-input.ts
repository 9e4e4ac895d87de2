// Requests for the target `http1`: valid ones from the grammar of RFC 9112, then mutated where two readers of a stream are
// known to disagree, or put together from words that mean something to one of them.

import type { testRandom } from '../../test/support/bytes.js';

export type Random = ReturnType<typeof testRandom>;

const pick = <Value>(random: Random, values: readonly Value[]): Value => values[random.below(values.length)]!;

const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'BREW', "M!#$%&'*+-.^_`|~"];
const TARGETS = [
  '/',
  '/a/b?c=d',
  '/status/200',
  '/%00',
  '/a|b"<>',
  'http://b/c',
  'http://b',
  'HTTP://b:8080?q',
  'http://[::1]:80/',
];
const HOSTS = [
  'a',
  '',
  'a:80',
  '127.0.0.1',
  '[::1]',
  '[v1.x]:1',
  '[1:2:3:4:5:6:7::]',
  '[::ffff:1.2.3.4]',
  "a!$&'()*+,;=~-._%41",
  'wirebench.test:',
];
const OTHERS = [
  'Accept: */*',
  'X:',
  'X: a\tb \x80\xff',
  'x-y:z',
  'Upgrade: h2c',
  'TE: trailers',
  'Cookie: a=b',
  'Range: bytes=0-1',
];
const EXTENSIONS = ['', '', '', ';a', ';a=b', ' ; a = "q;\\"\r\n"', ';a="x\\\\";b', ';;', ';a=', ' ', '; a="b'];

/** One whole request; well-formed unless `wild`, then a part of it may be what some readers take and others do not. */
export function makeRequest(random: Random, wild: boolean): string {
  const old = random.below(6) === 0;
  const method = pick(random, METHODS);
  let target = method === 'OPTIONS' && random.below(2) === 0 ? '*' : pick(random, TARGETS);
  if (wild && random.below(6) === 0)
    target = pick(random, ['*', 'a', '//', 'http://', 'http://u@b/', 'ftp://b/', '/#', 'https://b/', 'http:///x']);
  const fields: string[] = [];
  if (!old || random.below(2) === 0) fields.push(`Host: ${pick(random, HOSTS)}`);
  if (wild && random.below(5) === 0)
    fields.push(
      pick(random, [
        'Host: a',
        'Host: a/b',
        'Host: a@b',
        'Host : a',
        'Host: [1::2:3:4:5:6:7:8]',
        'Host: [::',
        'Host: [1::2::3]',
        'Host: a b',
        'host:\ta',
      ]),
    );
  for (let i = random.below(3); i > 0; i--) fields.push(pick(random, OTHERS));
  if (random.below(4) === 0) {
    fields.push(
      `Connection: ${pick(random, ['close', 'keep-alive', 'Keep-Alive, close', 'te', 'x,,close', 'closed'])}`,
    );
  }
  if (random.below(20) === 0) {
    fields.push(`Expect: ${pick(random, ['100-continue', '100-Continue', wild ? 'tea' : '100-continue'])}`);
  }
  let content = '';
  const framing = random.below(old ? 2 : 3);
  if (framing === 1) {
    content = makeContent(random);
    fields.push(`Content-Length: ${content.length}`);
  } else if (framing === 2) {
    fields.push(`Transfer-Encoding: ${pick(random, ['chunked', 'Chunked', 'chunked,', ', chunked'])}`);
    content = makeChunks(random, wild);
  }
  if (wild && random.below(4) === 0) fields.push(pick(random, CONFLICTS));
  for (let i = fields.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [fields[i], fields[j]] = [fields[j]!, fields[i]!];
  }
  const version =
    wild && random.below(10) === 0
      ? pick(random, ['HTTP/1.2', 'HTTP/2.0', 'HTTP/1', 'http/1.1', 'HTTP/1.10', 'HTTP/0.9'])
      : old
        ? 'HTTP/1.0'
        : 'HTTP/1.1';
  const before = random.below(8) === 0 ? '\r\n'.repeat(1 + random.below(wild ? 6 : 3)) : '';
  return `${before}${method} ${target} ${version}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${content}`;
}

/** What request smuggling is made of: lengths that contradict each other, codings that only some readers see. */
const CONFLICTS = [
  'Content-Length: 3',
  'Content-Length: 3, 3',
  'Content-Length: +3',
  'Content-Length: 0x3',
  'Content-Length: 3 ',
  'Content-Length: 003',
  'Content-Length:',
  'Content-Length: -1',
  'Content-Length: 9007199254740992',
  'Content-Length : 3',
  'Content-Length\t: 3',
  'Content_Length: 3',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: chunked\x00',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\x00: chunked',
  ' Transfer-Encoding: chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: \r\n\tchunked',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'X: y\r\r\nTransfer-Encoding: chunked',
  '\x00',
  ':',
  ': x',
  'X',
  'X y: z',
];

function makeContent(random: Random): string {
  let content = '';
  for (let i = random.below(3); i > 0; i--)
    content += pick(random, [
      'abc',
      '\r\n',
      '0\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      '\x00\xff',
      'x'.repeat(random.below(600)),
    ]);
  return content;
}

function makeChunks(random: Random, wild: boolean): string {
  let out = '';
  for (let i = random.below(4); i > 0; i--) {
    const data = makeContent(random);
    if (data === '') continue;
    out += `${makeSize(random, data.length)}${makeExtension(random, wild)}\r\n${data}\r\n`;
  }
  out += `${'0'.repeat(1 + random.below(3))}${makeExtension(random, wild)}\r\n`;
  for (let i = random.below(3); i > 0; i--)
    out += `${pick(random, ['T: 1', 'Content-Length: 5', 'x:', wild ? ' folded' : 'y: z'])}\r\n`;
  return `${out}\r\n`;
}

function makeSize(random: Random, length: number): string {
  const digits = length.toString(16);
  return (
    '0'.repeat(random.below(10) === 0 ? 20 : random.below(2)) + (random.below(2) === 0 ? digits.toUpperCase() : digits)
  );
}

function makeExtension(random: Random, wild: boolean): string {
  return EXTENSIONS[random.below(wild ? EXTENSIONS.length : 5)]!;
}

const ODD = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  '\x00',
  '\x0b',
  '\x7f',
  '\xff',
  ':',
  ',',
  ';',
  '"',
  '\\',
  '0',
  'f',
  'x',
  '/',
  '-',
  '=',
];

/** One small change at one place. */
export function mutate(random: Random, input: string): string {
  const at = random.below(input.length + 1);
  switch (random.below(6)) {
    case 0:
      return input.slice(0, at) + pick(random, ODD) + input.slice(at);
    case 1:
      return input.slice(0, at) + input.slice(at + 1 + random.below(3));
    case 2:
      return input.slice(0, at) + pick(random, ODD) + input.slice(at + 1);
    case 3: {
      // A piece of it stands somewhere else as well.
      const from = random.below(input.length + 1);
      return input.slice(0, at) + input.slice(from, from + random.below(40)) + input.slice(at);
    }
    case 4: {
      const lineEnd = input.indexOf('\r\n', at);
      return lineEnd < 0
        ? input
        : input.slice(0, lineEnd) +
            pick(random, ['\n', '\r', '\r\r\n', '\n\r', '\r\n ', ' \r\n']) +
            input.slice(lineEnd + 2);
    }
    default:
      return (
        input.slice(0, at) + String.fromCharCode(input.charCodeAt(at) ^ (1 << random.below(8))) + input.slice(at + 1)
      );
  }
}

const WORDS = [
  'GET',
  'POST',
  ' ',
  '/',
  ' HTTP/1.1',
  '\r\n',
  ':',
  'Host: a',
  'Content-Length',
  'Transfer-Encoding: ',
  'chunked',
  '0',
  '5',
  'f',
  ';',
  '\n',
  '\r',
  '\t',
  '\r\n\r\n',
  'a="',
];

export function makeWords(random: Random): string {
  let input = random.below(2) === 0 ? 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' : '';
  for (let i = random.below(40); i > 0; i--) input += pick(random, WORDS);
  return input;
}

export function makeNoise(random: Random): string {
  return String.fromCharCode(...random.bytes(random.below(400)));
}
