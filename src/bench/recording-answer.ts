// Answers from outside in a recording (format 2): a custom block each, with a line of JSON and behind it the content as it
// is. Reading checks every length and type; what it gives is sound, or an error says why not.

import type { Answer, Field } from '../core/http/message.js';
import { limits } from '../core/limits.js';
import type { Micros } from '../core/types.js';

/** A timed input of the run: `respond` of stack or streams. */
export interface RecordedInput {
  readonly atUs: Micros;
  readonly token: string;
  readonly answer: Answer;
}

export const ANSWER_TAG = 'wirebench answer\n';
const LF = 0x0a;
const NOTHING = new Uint8Array(0);
/** Flow and number of a request: two IPv6 addresses with ports are 100 characters. */
const TOKEN_LENGTH = 256;

/** The data of the custom block, padded with zeros to a multiple of 4. */
export function encodeAnswer({ atUs, token, answer }: RecordedInput): Uint8Array {
  const content = contentOf(answer);
  const text = `${ANSWER_TAG}${JSON.stringify({ atUs, token, ...describe(answer) })}\n`;
  const head = new TextEncoder().encode(text);
  const data = new Uint8Array((head.length + content.length + 3) & ~3);
  data.set(head);
  data.set(content, head.length);
  return data;
}

function contentOf(answer: Answer): Uint8Array {
  if (answer.kind === 'content') return answer.bytes;
  return answer.kind === 'response' && answer.content instanceof Uint8Array ? answer.content : NOTHING;
}

/** The answer with the number of its bytes in their place. */
function describe(answer: Answer): object {
  if (answer.kind === 'content') return { ...answer, bytes: answer.bytes.length };
  if (answer.kind !== 'response' || !(answer.content instanceof Uint8Array)) return answer;
  return { ...answer, content: answer.content.length };
}

/** Gives the answer, or what is wrong with the block. `data` begins with ANSWER_TAG. */
export function decodeAnswer(data: Uint8Array): RecordedInput | string {
  const start = ANSWER_TAG.length;
  const end = data.indexOf(LF, start);
  if (end < 0) return 'an answer has no end of line';
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(data.subarray(start, end)));
  } catch {
    value = undefined;
  }
  if (!isObject(value)) return 'an answer is not a JSON object';
  const { atUs, token, ...rest } = value;
  if (!isSize(atUs)) return 'an answer has no time';
  if (typeof token !== 'string' || token.length > TOKEN_LENGTH) return 'an answer has no token';
  const answer = readAnswer(rest, data.subarray(end + 1));
  return typeof answer === 'string' ? `the answer to ${token}: ${answer}` : { atUs, token, answer };
}

function readAnswer(value: Record<string, unknown>, rest: Uint8Array): Answer | string {
  switch (value.kind) {
    case 'response':
      return readResponse(value, rest);
    case 'content': {
      const bytes = readContent(value.bytes, rest);
      const trailers = readFields(value.trailers);
      if (bytes === undefined) return 'its length is not that of its content';
      if (typeof value.end !== 'boolean') return 'end is neither true nor false';
      if (trailers === 'wrong') return 'trailers is no list of fields';
      return { kind: 'content', bytes, end: value.end, ...(trailers && { trailers }) };
    }
    case 'read':
      return isSize(value.maxBytes) ? { kind: 'read', maxBytes: value.maxBytes } : 'maxBytes is no size';
    case 'pass':
      return { kind: 'pass' };
    case 'fail':
      return { kind: 'fail' };
    default:
      return 'it is of an unknown kind';
  }
}

function readResponse(value: Record<string, unknown>, rest: Uint8Array): Answer | string {
  const { status, length } = value;
  const headers = readFields(value.headers);
  const trailers = readFields(value.trailers);
  if (!isSize(status)) return 'status is no number';
  if (headers === 'wrong' || headers === undefined) return 'headers is no list of fields';
  if (trailers === 'wrong') return 'trailers is no list of fields';
  if (length !== undefined && !isSize(length)) return 'length is no size';
  const follows = value.content === 'follows';
  const bytes = follows || value.content === undefined ? NOTHING : readContent(value.content, rest);
  if (bytes === undefined) return 'its length is not that of its content';
  return {
    kind: 'response',
    status,
    headers,
    ...(value.content !== undefined && { content: follows ? 'follows' : bytes }),
    ...(length !== undefined && { length }),
    ...(trailers && { trailers }),
  };
}

/** Undefined: the block holds another number of bytes, or more than one answer may have. It stays valid. */
function readContent(length: unknown, rest: Uint8Array): Uint8Array | undefined {
  if (!isSize(length) || length > limits.http.answerPieceBytes) return undefined;
  if (rest.length < length || rest.length > length + 3) return undefined;
  return rest.slice(0, length);
}

function readFields(value: unknown): readonly Field[] | 'wrong' | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) return 'wrong';
  for (const field of value as unknown[]) {
    if (!Array.isArray(field) || field.length !== 2) return 'wrong';
    if (typeof field[0] !== 'string' || typeof field[1] !== 'string') return 'wrong';
  }
  return value as Field[];
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
