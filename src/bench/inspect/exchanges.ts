// Requests and their answers as they are put together while a conversation is read: header sections, trailers, content up to
// a bound. Kept only when somebody asks for exchanges.

import type { Field } from '../../core/trace.js';
import { ContentHasher } from './content-digest.js';
import { KeptBytes } from './kept-bytes.js';
import { streamLimits } from './stream-limits.js';
import type { ConversationOptions, RecordedExchange, RecordedMessage } from './types.js';

interface Keeping {
  readonly isHashed?: boolean;
  readonly most?: number | undefined;
}

/** One side of an exchange, while it comes. */
export class MessageBuilder {
  readonly headers: readonly Field[];
  contentLength = 0;
  complete = false;
  readonly #kept = new KeptBytes();
  readonly #held: Held;
  readonly #hasher: ContentHasher | undefined;
  readonly #most: number;
  #isCut = false;
  #trailers: readonly Field[] = NO_FIELDS;
  #fieldBytes: number;
  #isBuilt = false;

  /** `isHashed`: of its content a digest is enough. `most`: so much of it is kept. */
  constructor(headers: readonly Field[], held: Held, { isHashed = false, most }: Keeping = {}) {
    this.headers = headers;
    this.#held = held;
    this.#most = most ?? streamLimits.contentBytes;
    this.#hasher = isHashed ? new ContentHasher() : undefined;
    this.#fieldBytes = MESSAGE_BYTES + (isHashed ? HASHER_BYTES : 0) + fieldBytes(headers);
    held.fieldBytes += this.#fieldBytes;
  }

  set trailers(trailers: readonly Field[]) {
    if (this.#isBuilt) return;
    this.#trailers = trailers;
    const bytes = fieldBytes(trailers);
    this.#fieldBytes += bytes;
    this.#held.fieldBytes += bytes;
  }

  /** A copy is kept of what fits. */
  content(bytes: Uint8Array): void {
    this.contentLength += bytes.length;
    if (this.#hasher !== undefined) {
      if (!this.#isBuilt && this.contentLength - bytes.length === this.#hasher.bytes) this.#hasher.add(bytes);
      return;
    }
    const { budget } = this.#held;
    const room = Math.min(this.#most - this.#kept.length, budget.left, bytes.length);
    // Nothing behind a piece that was left out: what is kept is a prefix. Nothing of one that was delivered before its end.
    if (this.#isBuilt || this.contentLength - bytes.length !== this.#kept.length) return;
    if (room < bytes.length) this.#isCut = true;
    if (room <= 0) return;
    const before = this.#kept.capacity;
    this.#kept.add(bytes.subarray(0, room));
    budget.left -= this.#kept.capacity - before;
  }

  /** Content that is not known. */
  miss(length: number): void {
    this.contentLength += length;
  }

  build(): RecordedMessage {
    this.#held.budget.left += this.#kept.capacity;
    const content = this.#kept.take();
    this.#held.fieldBytes -= this.#fieldBytes;
    this.#fieldBytes = 0;
    this.#isBuilt = true;
    const { headers, contentLength, complete } = this;
    return {
      headers,
      trailers: this.#trailers,
      content,
      contentLength,
      complete,
      ...(this.#isCut && { cut: true as const }),
      ...(this.#hasher && { digest: this.#hasher.finish() }),
    };
  }
}

const NO_FIELDS: readonly Field[] = [];
/** What a message takes besides its fields and content, and a field besides its octets: objects and strings. */
const MESSAGE_BYTES = 400;
const HASHER_BYTES = 1_000;
const FIELD_BYTES = 96;

function fieldBytes(fields: readonly Field[]): number {
  let bytes = 0;
  for (const [name, value] of fields) bytes += FIELD_BYTES + name.length + value.length;
  return bytes;
}

/** What waits for its delivery. */
interface Held {
  /** Fields of one connection. */
  fieldBytes: number;
  readonly budget: ContentBudget;
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

type ExchangeOptions = Pick<ConversationOptions, 'flow' | 'onExchange' | 'hashesResponses' | 'requestContentBytes'>;

/** Makes exchanges and hands them on; without a receiver it makes none. */
export class Exchanges {
  readonly #flow: string;
  readonly #deliver: ((exchange: RecordedExchange) => void) | undefined;
  readonly #hashesResponses: boolean;
  readonly #requestContentBytes: number | undefined;
  readonly #secure: () => RecordedExchange['tls'] | undefined;
  readonly #held: Held;

  constructor(
    { flow, onExchange, hashesResponses = false, requestContentBytes }: ExchangeOptions,
    secure: () => RecordedExchange['tls'] | undefined,
  ) {
    this.#flow = flow;
    this.#deliver = onExchange;
    this.#hashesResponses = hashesResponses;
    this.#requestContentBytes = requestContentBytes;
    this.#secure = secure;
    this.#held = { fieldBytes: 0, budget: budgetOf(onExchange) };
  }

  /** Memory of fields, roughly; content has a budget of its own. */
  get heldBytes(): number {
    return this.#held.fieldBytes;
  }

  /** Events name it: `https` where there is TLS. */
  get scheme(): 'http' | 'https' {
    return this.#secure() === undefined ? 'http' : 'https';
  }

  request(start: () => ExchangeStart, headers: () => readonly Field[]): ExchangeBuilder | undefined {
    if (this.#deliver === undefined) return undefined;
    const most = this.#requestContentBytes;
    return new ExchangeBuilder(start(), new MessageBuilder(headers(), this.#held, { most }));
  }

  response(exchange: ExchangeBuilder | undefined, status: number, headers: readonly Field[]): void {
    if (exchange === undefined || exchange.response !== undefined) return;
    exchange.status = status;
    exchange.response = new MessageBuilder(headers, this.#held, { isHashed: this.#hashesResponses });
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
