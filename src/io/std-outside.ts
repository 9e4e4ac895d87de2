// std mode: answers from outside, on Node's own HTTP. The same Deferral as in the core keeps count of what was asked for and
// given; logical time stands still, and so Node's own timeouts are the only ones.

import { Deferral } from '../core/http/deferral.js';
import { type Answer, type Deferred, type Request, type Response, requestToken } from '../core/http/message.js';

/** Takes what is to be called when more of a body has come. */
export type Wake = (next: () => void) => void;

interface NodeSide {
  on(event: 'readable' | 'end' | 'close', listener: () => void): unknown;
}

interface NodeAnswer extends NodeSide {
  readonly headersSent: boolean;
  readonly writableFinished: boolean;
  destroy(): unknown;
}

interface Waiting {
  readonly deferral: Deferral;
  readonly response: NodeAnswer;
  readonly begin: (response: Response, wake?: Wake) => void;
  next: (() => void) | undefined;
}

export class StdOutside {
  readonly #waiting = new Map<string, Waiting>();

  /** `begin` sends a response; it waits by `wake` where more of its content is to come from outside. */
  defer(
    request: Request,
    deferred: Deferred,
    input: NodeSide,
    response: NodeAnswer,
    begin: (response: Response, wake?: Wake) => void,
  ): void {
    const deferral = new Deferral(0, request, deferred, undefined);
    const token = requestToken(request);
    this.#waiting.set(token, { deferral, response, begin, next: undefined });
    const feed = (): void => void deferral.feed();
    input.on('readable', feed);
    input.on('end', feed);
    response.on('close', () => {
      this.#waiting.delete(token);
      deferral.end(0, response.writableFinished ? 'sent' : 'cancelled');
    });
  }

  respond(token: string, answer: Answer): void {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return;
    const { deferral, response, begin } = waiting;
    const outcome = deferral.accept(0, answer);
    switch (outcome.kind) {
      case 'response':
        if (outcome.final) begin(outcome.response);
        else {
          begin(outcome.response, (next) => {
            waiting.next = next;
          });
        }
        break;
      case 'failed':
        deferral.end(0, 'failed');
        if (response.headersSent) response.destroy();
        else begin({ status: 500, headers: [] });
        break;
      case 'more': {
        deferral.feed();
        const { next } = waiting;
        waiting.next = undefined;
        next?.();
        break;
      }
      case 'ignored':
        break;
      default:
        outcome satisfies never;
    }
  }
}
