// Another connection beside a recorded run, in either mode: a client whose inputs are put between the recorded ones, and
// whose outputs are told apart from those of the run.

import type { Micros } from '../../src/core/types.js';
import { type ByteClient, TunClient } from './https-client.js';
import type { Output, RecordedRun, TimedInput } from './recorded.js';

export interface Intruder {
  /** The client's next input, or undefined while it waits. */
  next(atUs: Micros): TimedInput | undefined;
  /** Takes what is the client's out of the outputs and gives the rest. */
  take(outputs: readonly Output[]): Output[];
  /** The server has ended the connection. */
  readonly ended: boolean;
}

/** `secure`: to the port with TLS. */
export function createIntruder(run: RecordedRun, secure: boolean, app: ByteClient, number = 0): Intruder {
  const { mode, tlsPorts, plainPorts } = run.identity.config;
  const serverPort = (secure ? tlsPorts : plainPorts)[0];
  if (serverPort === undefined) throw new Error(`${run.name} has no such port`);
  return mode === 'tun' ? new FrameIntruder(serverPort, app, number) : new StreamIntruder(serverPort, app, number);
}

class FrameIntruder implements Intruder {
  readonly #client: TunClient;

  constructor(serverPort: number, app: ByteClient, number: number) {
    // Below the ports that Linux gives to clients.
    this.#client = new TunClient({ port: 2000 + number, serverPort }, app);
  }

  get ended(): boolean {
    return this.#client.state === 'ended' || this.#client.state === 'reset';
  }

  next(atUs: Micros): TimedInput | undefined {
    const frame = this.#client.outbox.shift();
    return frame && { kind: 'frame', atUs, frame };
  }

  take(outputs: readonly Output[]): Output[] {
    const isOurs = ({ bytes }: Output): boolean =>
      bytes[9] === 6 && ((bytes[22]! << 8) | bytes[23]!) === this.#client.port;
    for (const output of outputs) if (isOurs(output)) this.#client.receive(output.bytes);
    return outputs.filter((output) => !isOurs(output));
  }
}

class StreamIntruder implements Intruder {
  ended = false;
  readonly #app: ByteClient;
  readonly #stream: number;
  readonly #inputs: TimedInput[] = [];

  constructor(serverPort: number, app: ByteClient, number: number) {
    this.#app = app;
    this.#stream = 1000 + number;
    const stream = this.#stream;
    const input = { localAddress: '127.0.0.1', localPort: serverPort, remoteAddress: '127.0.0.1', remotePort: 9 };
    this.#inputs.push({ kind: 'stream', atUs: 0, input: { kind: 'open', stream, ...input } });
    this.#say(app.start());
  }

  next(atUs: Micros): TimedInput | undefined {
    const input = this.#inputs.shift();
    return input && { ...input, atUs };
  }

  take(outputs: readonly Output[]): Output[] {
    const stream = this.#stream;
    for (const { what, bytes } of outputs) {
      if (what === `data ${stream}`) {
        this.#inputs.push({ kind: 'stream', atUs: 0, input: { kind: 'acknowledged', stream, count: bytes.length } });
        this.#say(this.#app.receive(bytes));
      } else if (what === `end ${stream}`) {
        this.#inputs.push({ kind: 'stream', atUs: 0, input: { kind: 'end', stream } });
        this.ended = true;
      } else if (what === `reset ${stream}`) this.ended = true;
    }
    return outputs.filter(({ what }) => !what.endsWith(` ${stream}`));
  }

  #say(bytes: Uint8Array): void {
    const stream = this.#stream;
    if (bytes.length > 0) this.#inputs.push({ kind: 'stream', atUs: 0, input: { kind: 'data', stream, bytes } });
  }
}
