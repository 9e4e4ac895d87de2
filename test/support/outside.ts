// The outside of a core in tests: handlers that defer, and what they were told, as plain text.

import type { Deferred, Handler, Request } from '../../src/core/http/message.js';
import { requestToken } from '../../src/core/http/message.js';
import { text } from './bytes.js';

export interface Outside {
  readonly handler: Handler;
  readonly requests: Request[];
  /** `1 content abc`, `1 content end x-t: 1`, `1 drained 5`, `1 ended sent`: the number of the request first. */
  readonly told: string[];
  token(index: number): string;
}

export interface OutsideOptions {
  readonly otherwise?: Deferred['otherwise'];
  /** Every method throws after it has told. */
  readonly throwing?: boolean;
}

/** Defers every request. */
export function outside(options: OutsideOptions = {}): Outside {
  const requests: Request[] = [];
  const told: string[] = [];
  const say = (line: string): void => {
    told.push(line);
    if (options.throwing) throw new Error('the outside throws');
  };
  const handler: Handler = (request) => {
    requests.push(request);
    const { serial } = request;
    return {
      deferred: true,
      ...(options.otherwise && { otherwise: options.otherwise }),
      content(bytes, end, trailers) {
        const fields = trailers.map(([name, value]) => ` ${name}: ${value}`).join('');
        say(`${serial} content ${end ? 'end' : text(bytes)}${fields}`);
      },
      drained: (waitingBytes) => say(`${serial} drained ${waitingBytes}`),
      ended: (how) => say(`${serial} ended ${how}`),
    };
  };
  return { handler, requests, told, token: (index) => requestToken(requests[index]!) };
}
