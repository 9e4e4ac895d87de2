// What one recorded connection asks for, and what our server answered: the part that both versions of HTTP share. The answers are
// read by the inspector's own readers, from the same bytes, so that recorded and new answers are of one form.

import type { Field } from '../../core/trace.js';
import { createConversation } from '../inspect/conversation.js';
import { createKeyStore } from '../inspect/keys.js';
import type { ConversationReader, PacketSink, RecordedExchange } from '../inspect/types.js';

export interface PlannedRequest {
  /** Of a request line, where it is asked in HTTP/1.x. */
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  readonly method: string;
  readonly target: string;
  readonly scheme: string;
  readonly authority: string;
  readonly headers: readonly Field[];
  readonly trailers: readonly Field[];
  readonly content: Uint8Array;
  /** Requests that were answered before this one was sent and behind the one in front of it, by their places in the plan. */
  readonly after: readonly number[];
}

const SILENT: PacketSink = {
  wantsFields: false,
  wantsEvents: false,
  event() {},
  layer() {},
  verdict() {},
};

/** Which requests may go, and what came of them. */
export class Plan {
  readonly requests: readonly PlannedRequest[];
  /** By the place in the plan. */
  readonly answers: (RecordedExchange | undefined)[];
  readonly #reader: ConversationReader;
  readonly #isAnswered: boolean[];
  #sent = 0;

  /** `placeOf`: which request an exchange is about. `keepsContent`: of answers; else there is a digest of it. */
  constructor(
    requests: readonly PlannedRequest[],
    placeOf: (exchange: RecordedExchange, nth: number) => number,
    keepsContent = false,
  ) {
    this.requests = requests;
    this.answers = requests.map(() => undefined);
    this.#isAnswered = requests.map(() => false);
    let nth = 0;
    this.#reader = createConversation({
      flow: 'client',
      midstream: false,
      keys: createKeyStore(),
      hashesResponses: !keepsContent,
      onExchange: (exchange) => {
        const place = placeOf(exchange, nth++);
        if (this.answers[place] === undefined && place < this.answers.length) this.answers[place] = exchange;
        this.answered(place);
      },
    });
  }

  get allSent(): boolean {
    return this.#sent === this.requests.length;
  }

  get finished(): boolean {
    return this.allSent && this.#isAnswered.every((is) => is);
  }

  /** The next request, when those that it waits for are answered; it counts as sent then. */
  next(): { readonly place: number; readonly request: PlannedRequest } | undefined {
    const place = this.#sent;
    const request = this.requests[place];
    if (request === undefined || !request.after.every((before) => this.#isAnswered[before])) return undefined;
    this.#sent++;
    return { place, request };
  }

  answered(place: number): void {
    if (place < this.#isAnswered.length) this.#isAnswered[place] = true;
  }

  saw(dir: 'in' | 'out', bytes: Uint8Array): void {
    this.#reader.push(dir, bytes, SILENT);
  }

  ended(dir: 'in' | 'out'): void {
    this.#reader.end(dir, SILENT);
  }
}
