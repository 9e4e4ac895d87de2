// The one table of what is wrong with a request, the status that says so, and the section that decides it (RFC 9112,
// RFC 9110 §15). After each of them the connection closes: RFC 9112 §2.2, §6.3 and §9.6 ask for it or allow it.

/** What is wrong with a request, and the status that says so. */
export interface Refusal {
  readonly status: number;
  /** The element of the grammar, a colon, and what is wrong with it. */
  readonly reason: string;
  /** Where that is decided. */
  readonly section: string;
}

// biome-ignore format: a table
export const refusals = {
  // The request line.
  bareLf:            row(400, 'line: LF without CR',                                  'RFC 9112 §2.2'),
  bareCr:            row(400, 'request-line: CR without LF',                          'RFC 9112 §2.2'),
  emptyLines:        row(400, 'request-line: too many empty lines before it',         'RFC 9112 §2.2'),
  notHttp:           row(400, 'method: invalid character',                            'RFC 9112 §2.2'),
  method:            row(400, 'method: a token and a space wanted',                   'RFC 9112 §3.1'),
  methodTooLong:     row(501, 'method: too long',                                     'RFC 9112 §3'),
  targetTooLong:     row(414, 'request-line: too long',                               'RFC 9112 §3'),
  target:            row(400, 'request-target: empty or an invalid character',        'RFC 9112 §3.2'),
  targetCharacter:   row(400, 'request-target: invalid character',                    'RFC 9112 §3.2'),
  targetForm:        row(400, 'request-target: neither a path nor an http URI',       'RFC 9112 §3.2'),
  targetAuthority:   row(400, 'request-target: invalid authority',                    'RFC 9112 §3.2.2'),
  targetScheme:      row(421, 'request-target: https on a connection without TLS',    'RFC 9110 §7.4'),
  asterisk:          row(400, 'request-target: * is for OPTIONS',                     'RFC 9112 §3.2.4'),
  connect:           row(501, 'CONNECT: this is no proxy',                            'RFC 9110 §9.3.6'),
  versionMissing:    row(400, 'HTTP-version: missing',                                'RFC 9112 §2.3'),
  version:           row(400, 'HTTP-version: not HTTP/ digit . digit',                'RFC 9112 §2.3'),
  versionUnknown:    row(505, 'HTTP-version: HTTP/1.0 and HTTP/1.1 are spoken here',  'RFC 9110 §15.6.6'),
  // Field lines.
  folded:            row(400, 'field line: folded (obs-fold)',                        'RFC 9112 §5.2'),
  fieldColon:        row(400, 'field-name: a token and a colon wanted',               'RFC 9112 §5.1'),
  fieldNameEmpty:    row(400, 'field-name: empty',                                    'RFC 9112 §5'),
  fieldValue:        row(400, 'field-value: invalid character',                       'RFC 9110 §5.5'),
  sectionTooLarge:   row(431, 'header section: too large',                            'RFC 6585 §5'),
  tooManyFields:     row(431, 'header section: too many field lines',                 'RFC 6585 §5'),
  headCutOff:        row(400, 'header section: cut off',                              'RFC 9112 §8'),
  headTooSlow:       row(408, 'header section: not complete in time',                 'RFC 9110 §15.5.9'),
  // What the fields mean.
  hostTwice:         row(400, 'Host: more than once',                                 'RFC 9112 §3.2'),
  hostMissing:       row(400, 'Host: missing',                                        'RFC 9112 §3.2'),
  host:              row(400, 'Host: invalid',                                        'RFC 9112 §3.2'),
  expectation:       row(417, 'Expect: not 100-continue',                             'RFC 9110 §10.1.1'),
  lengthTwice:       row(400, 'Content-Length: more than once',                       'RFC 9112 §6.3'),
  length:            row(400, 'Content-Length: not a number',                         'RFC 9112 §6.3'),
  lengthTooLarge:    row(413, 'Content-Length: larger than 2^53-1',                   'RFC 9110 §8.6'),
  codingInOldHttp:   row(400, 'Transfer-Encoding: in HTTP/1.0',                       'RFC 9112 §6.1'),
  codingAndLength:   row(400, 'Transfer-Encoding: together with Content-Length',      'RFC 9112 §6.1'),
  chunkedNotLast:    row(400, 'Transfer-Encoding: chunked is not the last coding',    'RFC 9112 §6.3'),
  chunkedTwice:      row(400, 'Transfer-Encoding: chunked twice',                     'RFC 9112 §6.1'),
  codingUnknown:     row(501, 'Transfer-Encoding: unknown coding',                    'RFC 9112 §6.1'),
  // Content.
  chunkSize:         row(400, 'chunk-size: no hex digit',                             'RFC 9112 §7.1'),
  chunkTooLarge:     row(413, 'chunk-size: larger than 2^53-1',                       'RFC 9112 §7.1'),
  chunkTooLong:      row(400, 'chunk-data: longer than chunk-size',                   'RFC 9112 §7.1'),
  chunkBareCr:       row(400, 'chunk-data: CR without LF',                            'RFC 9112 §7.1'),
  extensionStart:    row(400, 'chunk-ext: a semicolon wanted',                        'RFC 9112 §7.1.1'),
  extensionName:     row(400, 'chunk-ext-name: a token wanted',                       'RFC 9112 §7.1.1'),
  extensionValue:    row(400, 'chunk-ext-val: a token wanted',                        'RFC 9112 §7.1.1'),
  extensionQuoted:   row(400, 'chunk-ext-val: invalid character',                     'RFC 9110 §5.6.4'),
  extensionUnquoted: row(400, 'chunk-ext-val: no closing quote',                      'RFC 9110 §5.6.4'),
  extensionTooLong:  row(400, 'chunk-ext: too long',                                  'RFC 9112 §7.1.1'),
  extensionsTooMany: row(400, 'chunk-ext: more extensions than content',              'RFC 9112 §7.1.1'),
  trailerTooLarge:   row(431, 'trailer section: too large',                           'RFC 6585 §5'),
  trailerTooMany:    row(431, 'trailer section: too many field lines',                'RFC 6585 §5'),
  contentCutOff:     row(400, 'content: cut off',                                     'RFC 9112 §8'),
  contentTooSlow:    row(408, 'content: not complete in time',                        'RFC 9110 §15.5.9'),
  contentUnread:     row(413, 'content: too much of it was left unread',              'RFC 9112 §9.3'),
  beyondRoom:        row(413, 'input beyond room',                                    'RFC 9112 §9.3.2'),
  // Our side.
  handlerFailed:     row(500, 'the handler failed',                                   'RFC 9110 §15.6.1'),
  answerTooSlow:     row(504, 'the application took too long',                        'RFC 9110 §15.6.5'),
} as const satisfies Readonly<Record<string, Refusal>>;

const byReason = new Map<string, Refusal>(Object.values(refusals).map((refusal) => [refusal.reason, refusal]));

/** The verdict that a ParseError stands for: its `what` is the reason of a row. */
export function refusalOf(what: string): Refusal {
  return byReason.get(what) ?? row(400, what, 'RFC 9112 §2.2');
}

/** The handler's response cannot be sent. */
export function handlerRefusal(what: string): Refusal {
  return row(500, `the response of the handler: ${what}`, 'RFC 9110 §15.6.1');
}

function row(status: number, reason: string, section: string): Refusal {
  return { status, reason, section };
}
