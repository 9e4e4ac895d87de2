// Scripts for the sending half alone, after packet-script.ts: what is acknowledged when, and exactly what leaves then.
// The peer is the script: SACK blocks, D-SACK, echoed timestamps and ECE are whatever it says.
//
//   0.000 write 10000                          the session gives bytes; `fin` queues the end behind them
//   0.000 > 1:1001                             the next segment, at exactly this time; a retransmission names its reason:
//   0.020 > 1:1001 rack                        rto fast sack rack tlp probe; `cwr` stands for the flag
//   0.010 < 1 sack 1001:2001,3001:4001         acknowledgment 1 with SACK blocks; `win N`, `ece`, `ecr TIME` (what is
//                                              echoed was sent then), `data` (it carries text)
//   0.010 is recovery cwnd 7000 ssthresh 7000 pipe 5000     how things stand
//   0.010 says undo-eifel                      a congestion event with this reason since the last such line
//   0.050 idle                                 nothing has left until now
//
// Sequence numbers are relative to our ISS, which soon wraps. Every segment up to the last time must be accounted for.

import * as assert from 'uvu/assert';
import { emptySegment } from '../../src/core/tcp/segment.js';
import {
  type RetransmitReason,
  type SegmentWriter,
  Sender,
  type SenderOptions,
  TIMER_KINDS,
  TIMER_PERSIST,
  TIMER_PROBE,
  TIMER_REORDERING,
  TIMER_RETRANSMIT,
} from '../../src/core/tcp/send.js';
import { TimerTable } from '../../src/core/time.js';
import { parsePattern } from './sender-lines.js';

const ISS = 0xffff_f000;

export const SACK_OPTIONS: SenderOptions = {
  mss: 1000,
  sack: true,
  timestamps: false,
  congestion: 'cubic',
  recovery: 'rack',
};

/** `rttUs` is what the handshake measured. */
export function runSender(script: string, options: Partial<SenderOptions> = {}, rttUs = 10_000): Sender {
  const run = new Run({ ...SACK_OPTIONS, ...options }, rttUs);
  for (const line of script.split('\n')) {
    const text = line.replace(/#.*$/, '').trim();
    if (text === '') continue;
    try {
      run.step(text);
    } catch (error) {
      if (error instanceof Error) error.message = `at "${text}": ${error.message}`;
      throw error;
    }
  }
  run.end();
  return run.sender;
}

class Run implements SegmentWriter {
  readonly sender: Sender;
  readonly #timers = new TimerTable(TIMER_KINDS);
  readonly #timestamps: boolean;
  #sent: string[] = [];
  #said: string[] = [];
  #reason = '';
  #seq = 1;

  constructor(options: SenderOptions, rttUs: number) {
    this.sender = new Sender(ISS, options, this.#timers);
    this.#timestamps = options.timestamps;
    this.sender.updateWindow(1 << 20, 1, ISS);
    this.sender.established(0, -1, 0);
    if (rttUs >= 0) {
      this.sender.rtt.sample(rttUs);
      this.sender.rtt.observe(0, rttUs);
      this.sender.recovery.tlp.measured();
    }
  }

  write(nowUs: number, seq: number, _distance: number, length: number, flags: number): void {
    const from = (seq - ISS) >>> 0;
    const marks = `${(flags & 1) !== 0 ? ' fin' : ''}${(flags & 0x80) !== 0 ? ' cwr' : ''}`;
    this.#sent.push(`${nowUs / 1e6} > ${from}:${from + length}${marks}${this.#reason}`);
    this.#reason = '';
  }

  retransmitting(_nowUs: number, reason: RetransmitReason): void {
    this.#reason = ` ${reason}`;
  }

  congestion(_nowUs: number, reason: string): void {
    this.#said.push(reason);
  }

  step(text: string): void {
    const [time, verb, ...words] = text.split(/\s+/);
    const nowUs = Math.round(Number(time) * 1e6);
    if (verb !== '>' || this.#sent.length === 0) this.#advance(nowUs);
    const { sender } = this;
    switch (verb) {
      case '>': {
        const wanted = `${nowUs / 1e6} > ${words.join(' ')}`;
        assert.is(this.#sent.shift() ?? 'nothing', wanted);
        return;
      }
      case '<':
        this.#expectNothing();
        this.#receive(nowUs, words);
        return;
      case 'write':
        sender.queue.push(new Uint8Array(Number(words[0])));
        if (words[1] === 'fin') sender.finQueued = true;
        sender.send(nowUs, this);
        return;
      case 'is':
        this.#is(words);
        return;
      case 'says':
        assert.ok(this.#said.includes(words[0]!), `said: ${this.#said.join(' ')}`);
        this.#said = [];
        return;
      case 'idle':
        this.#expectNothing();
        return;
      default:
        throw new Error(`unknown word ${verb}`);
    }
  }

  end(): void {
    this.#expectNothing();
  }

  #receive(nowUs: number, words: string[]): void {
    const { sender } = this;
    const line = parsePattern(words);
    const segment = emptySegment();
    segment.seq = this.#seq;
    segment.ack = (ISS + line.ack) >>> 0;
    segment.flags = 0x10;
    if (line.data) {
      segment.payloadLength = 1;
      this.#seq++;
    }
    line.sack.forEach(([left, right], i) => {
      segment.sackEdges[2 * i] = ISS + left;
      segment.sackEdges[2 * i + 1] = ISS + right;
    });
    segment.sackBlocks = line.sack.length;
    const age = this.#timestamps && line.echoUs >= 0 ? Math.floor(nowUs / 1000) - Math.floor(line.echoUs / 1000) : -1;
    if (line.ece) sender.congestionMarked();
    sender.acknowledge(nowUs, segment, line.window < 0 ? sender.wnd : line.window, age);
    sender.send(nowUs, this);
  }

  #is(words: string[]): void {
    const { recovery, congestion, inFlight } = this.sender;
    const actual: Record<string, number> = {
      cwnd: congestion.cwnd,
      ssthresh: congestion.ssthresh,
      pipe: recovery.pipe(inFlight),
      flight: inFlight,
      rto: this.sender.rtt.rtoUs,
      sacked: recovery.board.sackedBytes,
      lost: recovery.board.lostBytes,
    };
    assert.is(recovery.state, words[0]);
    for (let i = 1; i < words.length; i += 2) assert.is(actual[words[i]!], Number(words[i + 1]), words[i]);
  }

  #advance(nowUs: number): void {
    for (;;) {
      const atUs = this.#timers.nextDeadlineUs();
      const kind = this.#timers.popDue(nowUs);
      if (kind < 0) return;
      if (kind === TIMER_RETRANSMIT) this.sender.retransmitTimeout(atUs, this);
      else if (kind === TIMER_REORDERING) this.sender.reorderingTimeout(atUs, this);
      else if (kind === TIMER_PROBE) this.sender.probeTimeout(atUs, this);
      else if (kind === TIMER_PERSIST) this.sender.persistTimeout(atUs, this);
      assert.ok(this.#timers.nextDeadlineUs() > atUs, `timer ${kind} re-arms at its own deadline`);
    }
  }

  #expectNothing(): void {
    if (this.#sent.length > 0) assert.unreachable(`unexpected: ${this.#sent.join('; ')}`);
  }
}
