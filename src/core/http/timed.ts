// Bodies that give their bytes over logical time: pieces at even steps from the first read on. What is due is given at
// once, however late it is read, so that the bytes do not depend on when somebody looked.

import type { BodySource } from './message.js';

const NOTHING = new Uint8Array(0);

/**
 * `count` pieces, made by `piece(index)` with at least one byte each: the first at once, each of the others `intervalUs`
 * after the one before.
 */
export function piecesOverTime(
  count: number,
  intervalUs: number,
  length: number | undefined,
  piece: (index: number) => Uint8Array,
): BodySource {
  let index = 0;
  let startUs: number | undefined;
  let dueUs: number | undefined;
  let rest: Uint8Array = NOTHING;
  return {
    length,
    get dueUs() {
      return dueUs;
    },
    read(maxBytes, nowUs = 0) {
      dueUs = undefined;
      startUs ??= nowUs;
      if (rest.length === 0) {
        if (index === count) return undefined;
        const atUs = startUs + index * intervalUs;
        if (atUs > nowUs) {
          dueUs = atUs;
          return NOTHING;
        }
        rest = piece(index++);
      }
      const view = rest.subarray(0, maxBytes);
      rest = rest.subarray(view.length);
      return view;
    },
    cancel() {
      index = count;
      rest = NOTHING;
    },
  };
}
