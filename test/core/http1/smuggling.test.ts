// Request smuggling (RFC 9112 §11.2): the published ways to make two readers of a stream see different requests. Each is
// either refused, with nothing behind it looked at, or can be read in one way only.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { refusals } from '../../../src/core/http1/refusals.js';
import { parseResponse, parseResponses, rig } from '../../support/http1.js';

/** What an attacker hides behind; it must never be answered. */
const HIDDEN = 'GET /status/299 HTTP/1.1\r\nHost: a\r\n\r\n';
const CHUNKED_HIDDEN = `0\r\n\r\n${HIDDEN}`;
const post = (fields: string, content: string): string => `POST /echo HTTP/1.1\r\nHost: a\r\n${fields}\r\n${content}`;

type Attack = readonly [name: string, request: string, status: number];

const LENGTHS: readonly Attack[] = [
  ['CL.TE', post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', CHUNKED_HIDDEN), 400],
  ['TE.CL', post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `5c\r\n${HIDDEN}\r\n0\r\n\r\n`), 400],
  ['CL.CL, different', post('Content-Length: 0\r\nContent-Length: 44\r\n', HIDDEN), 400],
  ['CL.CL, equal', post('Content-Length: 3\r\nContent-Length: 3\r\n', `abc${HIDDEN}`), 400],
  ['CL as a list', post('Content-Length: 3, 3\r\n', `abc${HIDDEN}`), 400],
  ['CL as a list of different values', post('Content-Length: 3, 0\r\n', HIDDEN), 400],
  ['CL with a sign', post('Content-Length: +3\r\n', `abc${HIDDEN}`), 400],
  ['CL negative', post('Content-Length: -3\r\n', HIDDEN), 400],
  ['CL in hex', post('Content-Length: 0x3\r\n', `abc${HIDDEN}`), 400],
  ['CL with a fraction', post('Content-Length: 3.0\r\n', `abc${HIDDEN}`), 400],
  ['CL with an exponent', post('Content-Length: 3e0\r\n', `abc${HIDDEN}`), 400],
  ['CL with an underscore', post('Content-Length: 1_0\r\n', HIDDEN), 400],
  ['CL with a space inside', post('Content-Length: 1 0\r\n', HIDDEN), 400],
  ['CL empty', post('Content-Length:\r\n', HIDDEN), 400],
  ['CL in other digits', post('Content-Length: \u00b3\r\n', `abc${HIDDEN}`), 400],
  ['CL beyond 2^53', post('Content-Length: 9007199254740993\r\n', HIDDEN), 413],
  ['CL beyond 2^64', post('Content-Length: 18446744073709551619\r\n', `abc${HIDDEN}`), 413],
];

const CODINGS: readonly Attack[] = (
  [
    ['unknown', 'Transfer-Encoding: xchunked', 400],
    ['identity', 'Transfer-Encoding: identity', 400],
    ['chunked before another', 'Transfer-Encoding: chunked, identity', 400],
    ['chunked behind another', 'Transfer-Encoding: gzip, chunked', 501],
    ['identity, then chunked', 'Transfer-Encoding: identity, chunked', 501],
    ['chunked twice', 'Transfer-Encoding: chunked, chunked', 400],
    ['two fields', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', 400],
    ['two fields, one unknown (CVE-2022-32213)', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x', 400],
    ['two fields, the unknown first', 'Transfer-Encoding: x\r\nTransfer-Encoding: chunked', 501],
    ['with a parameter', 'Transfer-Encoding: chunked;q=1', 400],
    ['quoted', 'Transfer-Encoding: "chunked"', 400],
    ['single quotes', "Transfer-Encoding: 'chunked'", 400],
    ['empty', 'Transfer-Encoding:', 400],
    ['vertical tab before', 'Transfer-Encoding: \x0bchunked', 400],
    ['form feed behind', 'Transfer-Encoding: chunked\x0c', 400],
    ['NUL behind', 'Transfer-Encoding: chunked\x00', 400],
    ['no-break space', 'Transfer-Encoding: \xa0chunked', 400],
    ['bare CR before', 'Transfer-Encoding: \rchunked', 400],
    ['space before the colon', 'Transfer-Encoding : chunked', 400],
    ['tab before the colon', 'Transfer-Encoding\t: chunked', 400],
    ['NUL before the colon', 'Transfer-Encoding\x00: chunked', 400],
    ['vertical tab before the colon', 'Transfer-Encoding\x0b: chunked', 400],
    ['space before the name', ' Transfer-Encoding: chunked', 400],
    ['tab before the name', '\tTransfer-Encoding: chunked', 400],
    ['no colon', 'Transfer-Encoding chunked', 400],
    ['folded value (CVE-2022-32215)', 'Transfer-Encoding:\r\n chunked', 400],
    ['folded by a tab', 'Transfer-Encoding:\r\n\tchunked', 400],
    ['hidden behind a bare LF', 'X: y\nTransfer-Encoding: chunked', 400],
    ['hidden behind a bare CR (CVE-2023-30589)', 'X: y\rTransfer-Encoding: chunked', 400],
    ['hidden behind LF CR', 'X: y\n\rTransfer-Encoding: chunked', 400],
    ['hidden behind CR CR LF', 'X: y\r\r\nTransfer-Encoding: chunked', 400],
    ['hidden in a folded line', 'X: y\r\n Transfer-Encoding: chunked', 400],
    ['empty name before', ': y\r\nTransfer-Encoding: chunked', 400],
    ['parentheses in the name', 'X(: y\r\nTransfer-Encoding: chunked', 400],
  ] as const
).map(([name, fields, status]) => [`TE ${name}`, post(`${fields}\r\n`, CHUNKED_HIDDEN), status]);

const chunked = (content: string): string => post('Transfer-Encoding: chunked\r\n', content);

/** Content that is malformed before any of it could be given to the handler. */
const CHUNKS: readonly Attack[] = [
  ['a bare LF behind the size (CVE-2025-22871)', chunked(`3\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a bare CR behind the size', chunked(`3\rabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a bare LF in an extension (TERM.EXT)', chunked(`3;a\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a bare CR in an extension', chunked(`3;a\rb\r\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a line end in a quoted extension (EXT.TERM)', chunked(`3;a="\r\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a size with 0x (CVE-2022-24801)', chunked(`0x3\r\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a size with a sign (CVE-2022-24801)', chunked(`+3\r\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a negative size', chunked(`-1\r\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a size with an underscore', chunked(`0_3\r\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a space before the size', chunked(` 3\r\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a space behind the size', chunked(`3 \r\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['an empty size', chunked(`\r\n${CHUNKED_HIDDEN}`), 400],
  ['an extension without a name', chunked(`3;\r\nabc\r\n${CHUNKED_HIDDEN}`), 400],
  ['a size that wraps at 64 bits', chunked(`10000000000000003\r\nabc\r\n${CHUNKED_HIDDEN}`), 413],
  ['a size that wraps at 32 bits, and waits', chunked(`100000003\r\n`), 0],
  ['a folded trailer', chunked(`0\r\nX: y\r\n z\r\n\r\n${HIDDEN}`), 400],
  ['a trailer with a space before its colon', chunked(`0\r\nX : y\r\n\r\n${HIDDEN}`), 400],
  ['a trailer section that ends in a bare LF', chunked(`0\r\n\n${HIDDEN}`), 400],
  ['a last chunk without the empty line', chunked(`0\r\n${HIDDEN}`), 400],
];

const LINES: readonly Attack[] = [
  ['a request line that ends in a bare LF', `GET / HTTP/1.1\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['a bare CR in the target', `GET /\rX HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['two spaces behind the method', `GET  / HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['a tab for a space', `GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['a space behind the version', `GET / HTTP/1.1 \r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['a space before the method', ` GET / HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['a target with a request inside', `GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['HTTP/0.9', `GET /\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['the version in lower case', `GET / http/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['two digits', `GET / HTTP/1.10\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['Host twice', `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${HIDDEN}`, 400],
  ['Host twice, in HTTP/1.0', `GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n${HIDDEN}`, 400],
  ['Host with a path', `GET / HTTP/1.1\r\nHost: a/b\r\n\r\n${HIDDEN}`, 400],
  ['Host with userinfo', `GET / HTTP/1.1\r\nHost: u@a\r\n\r\n${HIDDEN}`, 400],
  ['Host with a space', `GET / HTTP/1.1\r\nHost: a b\r\n\r\n${HIDDEN}`, 400],
  ['Host with a comma-separated second', `GET / HTTP/1.1\r\nHost: a, b\r\n\r\n${HIDDEN}`, 400],
  ['Host with a port that is none', `GET / HTTP/1.1\r\nHost: a:b\r\n\r\n${HIDDEN}`, 400],
  ['Host that is no address', `GET / HTTP/1.1\r\nHost: [1::2::3]\r\n\r\n${HIDDEN}`, 400],
  ['Host with a zone', `GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n${HIDDEN}`, 400],
  ['absolute-form with userinfo', `GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['absolute-form without a host', `GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['absolute-form of another scheme', `GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['authority-form', `CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 501],
  ['asterisk-form of GET', `GET * HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['a fragment in the target', `GET /#x HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`, 400],
  ['an Upgrade by a preface', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`, 505],
];

test('each is refused, the connection closes, and what is hidden behind it is not answered', () => {
  for (const [name, request, status] of [...LENGTHS, ...CODINGS, ...CHUNKS, ...LINES]) {
    for (const piece of [request.length, 1, 3]) {
      const it = rig({ trace: false });
      let output = '';
      for (let at = 0; at < request.length; at += piece) output += it.send(request.slice(at, at + piece));
      if (status === 0) {
        assert.is(output, '', name);
        assert.is(it.connection.state, 'open', name);
        continue;
      }
      const answer = parseResponse(output);
      assert.is(answer.status, status, `${name}: ${answer.body}`);
      assert.is(answer.headers.get('connection'), 'close', name);
      assert.is(it.connection.state, 'closed', name);
      assert.is(it.send(HIDDEN), '', name);
    }
  }
});

test('content that goes wrong later: the response is cut off, and what is hidden behind it is not answered', () => {
  for (const [name, content] of [
    ['data longer than its size', `3\r\nabcd\r\n${CHUNKED_HIDDEN}`],
    ['a bare LF behind the data', `3\r\nabc\n${CHUNKED_HIDDEN}`],
    ['a bare CR behind the data', `3\r\nabc\r${CHUNKED_HIDDEN}`],
    ['nothing behind the data', `3\r\nabc${CHUNKED_HIDDEN}`],
    ['two bytes that are no line end', `3\r\nabcXX${CHUNKED_HIDDEN}`],
    ['a wrong second size', `3\r\nabc\r\nzz\r\n${CHUNKED_HIDDEN}`],
  ]) {
    const it = rig({ trace: false });
    const output = it.send(chunked(content!));
    assert.ok(output.endsWith('\r\n\r\n3\r\nabc\r\n'), `${name}: ${JSON.stringify(output)}`);
    assert.is(it.connection.state, 'closed', name);
    assert.is(it.send(HIDDEN), '', name);
  }
});

test('what may look odd and can be read in one way only is served, and so is what comes behind it', () => {
  for (const [name, request] of [
    ['TE in other case', post('transfer-ENCODING: ChUnKeD\r\n', '0\r\n\r\n')],
    ['empty members of the list', post('Transfer-Encoding: , chunked ,\r\n', '0\r\n\r\n')],
    ['leading zeros of CL', post('Content-Length: 003\r\n', 'abc')],
    ['leading zeros of a size', chunked('0003\r\nabc\r\n000\r\n\r\n')],
    ['a quoted extension with an escape', chunked('3;a="\\"\\\\;";b=c ;d\r\nabc\r\n0\r\n\r\n')],
    ['a name with an underscore is another name', post('Content_Length: 44\r\n', '')],
    ['framing fields in the trailers', chunked('0\r\nContent-Length: 44\r\nTransfer-Encoding: x\r\nHost: b\r\n\r\n')],
    ['a GET with content', 'GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'],
    ['a HEAD with content', 'GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'],
    [
      'Upgrade is ignored',
      post('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n', ''),
    ],
    ['absolute-form overrules Host', 'GET http://b/echo HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['empty lines before', `\r\n\r\n${post('', '')}`],
  ]) {
    const answers = parseResponses(rig({ trace: false }).send(request! + HIDDEN));
    assert.equal(
      answers.map(({ status }) => status),
      [200, 299],
      name,
    );
  }
});

test('every reason in the table is said by one row, with a status and a section', () => {
  const rows = Object.values(refusals);
  assert.is(new Set(rows.map(({ reason }) => reason)).size, rows.length);
  for (const { status, reason, section } of rows) {
    assert.ok(status >= 400 && status < 600, reason);
    assert.match(section, /^RFC (?:9110|9112|6585) §[0-9.]+$/);
  }
});

test.run();
