// Tables of RFC 9293 §3.10.7: what a connection in each state does with each kind of segment. A row is
//
//   label | flags seq length ack | a cell for each state
//
// with the stack's own variables as numbers: R is RCV.NXT, E the right edge of its window, U SND.UNA, N SND.NXT, M the
// largest window the client has offered (MAX.SND.WND), I the client's initial sequence number; `-` is no acknowledgment.
// A cell is the answer, `:bytes` delivered if any, `>state` if it changes:
//
//   -         nothing is sent
//   ack       <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, and RCV.NXT has not moved;  ack+n: it has moved by n
//   rst       <SEQ=SEG.ACK><CTL=RST>
//   rst,ack   <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
//   synack    <SEQ=ISS><ACK=SEG.SEQ+1><CTL=SYN,ACK>

import * as assert from 'uvu/assert';
import type { TcpState } from '../../src/core/trace.js';
import { describe, Wire, type WireOptions } from './wire.js';

/** As the columns name them. LIS: this connection is gone, and the port listens on. */
const STATES: Readonly<Record<string, TcpState>> = {
  SR: 'SYN-RECEIVED',
  EST: 'ESTABLISHED',
  FW1: 'FIN-WAIT-1',
  FW2: 'FIN-WAIT-2',
  CLG: 'CLOSING',
  TW: 'TIME-WAIT',
  CW: 'CLOSE-WAIT',
  LA: 'LAST-ACK',
  LIS: 'CLOSED',
  CLD: 'CLOSED',
};

/** A connection in a state, with the numbers that the wire cannot tell. */
export interface Situation {
  readonly wire: Wire;
  readonly sndUna: number;
}

/** Longer than any delayed acknowledgment, shorter than any retransmission in the situations below. */
const QUIET_US = 100_000;
const CLIENT_WINDOW = 65_535;
const RTT = 0.1;

type Register = (name: string, test: () => void) => void;

/** Registers a test for each cell. `situation` makes a connection in the state of a column. */
export function testTable(register: Register, table: string, situation: (state: string) => Situation): void {
  const [head, ...rows] = table
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells.length > 2 && !/^-+$/.test(cells[1]!));
  const columns = head!.slice(2);
  for (const [label, segment, ...cells] of rows) {
    assert.is(cells.length, columns.length, `cells of the row ${label}`);
    columns.forEach((state, i) => {
      register(`${state}: ${label!.replace(/ \*\d+$/, '')}`, () =>
        checkCell(situation(state), state, segment!, cells[i]!),
      );
    });
  }
}

function checkCell({ wire, sndUna }: Situation, from: string, segment: string, cell: string): void {
  const [, answer, bytes, next] = /^([a-z,+\d-]+)(?::(\d+))?(?:>(\w+))?$/.exec(cell) ?? [];
  if (answer === undefined) throw new Error(`no cell: ${cell}`);
  const value = (text: string): number => evaluate(text, wire, sndUna);
  const [flags, seqText, lengthText, ackText] = segment.split(/\s+/);
  const [seq, length] = [value(seqText!), Number(lengthText)];
  const ack = ackText === '-' ? undefined : value(ackText!);
  const [rcvNxt, sndNxt, delivered] = [wire.rcvNxt, wire.sndNxt, wire.delivered];

  wire.send(`${flags} ${seq}:${seq + length}(${length}) win ${CLIENT_WINDOW}${ack === undefined ? '' : ` ack ${ack}`}`);
  const state = wire.state;
  const sent = wire.take();
  wire.at((wire.nowUs + QUIET_US) / 1_000_000);
  sent.push(...wire.take());

  const controls = Number(flags!.includes('S')) + Number(flags!.includes('F'));
  const expected = expectedAnswer(answer, { seq, end: seq + length + controls, ack: ack ?? 0, rcvNxt, sndNxt });
  assert.equal(sent.map(describe), expected === undefined ? [] : [expected], 'sent');
  assert.is(state, STATES[next ?? from], 'state');
  assert.is(wire.delivered - delivered, Number(bytes ?? 0), 'bytes delivered');
  if (next === 'LIS') wire.send('S 500000:500000(0)').expect('S. 0:0(0) ack 500001');
}

interface Numbers {
  readonly seq: number;
  readonly end: number;
  readonly ack: number;
  readonly rcvNxt: number;
  readonly sndNxt: number;
}

export function expectedAnswer(answer: string, numbers: Numbers): string | undefined {
  const { seq, end, rcvNxt, sndNxt } = numbers;
  const ack = numbers.ack >>> 0;
  if (answer === '-') return undefined;
  if (answer === 'rst') return `R ${ack}:${ack}(0)`;
  if (answer === 'rst,ack') return `R. 0:0(0) ack ${end}`;
  if (answer === 'synack') return `S. 0:0(0) ack ${seq + 1}`;
  const moved = /^ack(?:\+(\d+))?$/.exec(answer);
  if (!moved) throw new Error(`unknown answer ${answer}`);
  return `. ${sndNxt}:${sndNxt}(0) ack ${rcvNxt + Number(moved[1] ?? 0)}`;
}

function evaluate(text: string, wire: Wire, sndUna: number): number {
  const values: Record<string, number> = {
    R: wire.rcvNxt,
    E: wire.edge,
    U: sndUna,
    N: wire.sndNxt,
    M: CLIENT_WINDOW,
    I: 0,
  };
  let sum = 0;
  for (const [, sign, term] of text.matchAll(/([+-]?)(\w+)/g)) {
    const value = values[term!] ?? Number(term);
    sum += sign === '-' ? -value : value;
  }
  return sum;
}

/**
 * The client has sent 1000 bytes, the server 500 which were acknowledged. In flight are, where the state allows it, 300
 * bytes or the server's FIN. No options but MSS, a round trip of 100 ms.
 */
export function reach(state: string, options: WireOptions = {}): Situation {
  const close = { atUs: 700_000, verb: 'close', amount: 0 };
  const write = { atUs: 700_000, verb: 'write', amount: 300 };
  const plans: Record<string, typeof close> = { FW1: close, FW2: close, CLG: close, TW: close, LA: close };
  const wire = new Wire(options, [{ atUs: 200_000, verb: 'write', amount: 500 }, plans[state] ?? write]);
  wire.at(0).send('S 0:0(0) <mss 1460>').expect('S. 0:0(0) ack 1');
  if (state === 'SR') return { wire, sndUna: 0 };
  wire.at(RTT).send('. 1:1(0) ack 1');
  wire.at(0.2).expect('P. 1:501(500) ack 1');
  wire.at(0.3).send('. 1:1(0) ack 501');
  wire.at(0.4).send('P. 1:1001(1000) ack 501').at(0.6);
  if (state === 'CW' || state === 'LA') wire.send('F. 1001:1001(0) ack 501');
  wire.at(0.7);
  if (state === 'FW2' || state === 'TW') wire.at(0.8).send('. 1001:1001(0) ack 502');
  if (state === 'TW') wire.send('F. 1001:1001(0) ack 502');
  if (state === 'CLG') wire.at(0.75).send('F. 1001:1001(0) ack 501');
  wire.take();
  assert.is(wire.state, STATES[state]);
  const finReceived = ['CW', 'LA', 'CLG', 'TW'].includes(state);
  assert.is(wire.rcvNxt, finReceived ? 1002 : 1001);
  assert.is(wire.sndNxt, state === 'EST' || state === 'CW' ? 801 : 502);
  return { wire, sndUna: state === 'FW2' || state === 'TW' ? 502 : 501 };
}
