// The target `http1`: a connection that gets requests, whole ones and broken ones, in any pieces. Invariants: nothing is
// thrown; bounded room, memory and output; one response for each request that the oracle sees, in order and with its content;
// a refusal where it sees one, and the connection closes behind it; the same events for any pieces; deadlines advance.

import { imfFixdate } from '../../src/core/http/date.js';
import type { Handler } from '../../src/core/http/message.js';
import { Http1Connection } from '../../src/core/http1/connection.js';
import { refusals } from '../../src/core/http1/refusals.js';
import { limits } from '../../src/core/limits.js';
import type { TraceEvent } from '../../src/core/trace.js';
import { ascii, testRandom, text } from '../../test/support/bytes.js';
import { makeNoise, makeRequest, makeWords, mutate } from './http1-input.js';
import { type Story, tell } from './http1-oracle.js';
import { type Answer, readAnswers } from './http1-responses.js';
import type { Case, FuzzTarget, Verdict } from './target.js';

interface Http1Case {
  readonly seed: number;
  /** valid, wild: requests of those kinds; words, noise: anything; text: what `text` says. */
  readonly kind: string;
  readonly requests: number;
  readonly mutations: number;
  /** The input comes in pieces of 1 to so many octets; 0: in one. */
  readonly piece: number;
  readonly take: number;
  /** echo: the content comes back; ignore: nobody reads it. */
  readonly handler: string;
  readonly text: string;
}

const PLAIN: Http1Case = {
  seed: 1,
  kind: 'valid',
  requests: 1,
  mutations: 0,
  piece: 0,
  take: 16_384,
  handler: 'echo',
  text: '',
};
const STATUSES: ReadonlySet<number> = new Set(Object.values(refusals).map(({ status }) => status));
const START_UNIX_US = 784_111_777_000_000;

export const http1Target: FuzzTarget = {
  name: 'http1',
  description: 'requests of HTTP/1.1, valid, smuggled and broken, in any pieces, against an oracle from the RFC',
  plain: PLAIN as unknown as Case,
  make: (seed, run) => make(seed, run) as unknown as Case,
  run: (fuzzCase, log) => runCase(fuzzCase as unknown as Http1Case, log),
};

function make(seed: number, run: number): Http1Case {
  const random = testRandom(Math.imul(seed ^ 0x2c1b3c6d, 0x9e3779b1) ^ Math.imul(run + 1, 0x297a2d39));
  // xorshift begins badly with close seeds: the first draws are thrown away.
  for (let i = 0; i < 8; i++) random.u32();
  const kind = ['valid', 'valid', 'wild', 'wild', 'wild', 'words', 'noise'][random.below(7)]!;
  return {
    seed: random.u32(),
    kind,
    requests: 1 + random.below(5),
    mutations: kind === 'valid' ? 0 : random.below(3),
    piece: [1, 2, 7, 60, 1_000][random.below(5)]!,
    take: [1, 50, 1_460, 16_384, 1_000_000][random.below(5)]!,
    handler: random.below(3) === 0 ? 'ignore' : 'echo',
    text: '',
  };
}

function inputOf({ seed, kind, requests, mutations, text: given }: Http1Case): string {
  if (kind === 'text') return given;
  const random = testRandom(seed);
  let input = '';
  if (kind === 'noise') input = makeNoise(random);
  else if (kind === 'words') input = makeWords(random);
  else for (let i = 0; i < requests; i++) input += makeRequest(random, kind === 'wild');
  for (let i = 0; i < mutations; i++) input = mutate(random, input);
  return input;
}

function runCase(fuzzCase: Http1Case, log?: (line: string) => void): Verdict {
  const input = inputOf(fuzzCase);
  log?.(JSON.stringify(input));
  const counts = { octets: input.length, responses: 0, refused: 0 };
  const peaks = { 'octets of output': 0 };
  let failure: string | undefined;
  try {
    const story = tell(input);
    const whole = drive(input, 0, 1_000_000, fuzzCase);
    const pieces = drive(input, fuzzCase.piece, fuzzCase.take, fuzzCase);
    log?.(JSON.stringify(whole.output));
    for (const event of whole.events) log?.(JSON.stringify(event));
    const answers = readAnswers(
      whole.output,
      story.requests.map(({ method }) => method),
    );
    counts.responses = answers.length;
    counts.refused = story.refused ? 1 : 0;
    peaks['octets of output'] = whole.output.length;
    failure = whole.problem ?? pieces.problem ?? judge(story, answers, whole.state, fuzzCase.handler);
    // With an expectation the 100 depends on when content comes (RFC 9110 §10.1.1).
    if (failure === undefined && !story.requests.some(({ expects }) => expects)) {
      failure = sameEvents(whole.events, pieces.events);
    }
  } catch (error) {
    failure = `thrown: ${error instanceof Error ? error.stack : String(error)}`;
  }
  return { counts, peaks, ...(failure !== undefined && { failure }) };
}

interface Driven {
  readonly output: string;
  readonly events: readonly TraceEvent[];
  readonly state: string;
  readonly problem: string | undefined;
}

/** Gives the input in pieces and takes all output after each, without regard to room, then ends it. */
function drive(input: string, piece: number, take: number, { seed, handler }: Http1Case): Driven {
  const random = testRandom(seed ^ 0x55aa);
  const events: TraceEvent[] = [];
  const connection = new Http1Connection({
    flow: 'fuzz#0',
    scheme: 'http',
    handler: handler === 'echo' ? echo : ignore,
    connection: { flow: 'fuzz#0' },
    date: (nowUs) => imfFixdate(START_UNIX_US + nowUs),
    trace: (_, event) => events.push(event),
  });
  let nowUs = 0;
  let output = '';
  let problem: string | undefined;
  const check = (): void => {
    const room = connection.room();
    if (!Number.isInteger(room) || room < 0 || room > limits.http1.inputBytes) problem ??= `room is ${room}`;
    const deadlineUs = connection.nextDeadlineUs();
    if (deadlineUs !== undefined && !(deadlineUs > nowUs)) problem ??= `deadline ${deadlineUs} at ${nowUs}`;
  };
  const drain = (): void => {
    for (let view = connection.take(nowUs, take); view.length > 0; view = connection.take(nowUs, take)) {
      if (view.length > take) problem ??= `a take of ${take} gave ${view.length}`;
      output += text(view);
      // An echo with its framing, and a response for each of the shortest requests.
      if (output.length > 1_000 + 40 * input.length) {
        problem ??= `${output.length} octets of output for ${input.length}`;
        return;
      }
    }
  };
  for (let at = 0; at < input.length; ) {
    const size = piece === 0 ? input.length : 1 + random.below(piece);
    connection.receive(nowUs, ascii(input.slice(at, at + size)));
    at += size;
    drain();
    check();
    nowUs += 1;
  }
  connection.endOfInput(nowUs);
  drain();
  check();
  const { state } = connection;
  if (state === 'open' || state === 'draining') problem ??= `${state} after the end of all input`;
  return { output, events, state, problem };
}

const echo: Handler = (request) => ({
  status: 200,
  headers: [['x-path', request.path]],
  // Trailer fields of the request would go back as well.
  body: { length: request.body.length, read: (maxBytes) => request.body.read(maxBytes) },
});

const ignore: Handler = (request) => ({ status: 200, headers: [['x-path', request.path]] });

/** Undefined: what was answered is what the oracle expects. */
function judge(
  { requests, refused }: Story,
  answers: readonly Answer[],
  state: string,
  handler: string,
): string | undefined {
  let at = 0;
  for (const expected of requests) {
    const answer = answers[at++];
    const named = `request ${at} (${expected.method} ${expected.path})`;
    if (answer === undefined) return `${named} has no response`;
    const reads = handler === 'echo' && expected.method !== 'HEAD';
    if (reads && expected.broken && expected.content === '') {
      // Nothing was out yet: the refusal itself is the response.
      return refusal(answer, at, answers) ?? (state === 'closed' ? undefined : `${state} behind a refusal`);
    }
    if (answer.status !== 200) return `${named} was answered with ${answer.status}`;
    if (answer.headers.get('x-path') !== expected.path) return `${named} got the answer of another`;
    if (reads && expected.broken) {
      if (answer.complete) return `${named} is broken and was answered in whole`;
      if (!expected.content.startsWith(answer.content)) return `${named} has other content than was sent`;
      return at === answers.length ? undefined : `${named} is broken and another answer follows`;
    }
    if (!answer.complete) return `${named} was answered in part`;
    if (answer.content !== (reads ? expected.content : '')) return `${named} has other content than was sent`;
    const closes = answer.headers.get('connection') === 'close';
    if (!expected.persistent && !closes) return `${named} was the last one and the response does not say so`;
    // Whether content that nobody waited for is still read depends on when it comes.
    if (closes && expected.persistent && expected.expects) return undefined;
    if (closes && expected.persistent) return `${named} says close without a reason`;
    if (expected.broken) return at === answers.length ? undefined : `${named} is broken and another answer follows`;
  }
  if (refused) return refusal(answers[at], at + 1, answers);
  return at === answers.length ? undefined : `${answers.length} responses to ${requests.length} requests`;
}

function refusal(answer: Answer | undefined, count: number, answers: readonly Answer[]): string | undefined {
  if (answer === undefined) return 'what is no request was not refused';
  if (!STATUSES.has(answer.status)) return `what is no request was answered with ${answer.status}`;
  if (answer.headers.get('connection') !== 'close') return 'a refusal that does not say close';
  if (!answer.complete) return 'a refusal in part';
  return count === answers.length ? undefined : 'a response behind a refusal';
}

function sameEvents(whole: readonly TraceEvent[], pieces: readonly TraceEvent[]): string | undefined {
  for (let i = 0; i < Math.max(whole.length, pieces.length); i++) {
    const [one, other] = [JSON.stringify(whole[i]), JSON.stringify(pieces[i])];
    if (one !== other) return `event ${i} is ${one} in one piece and ${other} in many`;
  }
  return undefined;
}
