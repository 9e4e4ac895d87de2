// Requests and their answers as they are put together while a conversation is read: header sections, trailers, content up to
// a bound. Kept only when somebody asks for exchanges.

import type { Field } from '../../core/trace.js';
import { KeptBytes } from './kept-bytes.js';
import { streamLimits } from './stream-limits.js';
import type { RecordedExchange, RecordedMessage } from './types.js';

/** One side of an exchange, while it comes. */
export class MessageBuilder {
  headers: readonly Field[];
  trailers: readonly Field[] = [];
  contentLength = 0;
  complete = false;
  readonly #kept = new KeptBytes();
  readonly #budget: ContentBudget;

  constructor(headers: readonly Field[], budget: ContentBudget) {
    this.headers = headers;
    this.#budget = budget;
  }

  /** A copy is kept of what fits. */
  content(bytes: Uint8Array): void {
    this.contentLength += bytes.length;
    const room = Math.min(streamLimits.contentBytes - this.#kept.length, this.#budget.left, bytes.length);
    // Nothing behind a piece that was left out: what is kept is a prefix.
    if (room <= 0 || this.contentLength - bytes.length !== this.#kept.length) return;
    this.#kept.add(bytes.subarray(0, room));
    this.#budget.left -= room;
  }

  /** Content that is not known. */
  miss(length: number): void {
    this.contentLength += length;
  }

  build(): RecordedMessage {
    const content = this.#kept.copy();
    this.#budget.left += content.length;
    const { headers, trailers, contentLength, complete } = this;
    return { headers, trailers, content, contentLength, complete };
  }
}

/** What all exchanges of one receiver together may keep until they are delivered. */
interface ContentBudget {
  left: number;
}

const budgets = new WeakMap<object, ContentBudget>();

function budgetOf(receiver: object | undefined): ContentBudget {
  const known = receiver && budgets.get(receiver);
  if (known !== undefined) return known;
  const budget = { left: streamLimits.waitingContentBytes };
  if (receiver !== undefined) budgets.set(receiver, budget);
  return budget;
}

export interface ExchangeStart {
  readonly packet: number;
  readonly protocol: RecordedExchange['protocol'];
  readonly streamId?: number;
  readonly method: string;
  readonly target: string;
  readonly authority: string;
}

export class ExchangeBuilder {
  readonly start: ExchangeStart;
  readonly request: MessageBuilder;
  response: MessageBuilder | undefined;
  status = 0;

  constructor(start: ExchangeStart, request: MessageBuilder) {
    this.start = start;
    this.request = request;
  }
}

/** Makes exchanges and hands them on; without a receiver it makes none. */
export class Exchanges {
  readonly #flow: string;
  readonly #deliver: ((exchange: RecordedExchange) => void) | undefined;
  readonly #secure: () => RecordedExchange['tls'] | undefined;
  readonly #budget: ContentBudget;

  constructor(
    flow: string,
    deliver: ((exchange: RecordedExchange) => void) | undefined,
    secure: () => RecordedExchange['tls'] | undefined,
  ) {
    this.#flow = flow;
    this.#deliver = deliver;
    this.#secure = secure;
    this.#budget = budgetOf(deliver);
  }

  /** Events name it: `https` where there is TLS. */
  get scheme(): 'http' | 'https' {
    return this.#secure() === undefined ? 'http' : 'https';
  }

  request(start: () => ExchangeStart, headers: () => readonly Field[]): ExchangeBuilder | undefined {
    if (this.#deliver === undefined) return undefined;
    return new ExchangeBuilder(start(), new MessageBuilder(headers(), this.#budget));
  }

  response(exchange: ExchangeBuilder | undefined, status: number, headers: readonly Field[]): void {
    if (exchange === undefined || exchange.response !== undefined) return;
    exchange.status = status;
    exchange.response = new MessageBuilder(headers, this.#budget);
  }

  deliver(exchange: ExchangeBuilder | undefined): void {
    if (exchange === undefined) return;
    const { packet, protocol, streamId, method, target, authority } = exchange.start;
    const tls = this.#secure();
    const { response, status } = exchange;
    this.#deliver?.({
      flow: this.#flow,
      packet,
      protocol,
      secure: tls !== undefined,
      ...(tls !== undefined && { tls }),
      ...(streamId !== undefined && { streamId }),
      request: { ...exchange.request.build(), method, target, authority },
      ...(response !== undefined && { response: { ...response.build(), status } }),
    });
  }
}
