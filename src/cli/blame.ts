// Whose error is it: an application runs in our process, and what it throws from a callback looks like an error of ours.

import { fileURLToPath } from 'node:url';

const root = (path: string): string => new URL(`../../../${path}`, import.meta.url).href;
/** Compiled, and as a debugger that knows the sources names it. */
const OURS = [root('dist/'), root('src/'), fileURLToPath(root('dist/')), fileURLToPath(root('src/'))];

/** Its stack lies in our own code, and in that of Node, only. What has no stack, or none but Node's, is not ours. */
export function isOurs(error: unknown): boolean {
  const stack = error instanceof Error ? error.stack : undefined;
  if (typeof stack !== 'string') return false;
  const places = stack
    .split('\n')
    .map((line) => /^ +at (?:async )?(?:.*?\()?(.*?)(?::\d+)*\)?$/.exec(line)?.[1])
    .filter((place): place is string => place !== undefined && isFile(place));
  return places.length > 0 && places.every((place) => OURS.some((start) => place.startsWith(start)));
}

function isFile(place: string): boolean {
  return place.startsWith('file:') || place.startsWith('/') || /^[A-Za-z]:\\/.test(place);
}
