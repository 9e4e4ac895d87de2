// Node's own HTTP client over an in-memory stream: an HTTP/1.1 implementation that is not ours finds no fault.

import { createHash } from 'node:crypto';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { patternByte } from '../../../src/core/http/body.js';
import { limits } from '../../../src/core/limits.js';
import { type Rig, rig } from '../../support/http1.js';

/** A socket whose other end is a connection: it writes no more than there is room for. */
class Wire extends Duplex {
  readonly rig: Rig = rig();
  largestWait = 0;
  #wanted = false;
  #scheduled = false;
  #waiting: { chunk: Uint8Array; done: () => void } | undefined;

  override _read(): void {
    this.#wanted = true;
    this.#schedule();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#waiting = { chunk, done };
    this.#schedule();
  }

  override _final(done: () => void): void {
    this.rig.connection.endOfInput(this.rig.nowUs);
    this.#schedule();
    done();
  }

  /** Never inside the call of the client: a real socket does nothing there either. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const { connection } = this.rig;
    for (;;) {
      let moved = false;
      const room = connection.room();
      this.largestWait = Math.max(this.largestWait, limits.http1.inputBytes - room);
      if (this.#waiting !== undefined && room > 0) {
        const { chunk, done } = this.#waiting;
        connection.receive(this.rig.nowUs, chunk.subarray(0, room));
        if (chunk.length > room) this.#waiting.chunk = chunk.subarray(room);
        else {
          this.#waiting = undefined;
          done();
        }
        moved = true;
      }
      while (this.#wanted) {
        const view = connection.take(this.rig.nowUs, 16_384);
        if (view.length === 0) break;
        this.#wanted = this.push(Buffer.from(view));
        moved = true;
      }
      const deadline = connection.nextDeadlineUs();
      // Timeouts are much later than anything that a response waits for.
      if (deadline !== undefined && deadline - this.rig.nowUs < limits.http1.contentUs) {
        this.rig.nowUs = deadline;
        connection.advance(deadline);
        moved = true;
      }
      if (connection.state === 'closed' && !this.readableEnded) {
        this.push(null);
        return;
      }
      if (!moved) return;
    }
  }
}

interface Answer {
  readonly response: IncomingMessage;
  readonly sha256: string;
  readonly length: number;
  readonly text: string;
}

function ask(agent: Agent, path: string, options: object, send: (out: ClientRequest) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const out = request({ agent, host: 'wirebench.test', path, ...options }, (response) => {
      const hash = createHash('sha256');
      let length = 0;
      let text = '';
      response.on('data', (chunk: Buffer) => {
        hash.update(chunk);
        length += chunk.length;
        if (length < 10_000) text += chunk.toString('latin1');
      });
      response.on('end', () => resolve({ response, sha256: hash.digest('hex'), length, text }));
      response.on('error', reject);
    });
    out.on('error', reject);
    send(out);
  });
}

function wired(): { agent: Agent; wires: Wire[] } {
  const wires: Wire[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  // What the agent calls for a new connection.
  (agent as unknown as { createConnection: () => Duplex }).createConnection = () => {
    const wire = new Wire();
    // The agent keeps a socket of net alive by these; a plain stream has none.
    Object.assign(wire, {
      setKeepAlive: () => wire,
      setNoDelay: () => wire,
      setTimeout: () => wire,
      ref: () => wire,
      unref: () => wire,
    });
    wires.push(wire);
    return wire;
  };
  return { agent, wires };
}

const FIVE_MB = 5_000_000;
const content = Uint8Array.from({ length: FIVE_MB }, (_, k) => patternByte(k));
const contentHash = createHash('sha256').update(content).digest('hex');
const end = (out: ClientRequest): void => {
  out.end();
};

test('5 MB down, by length', async () => {
  const { agent } = wired();
  const answer = await ask(agent, `/bytes/${FIVE_MB}`, {}, end);
  assert.is(answer.response.statusCode, 200);
  assert.is(answer.sha256, contentHash);
  agent.destroy();
});

test('5 MB up and down through /echo, by length and chunked, within the window', async () => {
  const { agent, wires } = wired();
  for (const headers of [{ 'content-length': FIVE_MB }, { 'transfer-encoding': 'chunked' }]) {
    const answer = await ask(agent, '/echo', { method: 'POST', headers }, (out) => {
      for (let at = 0; at < FIVE_MB; at += 100_000) out.write(content.subarray(at, at + 100_000));
      out.end();
    });
    assert.is(answer.length, FIVE_MB);
    assert.is(answer.sha256, contentHash);
  }
  assert.is(wires.length, 1);
  assert.ok(wires[0]!.largestWait <= limits.http1.inputBytes);
  agent.destroy();
});

test('a keep-alive session of every kind of answer uses one connection', async () => {
  const { agent, wires } = wired();
  for (const [path, options, status, body] of [
    ['/status/404', {}, 404, '404 Not Found\n'],
    ['/status/204', {}, 204, ''],
    ['/status/304', {}, 304, ''],
    ['/bytes/7', { method: 'HEAD' }, 200, ''],
    ['/delay/50', {}, 200, '200 OK: after 50 ms\n'],
    ['/', { method: 'PUT' }, 405, '405 Method Not Allowed: allowed here: GET, HEAD, OPTIONS\n'],
    ['/status/200', {}, 200, '200 OK\n'],
  ] as const) {
    const answer = await ask(agent, path, options, end);
    assert.is(answer.response.statusCode, status, path);
    assert.is(answer.text, body, path);
    assert.is(answer.response.httpVersion, '1.1');
  }
  assert.is(wires.length, 1);
  agent.destroy();
});

test('Expect: 100-continue', async () => {
  const { agent } = wired();
  let continued = 0;
  const headers = { expect: '100-continue', 'content-length': 5 };
  const answer = await ask(agent, '/echo', { method: 'POST', headers }, (out) => {
    out.on('continue', () => {
      continued++;
      out.end('hello');
    });
    out.flushHeaders();
  });
  assert.is(continued, 1);
  assert.is(answer.text, 'hello');
  agent.destroy();
});

test('Connection: close ends the stream', async () => {
  const { agent, wires } = wired();
  const answer = await ask(agent, '/bytes/10', { headers: { connection: 'close' } }, end);
  assert.is(answer.response.headers.connection, 'close');
  assert.is(answer.length, 10);
  assert.is(wires[0]!.rig.connection.state, 'closed');
  agent.destroy();
});

test.run();
