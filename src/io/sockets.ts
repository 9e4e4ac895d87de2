// tcp mode: sessions over the operating system's own TCP. Socket events become timed inputs of `Streams`, its outputs
// become socket calls; backpressure goes both ways, and either side may close its half first.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { StreamInput, StreamOutput, Streams } from '../core/streams.js';
import type { Clock } from './clock.js';
import { DeviceError } from './errors.js';
import { Loop, type Presenter } from './run.js';

/** What a recording takes of a run in tcp mode. Bytes are valid during the call only. */
export interface StreamRecorder {
  input(atUs: number, input: StreamInput): void;
  output(output: StreamOutput): void;
  event(kind: 'close' | 'end', atUs: number): void;
  close(): void;
}

export interface SocketRunOptions {
  readonly streams: Streams;
  readonly clock: Clock;
  readonly host: string;
  readonly ports: readonly number[];
  readonly recorder?: StreamRecorder;
  readonly presenter?: Presenter;
}

interface Connection {
  readonly stream: number;
  readonly socket: Socket;
  writtenBytes: number;
  acknowledgedBytes: number;
  acknowledgeScheduled: boolean;
  inputEnded: boolean;
  readonly onWritten: () => void;
}

/** Listens on every port, then runs. Rejects with a DeviceError when a port cannot be had. */
export async function runSockets(options: SocketRunOptions): Promise<Loop> {
  const run = new SocketRun(options);
  await run.listen();
  return run.loop;
}

class SocketRun {
  readonly loop: Loop;
  readonly #options: SocketRunOptions;
  readonly #servers: Server[] = [];
  readonly #connections = new Map<number, Connection>();
  /** Inputs that came while a person looked at an earlier one. */
  #waiting: StreamInput[] = [];
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
        event: (kind, atUs) => options.recorder?.event(kind, atUs),
        shut: () => this.#shut(),
      },
      options.presenter,
    );
  }

  async listen(): Promise<void> {
    try {
      for (const port of this.#options.ports) this.#servers.push(await this.#listenOn(port));
    } catch (error) {
      for (const server of this.#servers) server.close();
      throw error;
    }
  }

  #listenOn(port: number): Promise<Server> {
    const { host } = this.#options;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
      server.listen({ host, port }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.loop.fail(error));
        resolve(server);
      });
    });
  }

  #accept(socket: Socket): void {
    const stream = this.#opened++;
    const connection: Connection = {
      stream,
      socket,
      writtenBytes: 0,
      acknowledgedBytes: 0,
      acknowledgeScheduled: false,
      inputEnded: false,
      onWritten: () => this.#onWritten(connection),
    };
    this.#connections.set(stream, connection);
    socket.on('data', (bytes: Buffer) => this.#submit({ kind: 'data', stream, bytes }));
    socket.on('end', () => {
      connection.inputEnded = true;
      this.#submit({ kind: 'end', stream });
    });
    // 'close' follows an error; both ways ended and written out is the orderly case.
    socket.on('error', () => {});
    socket.on('close', (hadError) => {
      if (!this.#connections.has(stream)) return;
      if (hadError || !connection.inputEnded) this.#submit({ kind: 'reset', stream });
      this.#connections.delete(stream);
    });
    const local = socket.address() as AddressInfo;
    this.#submit({
      kind: 'open',
      stream,
      localAddress: local.address ?? '0.0.0.0',
      localPort: local.port ?? 0,
      remoteAddress: socket.remoteAddress ?? '0.0.0.0',
      remotePort: socket.remotePort ?? 0,
    });
  }

  #submit(input: StreamInput): void {
    const { loop } = this;
    if (loop.ended) return;
    if (loop.paused) {
      this.#waiting.push(input);
      return;
    }
    try {
      const connection = this.#connections.get(input.stream);
      if (input.kind === 'data' && connection && this.#acknowledge(connection)) {
        // Each input has its outputs before the next one comes: a recording says so by its order.
        loop.finish();
        if (loop.paused) {
          this.#waiting.push({ ...input, bytes: input.bytes.slice() });
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

  #onWritten(connection: Connection): void {
    if (connection.acknowledgeScheduled || !this.#options.streams.isFull(connection.stream)) return;
    // Through the event loop, not at once: a fast reader of a large body must not starve the others.
    connection.acknowledgeScheduled = true;
    setImmediate(() => {
      connection.acknowledgeScheduled = false;
      if (this.loop.ended) return;
      if (this.loop.paused) {
        this.#onWritten(connection);
        return;
      }
      try {
        this.#acknowledge(connection);
        this.loop.finish();
        this.#regulate(connection);
      } catch (error) {
        this.loop.fail(error);
      }
    });
  }

  /** Reads on, or not, as the session has room. */
  #regulate(connection: Connection): void {
    const { socket } = connection;
    if (this.loop.paused || socket.destroyed) return;
    const wanted = this.#options.streams.wantsInput(connection.stream);
    if (wanted && socket.isPaused()) socket.resume();
    else if (!wanted && !socket.isPaused()) socket.pause();
  }

  #flush(): void {
    const { streams, recorder } = this.#options;
    for (let output = streams.poll(); output !== undefined; output = streams.poll()) {
      recorder?.output(output);
      const connection = this.#connections.get(output.stream);
      if (connection === undefined) continue;
      const { socket } = connection;
      switch (output.kind) {
        case 'data':
          connection.writtenBytes += output.bytes.length;
          socket.write(output.bytes, connection.onWritten);
          break;
        case 'end':
          socket.end();
          // What still comes is read and dropped, so that the peer's end is seen.
          socket.resume();
          break;
        case 'reset':
          this.#connections.delete(output.stream);
          socket.resetAndDestroy();
          break;
        default:
          output satisfies never;
      }
    }
  }

  #pauseAll(): void {
    for (const { socket } of this.#connections.values()) socket.pause();
  }

  #resumeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const input of waiting) this.#submit(input);
    if (!this.loop.paused) for (const connection of this.#connections.values()) this.#regulate(connection);
  }

  #shut(): void {
    for (const server of this.#servers) server.close();
    for (const { socket } of this.#connections.values()) socket.destroy();
    this.#connections.clear();
    this.#options.recorder?.close();
  }
}

/** A port that nobody listens on now. */
export function freePort(host: string): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, 0)));
    server.listen({ host, port: 0 }, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Why a port cannot be had, as an error that says what to do. */
export function listenError(error: NodeJS.ErrnoException, host: string, port: number): DeviceError {
  if (error.code === 'EADDRINUSE') {
    return new DeviceError(
      `port ${port} on ${host} is in use`,
      'end the process that has it, or pass another `--port N`',
    );
  }
  if (error.code === 'EACCES') {
    return new DeviceError(`no permission to listen on port ${port}`, 'pass a port above 1023: `--port 8443`');
  }
  if (error.code === 'EADDRNOTAVAIL') {
    return new DeviceError(`${host} is no address of this machine`, 'pass one that is: `--host 127.0.0.1`');
  }
  return new DeviceError(
    `cannot listen on ${host} port ${port}: ${error.message}`,
    'pass another `--host` or `--port`',
  );
}
