// The words of an acknowledgment in sender-script.ts.

export interface AckLine {
  readonly ack: number;
  readonly sack: readonly (readonly [left: number, right: number])[];
  /** -1: as before. */
  readonly window: number;
  readonly ece: boolean;
  readonly data: boolean;
  /** -1: no timestamp is echoed. */
  readonly echoUs: number;
}

export function parsePattern(words: readonly string[]): AckLine {
  const sack: [number, number][] = [];
  let window = -1;
  let ece = false;
  let data = false;
  let echoUs = -1;
  for (let i = 1; i < words.length; i++) {
    const word = words[i]!;
    if (word === 'ece') ece = true;
    else if (word === 'data') data = true;
    else if (word === 'win') window = Number(words[++i]);
    else if (word === 'ecr') echoUs = Math.round(Number(words[++i]) * 1e6);
    else if (word === 'sack') {
      for (const block of words[++i]!.split(',')) {
        const [left, right] = block.split(':');
        sack.push([Number(left), Number(right)]);
      }
    } else throw new Error(`unknown word ${word}`);
  }
  return { ack: Number(words[0]), sack, window, ece, data, echoUs };
}
