// The site that fuzzed HTTP/2 clients ask: every kind of body and of failure that a handler can have.

import type { BodySource, Handler } from '../../src/core/http/message.js';
import type { Field } from '../../src/core/trace.js';

/** The first parts of the paths that `site` knows. */
export const PATHS = ['echo', 'bytes', 'stream', 'trailers', 'timed', 'delay', 'large', 'status', 'throw', 'short'];

/** Sources give views of it. */
export const CONTENT = new Uint8Array(1 << 17).fill(0x61);

function pattern(length: number, known: boolean, trailers?: readonly Field[]): BodySource {
  let at = 0;
  return {
    length: known ? length : undefined,
    read(most) {
      if (at === length) return undefined;
      const count = Math.min(most, length - at);
      at += count;
      return CONTENT.subarray(0, count);
    },
    ...(trailers && { trailers: () => trailers }),
  };
}

function timed(count: number): BodySource {
  let left = count;
  let dueUs = 0;
  return {
    length: undefined,
    get dueUs() {
      return dueUs;
    },
    read(_most, nowUs = 0) {
      if (left === 0) return undefined;
      if (nowUs < dueUs) return new Uint8Array(0);
      dueUs = nowUs + 1_000;
      left--;
      return new Uint8Array(7);
    },
  };
}

export const site: Handler = ({ path, body }) => {
  const [, what, number] = path.split('/');
  const n = Math.min(Number(number) || 0, 400_000);
  const headers: Field[] = [['x-path', path.slice(0, 40)]];
  switch (what) {
    case 'echo':
      return { status: 200, headers, body };
    case 'bytes':
      return { status: 200, headers, body: pattern(n, true) };
    case 'stream':
      return { status: 200, headers, body: pattern(n, false) };
    case 'trailers':
      return { status: 200, headers, body: pattern(n, n % 2 === 0, [['x-sum', path.slice(0, 20)]]) };
    case 'timed':
      return { status: 200, headers, body: timed(n % 5) };
    case 'delay':
      return { status: 200, headers, delayUs: n };
    case 'large':
      return { status: 200, headers: [['x-large', '~'.repeat(n)]] };
    case 'throw':
      throw new Error('a handler that fails');
    case 'short':
      return { status: 200, headers, body: { ...pattern(3, true), length: 5 } };
    default:
      return { status: n >= 200 && n < 600 ? n : 404, headers };
  }
};
