// The attacks by requests of HTTP/1.1: many connections to port 80 that are slow, endless or greedy, for as long as the server
// lets them. Each has to end in the way that limits.http1 says; who only does not read is left waiting by its own window.

import { connect, type Socket } from 'node:net';
import { curl, Siege, sleep } from './siege.js';

export const HTTP1_KINDS = [
  'slow-headers',
  'slow-body',
  'endless-headers',
  'endless-extensions',
  'huge-request-line',
  'pipelined-flood',
] as const;
export type Http1Kind = (typeof HTTP1_KINDS)[number];

const HOST = '10.0.0.2';
const CONNECTIONS = 200;
/** Twice the time that the server gives to the slow. */
const PATIENCE_MS = 45_000;
const TICK_MS = 250;
const CHUNKED = `POST /echo HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n`;

interface Plan {
  /** What is sent first. */
  readonly opening: string;
  /** What is sent again and again; `fast`: as quickly as TCP takes it, otherwise four times a second. */
  readonly more: string;
  readonly fast: boolean;
  /** The status that every connection has to end with. */
  readonly status: number;
}

const PLANS: Readonly<Record<Exclude<Http1Kind, 'pipelined-flood'>, Plan>> = {
  'slow-headers': { opening: `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: `, more: 'a', fast: false, status: 408 },
  'slow-body': { opening: CHUNKED, more: '0', fast: false, status: 408 },
  'endless-headers': {
    opening: `GET / HTTP/1.1\r\nHost: ${HOST}\r\n`,
    more: `X-Header: ${'a'.repeat(100)}\r\n`.repeat(10),
    fast: true,
    status: 431,
  },
  'endless-extensions': { opening: `${CHUNKED}1`, more: ';name=value'.repeat(100), fast: true, status: 400 },
  'huge-request-line': { opening: 'GET /', more: 'a'.repeat(1_000), fast: true, status: 414 },
};

interface Ended {
  readonly status: number | undefined;
  readonly sentBytes: number;
  readonly seconds: number;
}

/** Sends by the plan until the server closes or `PATIENCE_MS` are over. */
function besiege({ opening, more, fast }: Plan): Promise<Ended> {
  const startedMs = performance.now();
  const socket = connect({ host: HOST, port: 80, allowHalfOpen: true });
  let received = '';
  return new Promise((resolve) => {
    const end = (): void => {
      clearInterval(timer);
      clearTimeout(patience);
      socket.destroy();
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(received)?.[1];
      resolve({
        status: status === undefined ? undefined : Number(status),
        sentBytes: socket.bytesWritten,
        seconds: (performance.now() - startedMs) / 1_000,
      });
    };
    const pour = (): void => {
      while (!socket.destroyed && socket.write(more, 'latin1'));
    };
    const timer = setInterval(() => (fast ? pour() : socket.write(more, 'latin1')), fast ? 1_000 : TICK_MS);
    const patience = setTimeout(end, PATIENCE_MS);
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
    });
    if (fast) socket.on('drain', pour);
    socket.on('end', end);
    socket.on('error', end);
    socket.on('close', end);
    socket.write(opening, 'latin1');
  });
}

async function attackBySockets(siege: Siege, plan: Plan): Promise<void> {
  const ended = await Promise.all(Array.from({ length: CONNECTIONS }, () => besiege(plan)));
  const counts = new Map<string, number>();
  for (const { status } of ended) counts.set(String(status), (counts.get(String(status)) ?? 0) + 1);
  const slowest = Math.max(...ended.map(({ seconds }) => seconds));
  const most = Math.max(...ended.map(({ sentBytes }) => sentBytes));
  siege.say(
    `  ${CONNECTIONS} connections ended with ${[...counts].map(([status, count]) => `${status} (${count})`).join(', ')}, ` +
      `the last after ${slowest.toFixed(1)} s, after ${most.toLocaleString('en')} bytes at most`,
  );
  siege.expect(
    ended.every(({ status }) => status === plan.status),
    `every connection should have ended with ${plan.status}`,
  );
}

const PIPELINED = `GET /bytes/1000 HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
const POUR_MS = 5_000;

/** Requests without end from clients that do not read; then they read, and every whole request has its answer. */
async function floodPipelined(siege: Siege): Promise<void> {
  const started = Array.from({ length: CONNECTIONS / 4 }, () => {
    const socket = connect({ host: HOST, port: 80 });
    socket.on('error', () => {});
    socket.pause();
    return socket;
  });
  const batch = PIPELINED.repeat(100);
  const sent = new Map<Socket, number>(started.map((socket) => [socket, 0]));
  const pour = (socket: Socket): void => {
    for (let room = true; room && pouring; ) {
      sent.set(socket, sent.get(socket)! + 100);
      room = socket.write(batch, 'latin1');
    }
  };
  let pouring = true;
  for (const socket of started) {
    socket.on('drain', () => pour(socket));
    pour(socket);
  }
  await sleep(POUR_MS);
  pouring = false;
  const stuck = [...sent.values()].reduce((sum, count) => sum + count, 0);
  siege.figures('stuck');
  const answers = await Promise.all(started.map((socket) => countAnswers(socket, sent.get(socket)!)));
  const answered = answers.reduce((sum, count) => sum + count, 0);
  siege.say(
    `  ${started.length} connections gave ${stuck.toLocaleString('en')} requests without reading; then ` +
      `${answered.toLocaleString('en')} answers were read`,
  );
  siege.expect(answered === stuck, 'not every pipelined request was answered');
  for (const socket of started) socket.destroy();
}

/** Reads until so many answers came; each is one status line and 1000 bytes of a pattern that holds no such line. */
function countAnswers(socket: Socket, wanted: number): Promise<number> {
  return new Promise((resolve) => {
    let count = 0;
    let rest = '';
    const end = (): void => {
      clearTimeout(patience);
      resolve(count);
    };
    const patience = setTimeout(end, PATIENCE_MS);
    socket.on('data', (bytes) => {
      const text = rest + bytes.toString('latin1');
      const parts = text.split('HTTP/1.1 200 OK\r\n');
      count += parts.length - 1;
      // A status line may be cut in two; what is kept must not be one that was counted.
      rest = parts.at(-1)!.slice(-16);
      if (count >= wanted) end();
    });
    socket.on('close', end);
    socket.resume();
  });
}

export async function attackByRequests(kind: Http1Kind): Promise<boolean> {
  const siege = await Siege.begin(`${kind}: ${kind === 'pipelined-flood' ? CONNECTIONS / 4 : CONNECTIONS} connections`);
  try {
    const clean = await curl('/bytes/100000');
    siege.expect(clean.ok, `the curl before: ${clean.why}`);
    const before = siege.figures('before');
    let besieged = true;
    const attack = (kind === 'pipelined-flood' ? floodPipelined(siege) : attackBySockets(siege, PLANS[kind])).finally(
      () => {
        besieged = false;
      },
    );
    const visitor = siege.visit(() => besieged);
    await sleep(1_000);
    if (besieged) siege.figures('during');
    await attack;
    await visitor;
    await sleep(200);
    const after = siege.figures('after');
    const growth = siege.expectGrowth(before, after);
    siege.say(
      `  memory grew by ${growth.toFixed(0)} MB at most; ${(after.cpuSeconds - before.cpuSeconds).toFixed(2)} s of CPU`,
    );
  } finally {
    await siege.end();
  }
  return siege.held;
}
