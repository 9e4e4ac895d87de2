// Re-execution: the client of any capture is played against our server. Its requests are taken from the decrypted stream; sequence
// numbers, TLS and framing are done anew, in virtual time over a link that loses nothing. Deterministic: the same capture, config
// and seed give the same bytes, which may be recorded like those of a live run.

import { setImmediate } from 'node:timers/promises';
import type { Answer as OutsideAnswer } from '../core/http/message.js';
import { createRandomSource } from '../core/random.js';
import { TLS_1_2, TLS_1_3 } from '../core/tls/config.js';
import { cipherSuiteName } from '../core/tls/names.js';
import { CipherSuite } from '../core/tls/suites.js';
import type { Trace } from '../core/trace.js';
import type { Stack } from '../core/types.js';
import { assembleStack, type RunIdentity } from '../io/assemble.js';
import { nodeCrypto } from '../io/node-crypto.js';
import type { Desk } from '../io/outside.js';
import { parseAddress } from './addresses.js';
import { Http1Client } from './client/http1.js';
import { Http2Client } from './client/http2.js';
import { ClientError, clientLimits } from './client/limits.js';
import type { Plan, PlannedRequest } from './client/plan.js';
import { type ClientSession, ClientTcp } from './client/tcp.js';
import { TlsClient } from './client/tls.js';
import { createConversation } from './inspect/conversation.js';
import type { KeyLog } from './inspect/keys.js';
import { Inspector, inspectCapture } from './inspect/packets.js';
import type { RecordedExchange } from './inspect/types.js';

/** A connection of the capture with what was asked on it. */
export interface RecordedConnection {
  readonly flow: string;
  readonly exchanges: readonly RecordedExchange[];
  /** Number of the packet that completed the response to each; undefined: none did. */
  readonly answeredAt: readonly (number | undefined)[];
}

export interface Requests {
  readonly connections: RecordedConnection[];
  /** What could not be taken from the capture, as sentences. */
  readonly missing: readonly string[];
  /** Connections without a request that could be taken: how many for which reason. */
  readonly notTaken: ReadonlyMap<NotTaken, number>;
  readonly packets: number;
  /** When the capture began, microseconds since 1970; 0 when it does not say. */
  readonly startUnixUs: number;
}

export type NotTaken =
  | 'no keys'
  | 'no beginning'
  | 'unknown protocol'
  | 'bytes are missing'
  | 'wrong checksums'
  | 'too much at once'
  | 'no request in it';

/**
 * Reads all of a capture. `ignoreChecksums`: segments whose TCP checksum is wrong, too. `contentBytes`: kept of the content of all
 * requests. Raises CaptureError.
 */
export async function readRequests(
  file: string,
  keys: KeyLog,
  { ignoreChecksums = false, contentBytes = clientLimits.contentBytesInAll as number } = {},
): Promise<Requests> {
  const flows = new Map<string, { exchange: RecordedExchange; answeredAt: number | undefined }[]>();
  const missing = new Set<string>();
  const reasons = new Map<string, NotTaken>();
  let left = contentBytes;
  let inspector: Inspector | undefined;
  const options = {
    keys,
    ignoreChecksums,
    hashesResponses: true,
    requestContentBytes: clientLimits.requestContentBytes,
    createConversation,
    onExchange(whole: RecordedExchange) {
      if (whole.request.method === 'CONNECT') {
        missing.add(`${whole.flow}: CONNECT is not asked`);
        return;
      }
      const bytes = whole.request.content.length;
      const exchange = whole.request.cut || bytes > left ? withoutContent(whole) : whole;
      left -= exchange.request.content.length;
      const list = flows.get(exchange.flow) ?? [];
      if (list.length === 0) flows.set(exchange.flow, list);
      list.push({ exchange, answeredAt: exchange.response?.complete ? inspector!.packet : undefined });
    },
  };
  inspector = new Inspector(options);
  for await (const packet of inspectCapture(file, options, inspector)) {
    const { flow, number, verdicts } = packet;
    for (const { code, text, layer } of verdicts) {
      const isUnread = code === 'bad-checksum' && layer === 'tcp' && !ignoreChecksums;
      const reason = isUnread ? 'wrong checksums' : MISSING.get(code);
      if (reason === undefined) continue;
      missing.add(`${flow ?? `packet ${number}`}: ${text}`);
      if (flow !== undefined && !reasons.has(flow)) reasons.set(flow, reason);
    }
  }
  const found = [...flows].map(([flow, list]) => {
    // A pushed response answers a request that the client never sent.
    const asked = list.filter(({ exchange }) => exchange.streamId === undefined || exchange.streamId % 2 === 1);
    asked.sort(
      (a, b) => a.exchange.packet - b.exchange.packet || (a.exchange.streamId ?? 0) - (b.exchange.streamId ?? 0),
    );
    return {
      flow,
      exchanges: asked.map(({ exchange }) => exchange),
      answeredAt: asked.map(({ answeredAt }) => answeredAt),
    };
  });
  const connections = found.filter(({ exchanges }) => exchanges.length > 0);
  const taken = new Set(connections.map(({ flow }) => flow));
  const notTaken = new Map<NotTaken, number>();
  for (const [flow, reason] of reasons) if (!taken.has(flow)) notTaken.set(reason, (notTaken.get(reason) ?? 0) + 1);
  const { firstNs, packets, connections: all } = inspector.summary;
  const silent = all - taken.size - [...notTaken.values()].reduce((sum, count) => sum + count, 0);
  if (silent > 0) notTaken.set('no request in it', silent);
  return {
    ...{ connections, missing: [...missing], notTaken, packets },
    startUnixUs: firstNs === undefined ? 0 : Number(firstNs / 1000n),
  };
}

/** Verdicts that say that requests may be lacking. */
const MISSING: ReadonlyMap<string, NotTaken> = new Map([
  ['no-keys', 'no keys'],
  ['no-handshake', 'no beginning'],
  ['begins-in-the-middle', 'no beginning'],
  ['lost', 'bytes are missing'],
  ['incomplete-record', 'bytes are missing'],
  ['incomplete-frame', 'bytes are missing'],
  ['hpack-lost', 'bytes are missing'],
  ['incomplete-message', 'bytes are missing'],
  ['message-lost', 'bytes are missing'],
  ['cut-by-snap-length', 'bytes are missing'],
  ['unknown-protocol', 'unknown protocol'],
  ['given-up', 'too much at once'],
  ['hpack-given-up', 'too much at once'],
]);

/** What came of one request. Of content there is a digest, of that of the request nothing any more. */
export interface Answer {
  readonly recorded: RecordedExchange;
  /** Absent: there was none, and \`why\` says why. */
  readonly ours: RecordedExchange | undefined;
  readonly why: string | undefined;
  /** As it was asked: not always as it was recorded. */
  readonly notes: readonly string[];
}

export interface ReExecuteOptions {
  readonly identity: RunIdentity;
  readonly trace?: Trace;
  /** Of the new answers, whose content is told by a digest otherwise. */
  readonly keepsContent?: boolean;
  /** Packets of the new run, in order, and its end: what a recording is made of. */
  readonly onPacket?: (atUs: number, dir: 'in' | 'out', bytes: Uint8Array) => void;
  readonly onEnd?: (atUs: number) => void;
  /** Who answers besides the site, with `config.outside`: an application, files. Of this run alone. */
  readonly desk?: Desk;
  /** An answer of theirs, which is an input of the run. */
  readonly onAnswer?: (atUs: number, token: string, answer: OutsideAnswer) => void;
}

/** One connection after the other, in the order of the capture; none is needed any more when it was played. Closes the desk. */
export async function reExecute(
  connections: Iterable<RecordedConnection>,
  options: ReExecuteOptions,
): Promise<Answer[]> {
  const link = new Link(options);
  const answers: Answer[] = [];
  let index = 0;
  let heardMs = performance.now();
  for (const connection of connections) {
    for (const answer of await link.play(connection, index++)) answers.push(answer);
    // Where nothing has to be waited for, Ctrl-C would not be heard.
    if (performance.now() - heardMs < HEARD_EVERY_MS) continue;
    await setImmediate();
    heardMs = performance.now();
  }
  link.end();
  return answers;
}

const HEARD_EVERY_MS = 100;

/** Each once: what was played is let go. */
export function* drained(connections: RecordedConnection[]): Generator<RecordedConnection> {
  connections.reverse();
  for (let next = connections.pop(); next !== undefined; next = connections.pop()) yield next;
}

const MEBIBYTE = 1_048_576;
const TOO_LONG =
  `not asked: ${clientLimits.requestContentBytes / MEBIBYTE} MiB of the content of a request are kept, ` +
  `${clientLimits.contentBytesInAll / MEBIBYTE} MiB of all of a capture, and it has more`;
const NOT_WHOLE = 'not asked: the capture does not hold all of the request';
const NO_RESPONSE = 'the connection was closed without a response';

/** The way there takes as long as the way back. */
const ONE_WAY_US = 1_000;
const FIRST_PORT = 49_152;
const PORTS = 16_384;

class Link {
  readonly #options: ReExecuteOptions;
  readonly #stack: Stack;
  readonly #outside: OutsideAnswers | undefined;
  #nowUs = 0;
  #connections = 0;

  constructor(options: ReExecuteOptions) {
    this.#options = options;
    this.#stack = assembleStack(options.identity, options.trace, options.desk?.handler);
    this.#outside = options.desk && new OutsideAnswers(options.desk);
  }

  /** What is left when the server closes early is asked on a further connection, as clients do. */
  async play(connection: RecordedConnection, index: number): Promise<Answer[]> {
    const answers: Answer[] = [];
    let places: number[] = [];
    for (const [place, recorded] of connection.exchanges.entries()) {
      const { cut = false, complete } = recorded.request;
      if (complete && !cut) places.push(place);
      else answers[place] = { recorded, ours: undefined, why: cut ? TOO_LONG : NOT_WHOLE, notes: [] };
    }
    for (let attempt = 0; places.length > 0; attempt++) {
      const left: number[] = [];
      for (const [at, answer] of (await this.#attempt(connection, places, `client#${index}`, attempt)).entries()) {
        answers[places[at]!] = answer;
        if (answer.ours === undefined) left.push(places[at]!);
      }
      if (left.length < places.length) places = left;
      // The server closed on the first one, and may like the next one better; anything else would come again.
      else if (answers[places[0]!]!.why === NO_RESPONSE) places = left.slice(1);
      else break;
    }
    return answers;
  }

  async #attempt(
    connection: RecordedConnection,
    places: readonly number[],
    client: string,
    attempt: number,
  ): Promise<Answer[]> {
    const exchanges = places.map((place) => connection.exchanges[place]!);
    const first = exchanges[0]!;
    const notes = attempt === 0 ? [] : ['asked on a further connection: the server had closed the one before'];
    const { identity, keepsContent } = this.#options;
    const { config, seed } = identity;
    const random = createRandomSource(nodeCrypto, seed);
    const flow = attempt === 0 ? client : `${client}.${attempt}`;
    const plan = planOf(connection, places);
    const http: { client: Http1Client | Http2Client | undefined } = { client: undefined };
    const makeHttp = (isHttp2: boolean): ClientSession => {
      http.client = isHttp2 ? new Http2Client(plan, keepsContent) : new Http1Client(plan, keepsContent);
      return http.client;
    };
    let session: ClientSession;
    if (first.secure) {
      session = new TlsClient(offerOf(first, notes), random, flow, ({ alpn }) => {
        const isHttp2 = alpn === 'h2';
        if (isHttp2 !== (first.protocol === 'h2'))
          notes.push(`asked over ${isHttp2 ? 'HTTP/2' : 'HTTP/1.1'}, which was negotiated`);
        return makeHttp(isHttp2);
      });
    } else session = makeHttp(first.protocol === 'h2');

    const isIpv6 = connection.flow.startsWith('[') && config.address6 !== undefined;
    const local = parseAddress((isIpv6 ? config.address6 : config.address) ?? '10.0.0.2')!;
    const remote = parseAddress(isIpv6 ? 'fd00::1' : '10.0.0.1')!;
    const ports = first.secure ? config.tlsPorts : config.plainPorts;
    const from = { address: remote, port: FIRST_PORT + (this.#connections++ % PORTS) };
    const isn = Buffer.from(random.bytes(flow, 'client isn', 4)).readUInt32BE();
    const tcp = new ClientTcp(from, { address: local, port: ports[0]! }, isn, config.mtu ?? 1500, session);
    const why = await this.#run(tcp);
    return exchanges.map((recorded, at) => {
      const ours = http.client?.plan.answers[at];
      const answered = ours?.response === undefined ? undefined : ours;
      return {
        recorded: sent(recorded),
        ours: answered && sent(answered),
        why: answered === undefined ? (why ?? NO_RESPONSE) : undefined,
        notes,
      };
    });
  }

  end(): void {
    this.#options.desk?.close();
    this.#options.onEnd?.(this.#nowUs);
  }

  /** Until the connection is over; what went wrong, if anything. */
  async #run(tcp: ClientTcp): Promise<string | undefined> {
    const untilUs = this.#nowUs + clientLimits.conversationUs;
    this.#outside?.beginConversation();
    let problem: string | undefined;
    tcp.open();
    for (let round = 0; round < clientLimits.rounds && !tcp.over; round++) {
      let moved = false;
      if (this.#deliver(tcp)) moved = true;
      if (this.#giveAnswers()) moved = true;
      try {
        if (this.#drain(tcp)) moved = true;
        tcp.send();
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        problem ??= `${error.layer}: ${error.message}${error.rule === undefined ? '' : ` (${error.rule})`}`;
        break;
      }
      if (moved) continue;
      // An application takes time of its own, for which the clock of the run stands still.
      if (await this.#outside?.wait()) continue;
      const deadlineUs = this.#stack.nextDeadlineUs();
      if (deadlineUs === undefined || deadlineUs > untilUs) {
        problem = 'the server said nothing more';
        break;
      }
      if (deadlineUs > this.#nowUs) this.#nowUs = deadlineUs;
      this.#stack.advance(this.#nowUs);
    }
    if (!tcp.over) {
      problem ??= 'the conversation came to no end';
      tcp.abort();
      this.#deliver(tcp);
    }
    // What the last packets brought about is part of the run.
    this.#stack.advance(this.#nowUs);
    this.#drain(undefined);
    return problem;
  }

  #deliver(tcp: ClientTcp): boolean {
    let any = false;
    for (let packet = tcp.shift(); packet !== undefined; packet = tcp.shift()) {
      if (!any) this.#nowUs += ONE_WAY_US;
      any = true;
      this.#options.onPacket?.(this.#nowUs, 'in', packet);
      this.#stack.receive(this.#nowUs, packet);
    }
    return any;
  }

  #giveAnswers(): boolean {
    let any = false;
    for (let given = this.#outside?.shift(); given !== undefined; given = this.#outside?.shift()) {
      any = true;
      this.#stack.advance(this.#nowUs);
      this.#options.onAnswer?.(this.#nowUs, given.token, given.answer);
      this.#stack.respond(this.#nowUs, given.token, given.answer);
    }
    return any;
  }

  #drain(tcp: ClientTcp | undefined): boolean {
    let any = false;
    for (let out = this.#stack.poll(); out !== undefined; out = this.#stack.poll()) {
      any = true;
      this.#options.onPacket?.(out.atUs, 'out', out.frame);
      tcp?.receive(out.frame.slice());
    }
    return any;
  }
}

const NOTHING = new Uint8Array(0);

/** Its request cannot be asked any more. */
function withoutContent(exchange: RecordedExchange): RecordedExchange {
  return { ...exchange, request: { ...exchange.request, content: NOTHING, cut: true } };
}

/** Without the content of its request. */
function sent(exchange: RecordedExchange): RecordedExchange {
  return exchange.request.content.length === 0
    ? exchange
    : { ...exchange, request: { ...exchange.request, content: NOTHING } };
}

/** What comes from outside, in its order. */
class OutsideAnswers {
  readonly #desk: Desk;
  readonly #given: { readonly token: string; readonly answer: OutsideAnswer }[] = [];
  #leftMs = 0;
  #wake: (() => void) | undefined;

  constructor(desk: Desk) {
    this.#desk = desk;
    desk.connect((token, answer) => {
      this.#given.push({ token, answer });
      this.#wake?.();
    });
  }

  beginConversation(): void {
    this.#leftMs = clientLimits.outsideMs;
  }

  shift() {
    return this.#given.shift();
  }

  /** Whether an answer is there, or came while there was patience for it. */
  async wait(): Promise<boolean> {
    if (this.#given.length > 0) return true;
    if (this.#desk.open === 0 || this.#leftMs <= 0) return false;
    const startedMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, this.#leftMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
    this.#leftMs -= performance.now() - startedMs;
    return this.#given.length > 0;
  }
}

/** What is asked on one connection of the requests that `places` names, and what each of them waits for. */
export function planOf(
  { exchanges, answeredAt }: RecordedConnection,
  places: readonly number[] = [...exchanges.keys()],
): PlannedRequest[] {
  const answers = places.flatMap((place, at) => {
    const packet = answeredAt[place];
    return packet === undefined ? [] : [{ packet, at }];
  });
  answers.sort((a, b) => a.packet - b.packet);
  let told = 0;
  return places.map((place) => {
    const { request, secure, packet, protocol } = exchanges[place]!;
    // What was answered before this one was sent, as it was recorded. What the one in front of it waits for is not named again:
    // a list of all would grow with the square of the requests.
    const after: number[] = [];
    for (; told < answers.length && answers[told]!.packet < packet; told++) after.push(answers[told]!.at);
    return {
      version: protocol === 'http/1.0' ? 'HTTP/1.0' : 'HTTP/1.1',
      method: request.method,
      target: request.target,
      scheme: secure ? 'https' : 'http',
      authority: request.authority,
      headers: request.headers,
      trailers: request.trailers,
      content: request.content,
      after,
    };
  });
}

function offerOf(first: RecordedExchange, notes: string[]) {
  const { tls, protocol } = first;
  const version = tls?.version ?? 'TLS1.2';
  if (version !== 'TLS1.2' && version !== 'TLS1.3') notes.push(`${version} was recorded, and 1.2 is asked for`);
  const code = Object.values(CipherSuite).find((suite) => cipherSuiteName(suite) === tls?.cipherSuite);
  if (tls !== undefined && code === undefined) notes.push(`${tls.cipherSuite} was recorded, and is not offered`);
  // What was agreed on is offered, so that it is agreed on again.
  const agreed = tls?.alpn ?? (protocol === 'h2' ? 'h2' : undefined);
  return {
    maxVersion: version === 'TLS1.3' ? TLS_1_3 : TLS_1_2,
    favouriteSuite: code,
    alpn: agreed === undefined ? [] : [agreed],
    serverName: tls?.serverName,
  } as const;
}

export type { Plan };
