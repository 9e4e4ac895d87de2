// tcp mode: sessions over the operating system's own TCP. Socket events become timed inputs of `Streams`, its outputs
// become socket calls; backpressure goes both ways, and either side may close its half first.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Answer } from '../core/http/message.js';
import type { StreamInput, StreamOutput, Streams } from '../core/streams.js';
import type { Clock } from './clock.js';
import { DeviceError } from './errors.js';
import { Loop, type Presenter, type RunEventKind } from './run.js';

/** What a recording takes of a run in tcp mode. Bytes are valid during the call only. */
export interface StreamRecorder {
  input(atUs: number, input: StreamInput): void;
  output(output: StreamOutput): void;
  answer(atUs: number, token: string, answer: Answer): void;
  event(kind: RunEventKind, atUs: number): void;
  close(): void;
}

/** Ports that are listened on. Until `runSockets` takes them over, who connects is refused. */
export interface Listeners {
  /** In the order in which they were asked for; where that was 0, the one that the system chose. */
  readonly ports: readonly number[];
  readonly servers: readonly Server[];
  close(): void;
}

export interface SocketRunOptions {
  readonly streams: Streams;
  readonly clock: Clock;
  readonly listeners: Listeners;
  readonly recorder?: StreamRecorder;
  readonly presenter?: Presenter;
}

/**
 * A chunk of the core's or so. Measured: with a megabyte in one call each byte has left the cache twice before it is sent, and a download
 * takes half as long again.
 */
const CORKED_BYTES = 32_768;

interface Connection {
  readonly stream: number;
  readonly socket: Socket;
  writtenBytes: number;
  /** Held together since the socket was corked last. */
  corkedBytes: number;
  acknowledgedBytes: number;
  acknowledgeScheduled: boolean;
  inputEnded: boolean;
  outputEnded: boolean;
  readonly onWritten: (error?: Error | null) => void;
}

/** Rejects with a DeviceError when a port cannot be had; none is kept then. `options`: what its advice calls the ports. */
export async function listenOn(
  host: string,
  ports: readonly number[],
  options: readonly string[] = [],
): Promise<Listeners> {
  const servers = ports.map(() => createServer({ allowHalfOpen: true, noDelay: true }));
  const close = (): void => {
    for (const server of servers) server.close();
  };
  const results = await Promise.allSettled(
    servers.map((server, index) => listening(server, host, ports[index]!, options[index])),
  );
  for (const result of results) {
    if (result.status === 'fulfilled') continue;
    close();
    throw result.reason;
  }
  return { ports: servers.map((server) => (server.address() as AddressInfo).port), servers, close };
}

function listening(server: Server, host: string, port: number, option: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on('connection', refuse);
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port, option)));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function refuse(socket: Socket): void {
  socket.on('error', () => {});
  socket.resetAndDestroy();
}

/** Runs on the listeners, which are the run's own from here on. */
export function runSockets(options: SocketRunOptions): Loop {
  return new SocketRun(options).loop;
}

class SocketRun {
  readonly loop: Loop;
  readonly #options: SocketRunOptions;
  readonly #connections = new Map<number, Connection>();
  /** What came while a person looked at an earlier input. Nothing is read then, so this is a few calls a connection. */
  #waiting: (() => void)[] = [];
  #opened = 0;

  constructor(options: SocketRunOptions) {
    this.#options = options;
    this.loop = new Loop(
      options.streams,
      options.clock,
      {
        flush: () => this.#flush(),
        stopInput: () => this.#pauseAll(),
        startInput: () => this.#resumeAll(),
        answer: (atUs, token, answer) => options.recorder?.answer(atUs, token, answer),
        answered: (token) => this.#regulateStreamOf(token),
        event: (kind, atUs) => options.recorder?.event(kind, atUs),
        shut: () => this.#shut(),
      },
      options.presenter,
    );
    for (const server of options.listeners.servers) {
      server.off('connection', refuse);
      server.on('connection', (socket) => this.#accept(socket));
      server.on('error', (error) => this.loop.fail(error));
    }
  }

  #accept(socket: Socket): void {
    // 'close' follows an error; both ways ended and written out is the orderly case.
    socket.on('error', () => {});
    const { remoteAddress, remotePort } = socket;
    const { address: localAddress, port: localPort } = socket.address() as Partial<AddressInfo>;
    if (!remoteAddress || !remotePort || !localAddress || !localPort) {
      // Reset before it was accepted: the system knows its ends no more, and nobody waits for an answer.
      socket.destroy();
      return;
    }
    const stream = this.#opened++;
    const connection: Connection = {
      stream,
      socket,
      writtenBytes: 0,
      corkedBytes: 0,
      acknowledgedBytes: 0,
      acknowledgeScheduled: false,
      inputEnded: false,
      outputEnded: false,
      onWritten: (error) => {
        // What could not be written is not acknowledged; 'close' follows.
        if (!error) this.#onWritten(connection);
      },
    };
    this.#connections.set(stream, connection);
    if (this.loop.paused) socket.pause();
    socket.on('data', (bytes: Buffer) => this.#submit({ kind: 'data', stream, bytes }));
    socket.on('end', () => {
      connection.inputEnded = true;
      this.#submit({ kind: 'end', stream });
    });
    socket.on('close', (hadError) => {
      if (!this.#connections.has(stream)) return;
      if (hadError || !connection.inputEnded) this.#submit({ kind: 'reset', stream });
      this.#connections.delete(stream);
    });
    this.#submit({ kind: 'open', stream, localAddress, localPort, remoteAddress, remotePort });
  }

  #submit(input: StreamInput): void {
    const { loop } = this;
    if (loop.ended) return;
    if (loop.paused) {
      this.#waiting.push(() => this.#submit(input));
      return;
    }
    try {
      const connection = this.#connections.get(input.stream);
      if (input.kind === 'data' && connection && this.#acknowledge(connection)) {
        // Each input has its outputs before the next one comes: a recording says so by its order.
        loop.finish();
        if (loop.ended) return;
        if (loop.paused) {
          this.#waiting.push(() => this.#submit(input));
          return;
        }
      }
      this.#give(input);
      loop.finish();
      if (connection && input.kind === 'data') this.#regulate(connection);
    } catch (error) {
      loop.fail(error);
    }
  }

  #give(input: StreamInput): void {
    const atUs = this.loop.begin();
    this.#options.recorder?.input(atUs, input);
    this.#options.streams.receive(atUs, input);
  }

  /** What the kernel took over since the last time is an input: it makes room for more output. */
  #acknowledge(connection: Connection): boolean {
    const taken = connection.writtenBytes - connection.socket.writableLength;
    const count = taken - connection.acknowledgedBytes;
    if (count <= 0) return false;
    connection.acknowledgedBytes = taken;
    this.#give({ kind: 'acknowledged', stream: connection.stream, count });
    return true;
  }

  /**
   * An acknowledgement is worth an input of its own when the session waits for it, or when nothing is written any more:
   * then it says that the peer's TCP has all of it.
   */
  #onWritten(connection: Connection): void {
    const isDue = connection.outputEnded || this.#options.streams.isFull(connection.stream);
    if (connection.acknowledgeScheduled || !isDue) return;
    // Through the event loop, not at once: a fast reader of a large body must not starve the others.
    connection.acknowledgeScheduled = true;
    setImmediate(() => this.#acknowledgeWritten(connection));
  }

  #acknowledgeWritten(connection: Connection): void {
    const { loop } = this;
    if (loop.ended) return;
    if (loop.paused) {
      this.#waiting.push(() => this.#acknowledgeWritten(connection));
      return;
    }
    connection.acknowledgeScheduled = false;
    try {
      if (this.#acknowledge(connection)) loop.finish();
      this.#regulate(connection);
    } catch (error) {
      loop.fail(error);
    }
  }

  /** Reads on, or not, as the session has room. */
  #regulate(connection: Connection): void {
    const { socket } = connection;
    if (this.loop.paused || socket.destroyed) return;
    const wanted = this.#options.streams.wantsInput(connection.stream);
    if (wanted && socket.isPaused()) socket.resume();
    else if (!wanted && !socket.isPaused()) socket.pause();
  }

  /** An answer may ask for content that waits in the socket. */
  #regulateStreamOf(token: string): void {
    const name = /^accept#([0-9]+)\//.exec(token);
    const connection = name === null ? undefined : this.#connections.get(Number(name[1]));
    if (connection !== undefined) this.#regulate(connection);
  }

  #flush(): void {
    const { streams, recorder } = this.#options;
    // What goes to one socket in one turn leaves in one call of the system, as far as it is little.
    const corked: Socket[] = [];
    for (let output = streams.poll(); output !== undefined; output = streams.poll()) {
      recorder?.output(output);
      const connection = this.#connections.get(output.stream);
      if (connection === undefined) continue;
      const { socket } = connection;
      switch (output.kind) {
        case 'data':
          connection.writtenBytes += output.bytes.length;
          if (socket.writableCorked === 0) {
            socket.cork();
            corked.push(socket);
            connection.corkedBytes = 0;
          }
          connection.corkedBytes += output.bytes.length;
          socket.write(output.bytes, connection.onWritten);
          if (connection.corkedBytes >= CORKED_BYTES) socket.uncork();
          // A timer's output may make room for what waits in the socket, and no event of the socket would say so.
          this.#regulate(connection);
          break;
        case 'end':
          connection.outputEnded = true;
          socket.end(connection.onWritten);
          // What still comes is read and dropped, so that the peer's end is seen.
          socket.resume();
          break;
        case 'reset':
          this.#connections.delete(output.stream);
          // The system has all our bytes and our FIN: a reset would throw away what is on its way to a slow reader. While
          // shutdown(2) is still under way it would even fail (EINVAL), and Node would lose an open handle.
          if (socket.writableEnded && socket.writableLength === 0) socket.destroy();
          else socket.resetAndDestroy();
          break;
        default:
          output satisfies never;
      }
    }
    for (const socket of corked) socket.uncork();
  }

  #pauseAll(): void {
    for (const { socket } of this.#connections.values()) socket.pause();
  }

  #resumeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const handle of waiting) handle();
    if (!this.loop.paused) for (const connection of this.#connections.values()) this.#regulate(connection);
  }

  #shut(): void {
    this.#options.listeners.close();
    for (const { socket } of this.#connections.values()) socket.destroy();
    this.#connections.clear();
    this.#options.recorder?.close();
  }
}

/** Why a port cannot be had, as an error that says what to do. */
export function listenError(error: NodeJS.ErrnoException, host: string, port: number, option = '--port'): DeviceError {
  if (error.code === 'EADDRINUSE') {
    return new DeviceError(
      `port ${port} on ${host} is in use`,
      `end the process that has it, or pass another \`${option} N\``,
    );
  }
  if (error.code === 'EACCES') {
    return new DeviceError(
      `no permission to listen on port ${port}`,
      `pass a port above 1023: \`${option} ${option === '--port' ? 8443 : 8080}\``,
    );
  }
  if (error.code === 'EADDRNOTAVAIL') {
    return new DeviceError(`${host} is no address of this machine`, 'pass one that is: `--host 127.0.0.1`');
  }
  return new DeviceError(
    `cannot listen on ${host} port ${port}: ${error.message}`,
    `pass another \`--host\` or \`${option}\``,
  );
}
