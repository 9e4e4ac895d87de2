// The built-in test site: the handler that finds a place in the table and asks it (RFC 9110 §9). Pure: the same request
// gives the same response. Leaves out what the places answer (places.ts) and every kind of state.

import { notAllowed, options, parseNumber, READ_METHODS, text } from './answers.js';
import type { Response, SyncHandler } from './message.js';
import { places } from './places.js';

/** The handler of the built-in test site. `otherwise` answers for every path that is not in the table; absent: 404. */
export function createSite(otherwise: SyncHandler = notHere): SyncHandler {
  return (request) => {
    const { method, path } = request;
    // RFC 9110 §9.3.7: the server as a whole.
    if (path === '*') return options(READ_METHODS);
    const mark = path.indexOf('?');
    const name = mark < 0 ? path : path.slice(0, mark);
    for (const place of places) {
      if (place.takesNumber ? !name.startsWith(place.path) : name !== place.path) continue;
      if (place.methods !== undefined) {
        if (!place.methods.includes(method)) return notAllowed(method, place.methods);
        if (method === 'OPTIONS') return options(place.methods);
      }
      const query = mark < 0 ? '' : path.slice(mark + 1);
      if (!place.takesNumber) return place.answer(request, 0, query);
      const number = parseNumber(name, place.path.length);
      return number < 0
        ? text(400, 'a number from 0 to 9007199254740991 wanted')
        : place.answer(request, number, query);
    }
    return otherwise(request);
  };
}

function notHere(): Response {
  return text(404, 'not here; / lists what is');
}
