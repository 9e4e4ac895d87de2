// Reads a stream of responses as a strict client does (RFC 9112 §6.3), and says of each whether it is all there. Throws for
// what no server may send. Interim responses are left out.

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly content: string;
  /** False: it was cut off, as its framing says. */
  readonly complete: boolean;
}

/** `methods` of the requests, in order: a response to HEAD has no content. */
export function readAnswers(output: string, methods: readonly string[]): Answer[] {
  const answers: Answer[] = [];
  let at = 0;
  while (at < output.length) {
    const end = output.indexOf('\r\n\r\n', at);
    if (end < 0) throw new Error(`no end of a head in ${JSON.stringify(output.slice(at, at + 200))}`);
    const [line, ...fields] = output.slice(at, end).split('\r\n');
    const match = /^HTTP\/1\.1 ([1-5][0-9]{2}) [\x20-\x7e]*$/.exec(line!);
    if (match === null) throw new Error(`no status line: ${JSON.stringify(line)}`);
    const status = Number(match[1]);
    at = end + 4;
    if (status < 200) continue;
    const headers = new Map<string, string>();
    for (const field of fields) {
      const parts = /^([a-z0-9-]+): ([\t\x20-\x7e\x80-\xff]*)$/.exec(field);
      if (parts === null || headers.has(parts[1]!)) throw new Error(`a field line: ${JSON.stringify(field)}`);
      headers.set(parts[1]!, parts[2]!);
    }
    const body = readBody(output, at, status, headers, methods[answers.length]);
    answers.push({ status, headers, content: body.content, complete: body.complete });
    at = body.end;
  }
  return answers;
}

function readBody(
  output: string,
  start: number,
  status: number,
  headers: ReadonlyMap<string, string>,
  method: string | undefined,
): { content: string; complete: boolean; end: number } {
  // A refusal of HEAD is a response to HEAD; whether one was understood shows in what follows.
  const isHead = method === 'HEAD' || (method === undefined && /^(?:HTTP\/1\.1 |$)/.test(output.slice(start)));
  if (isHead || status === 204 || status === 304) return { content: '', complete: true, end: start };
  const length = headers.get('content-length');
  if (length !== undefined) {
    const content = output.slice(start, start + Number(length));
    return { content, complete: content.length === Number(length), end: start + content.length };
  }
  if (headers.get('transfer-encoding') !== 'chunked') throw new Error('a response without framing');
  let content = '';
  let at = start;
  for (;;) {
    const size = /^([1-9a-f][0-9a-f]*|0)\r\n/.exec(output.slice(at, at + 20));
    if (size === null) {
      if (at === output.length) return { content, complete: false, end: at };
      throw new Error(`a chunk: ${JSON.stringify(output.slice(at, at + 40))}`);
    }
    at += size[0].length;
    const count = Number.parseInt(size[1]!, 16);
    content += output.slice(at, at + count);
    at += count;
    if (output.slice(at, at + 2) !== '\r\n') throw new Error('a chunk without its line end');
    at += 2;
    if (count === 0) return { content, complete: true, end: at };
  }
}
