// Regular expressions in time linear in the text, whatever the pattern: all ways through it are followed at once (Thompson 1968), none
// is tried again. The language is the part of PCRE's that needs no memory: no references back, no looking around. Upper and lower case
// are alike, and `.` is any octet but a line feed, as in Wireshark's `matches`. Texts are taken as octets.

/** What is wrong with a pattern: a sentence part. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

export interface LinearPattern {
  /** Whether it is found anywhere in the text. */
  test(text: string): boolean;
}

/** Raises PatternError. */
export function compilePattern(pattern: string): LinearPattern {
  const program = new Program();
  program.add(new PatternParser(octets(pattern)).whole());
  program.finish();
  return { test: (text) => program.run(octets(text)) };
}

/** Steps of a program: a text costs at most so many times its length. */
const LARGEST_PROGRAM = 1_000;
const DEEPEST = 50;

/** Characters that are more than an octet become UTF-8's. */
function octets(text: string): string {
  return /[^\0-\xff]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

// ---- The pattern as a tree ----

/** 256 octets: 1 for those that match. */
type OctetSet = Uint8Array;
type Assertion = 'beginning' | 'end' | 'very end' | 'word edge' | 'no word edge';
type Node =
  | { readonly kind: 'set'; readonly set: OctetSet }
  | { readonly kind: 'assertion'; readonly what: Assertion }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly node: Node; readonly least: number; readonly most: number };

const UNSUPPORTED = 'looking around, references back and the like are not supported here';

class PatternParser {
  readonly #pattern: string;
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#pattern = pattern.replace(/^\(\?i\)/, '');
  }

  whole(): Node {
    const node = this.#choice();
    if (this.#at < this.#pattern.length) throw new PatternError('a parenthesis is closed that was not opened');
    return node;
  }

  get #next(): string | undefined {
    return this.#pattern[this.#at];
  }

  #accept(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(): Node {
    if (++this.#depth > DEEPEST) throw new PatternError('too many parentheses within each other');
    const parts = [this.#sequence()];
    while (this.#accept('|')) parts.push(this.#sequence());
    this.#depth--;
    return parts.length === 1 ? parts[0]! : { kind: 'choice', parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#next !== undefined && this.#next !== '|' && this.#next !== ')') {
      let node = this.#atom();
      for (let bounds = this.#bounds(); bounds !== undefined; bounds = this.#bounds()) {
        node = { kind: 'repeat', node, least: bounds[0], most: bounds[1] };
      }
      parts.push(node);
    }
    return { kind: 'sequence', parts };
  }

  /** Lazy ones match the same texts. */
  #bounds(): readonly [least: number, most: number] | undefined {
    let bounds: readonly [number, number] | undefined;
    if (this.#accept('*')) bounds = [0, Number.POSITIVE_INFINITY];
    else if (this.#accept('+')) bounds = [1, Number.POSITIVE_INFINITY];
    else if (this.#accept('?')) bounds = [0, 1];
    else {
      const [all, least = '', comma, most = ''] = /^\{(\d+)(,?)(\d*)\}/.exec(this.#pattern.slice(this.#at)) ?? [];
      if (all === undefined || (comma === '' && most !== '')) return undefined;
      this.#at += all.length;
      bounds = [Number(least), comma === '' ? Number(least) : most === '' ? Number.POSITIVE_INFINITY : Number(most)];
      if (bounds[0] > bounds[1]) throw new PatternError(`${all} has its bounds the wrong way round`);
    }
    if (this.#accept('+')) throw new PatternError(UNSUPPORTED);
    this.#accept('?');
    return bounds;
  }

  #atom(): Node {
    const c = this.#pattern[this.#at++]!;
    switch (c) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'set', set: this.#class() };
      case '.':
        return { kind: 'set', set: except(setOf('\n')) };
      case '^':
        return { kind: 'assertion', what: 'beginning' };
      case '$':
        return { kind: 'assertion', what: 'end' };
      case '*':
      case '+':
      case '?':
        throw new PatternError(`there is nothing before ${c} that it could repeat`);
      case '\\': {
        const what = ASSERTIONS[this.#next ?? ''];
        if (what === undefined) return { kind: 'set', set: this.#escape() };
        this.#at++;
        return { kind: 'assertion', what };
      }
      default:
        return { kind: 'set', set: setOf(c) };
    }
  }

  #group(): Node {
    if (this.#next === '?') {
      const [opening] = /^\?(?::|P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*')/.exec(this.#pattern.slice(this.#at)) ?? [];
      if (opening === undefined) throw new PatternError(UNSUPPORTED);
      this.#at += opening.length;
    }
    const node = this.#choice();
    if (!this.#accept(')')) throw new PatternError('a parenthesis is not closed');
    return node;
  }

  #class(): OctetSet {
    const negated = this.#accept('^');
    const set = new Uint8Array(256);
    for (let first = true; first || this.#next !== ']'; first = false) {
      if (this.#next === undefined) throw new PatternError('a bracket is not closed');
      const named = /^\[:(\^?)([a-z]+):\]/.exec(this.#pattern.slice(this.#at));
      if (named !== null) {
        const members = POSIX[named[2]!];
        if (members === undefined) throw new PatternError(`there are no [:${named[2]}:]`);
        this.#at += named[0].length;
        unite(set, named[1] === '' ? members : except(members));
        continue;
      }
      const low = this.#member();
      const isRange = this.#next === '-' && this.#pattern[this.#at + 1] !== ']';
      if (!isRange || low.code < 0) {
        unite(set, low.set);
        continue;
      }
      this.#at++;
      if (this.#next === undefined) throw new PatternError('a bracket is not closed');
      const high = this.#member();
      if (high.code < low.code) throw new PatternError('a range in brackets has its ends the wrong way round');
      for (let code = low.code; code <= high.code; code++) unite(set, setOf(String.fromCharCode(code)));
    }
    this.#at++;
    return negated ? except(set) : set;
  }

  /** `code` is -1 for those that are many, as `\d`. */
  #member(): { set: OctetSet; code: number } {
    const c = this.#pattern[this.#at++]!;
    if (c !== '\\') return { set: setOf(c), code: c.charCodeAt(0) };
    // Within brackets it is the backspace.
    if (this.#accept('b')) return { set: setOf('\b'), code: 8 };
    const at = this.#at;
    const set = this.#escape();
    const many = SETS[this.#pattern[at]!] !== undefined;
    return { set, code: many ? -1 : this.#lastCode };
  }

  #lastCode = 0;

  /** Behind the backslash. */
  #escape(): OctetSet {
    const rest = this.#pattern.slice(this.#at);
    const c = rest[0];
    if (c === undefined) throw new PatternError('there is nothing behind the last backslash');
    const many = SETS[c];
    if (many !== undefined) {
      this.#at++;
      return many;
    }
    const [digits, braced, hex, octal] = /^(?:x\{([0-9A-Fa-f]+)\}|x([0-9A-Fa-f]{1,2})|(0[0-7]{0,2}))/.exec(rest) ?? [];
    if (digits !== undefined) {
      const code = octal === undefined ? Number.parseInt(braced ?? hex!, 16) : Number.parseInt(octal, 8);
      if (code > 0xff) throw new PatternError(`\\${digits} is no octet`);
      this.#at += digits.length;
      this.#lastCode = code;
      return setOf(String.fromCharCode(code));
    }
    if (/[1-9A-Za-z]/.test(c) && CONTROLS[c] === undefined) throw new PatternError(`\\${c}: ${UNSUPPORTED}`);
    this.#at++;
    const one = CONTROLS[c] ?? c;
    this.#lastCode = one.charCodeAt(0);
    return setOf(one);
  }
}

const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  A: 'beginning',
  Z: 'end',
  z: 'very end',
  b: 'word edge',
  B: 'no word edge',
};
const CONTROLS: Readonly<Record<string, string>> = { a: '\x07', e: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** In upper and lower case. */
function setOf(characters: string): OctetSet {
  const set = new Uint8Array(256);
  for (const c of characters) for (const one of cases(c)) set[one.charCodeAt(0)] = 1;
  return set;
}

const cases = (c: string): readonly string[] => (/[A-Za-z]/.test(c) ? [c.toLowerCase(), c.toUpperCase()] : [c]);

function except(set: OctetSet): OctetSet {
  return set.map((member) => 1 - member);
}

function unite(into: OctetSet, set: OctetSet): void {
  for (let code = 0; code < 256; code++) into[code]! |= set[code]!;
}

function where(pattern: RegExp): OctetSet {
  return new Uint8Array(256).map((_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0));
}

const DIGITS = where(/[0-9]/);
const WORDS = where(/[0-9A-Za-z_]/);
const SPACES = where(/[\t\n\v\f\r ]/);
const BLANKS = where(/[\t ]/);
const SETS: Readonly<Record<string, OctetSet>> = {
  d: DIGITS,
  D: except(DIGITS),
  w: WORDS,
  W: except(WORDS),
  s: SPACES,
  S: except(SPACES),
  h: BLANKS,
  H: except(BLANKS),
  N: except(setOf('\n')),
};
const POSIX: Readonly<Record<string, OctetSet>> = {
  alnum: where(/[0-9A-Za-z]/),
  alpha: where(/[A-Za-z]/),
  blank: BLANKS,
  cntrl: where(/[\0-\x1f\x7f]/),
  digit: DIGITS,
  graph: where(/[!-~]/),
  lower: where(/[A-Za-z]/),
  print: where(/[ -~]/),
  punct: where(/[!-/:-@[-`{-~]/),
  space: SPACES,
  upper: where(/[A-Za-z]/),
  word: WORDS,
  xdigit: where(/[0-9A-Fa-f]/),
};

// ---- The tree as a program, and the program run ----

type Step =
  /** One octet of the set, then the next step. */
  | { readonly op: 'set'; readonly set: OctetSet }
  | { readonly op: 'assert'; readonly what: Assertion }
  /** Both ways at once. */
  | { readonly op: 'fork'; one: number; other: number }
  | { readonly op: 'found' };

class Program {
  readonly #steps: Step[] = [];
  /** Steps to be tried at this octet and at the next, each once. */
  #now: number[] = [];
  #then: number[] = [];
  #marks = new Int32Array(0);
  #mark = 0;
  readonly #stack: number[] = [];

  add(node: Node): void {
    switch (node.kind) {
      case 'set':
        this.#emit({ op: 'set', set: node.set });
        return;
      case 'assertion':
        this.#emit({ op: 'assert', what: node.what });
        return;
      case 'sequence':
        for (const part of node.parts) this.add(part);
        return;
      case 'choice':
        this.#choice(node.parts);
        return;
      case 'repeat':
        this.#repeat(node.node, node.least, node.most);
        return;
      default:
        node satisfies never;
    }
  }

  finish(): void {
    this.#steps.push({ op: 'found' });
    this.#marks = new Int32Array(this.#steps.length);
  }

  run(text: string): boolean {
    this.#marks.fill(0);
    this.#mark = 0;
    this.#now.length = 0;
    for (let at = 0; ; at++) {
      // It may begin at every octet.
      if (at === 0) this.#mark++;
      if (this.#reach(0, text, at, this.#now)) return true;
      if (at === text.length) return false;
      const code = text.charCodeAt(at);
      this.#mark++;
      this.#then.length = 0;
      for (const index of this.#now) {
        const step = this.#steps[index]!;
        if (step.op === 'set' && step.set[code] === 1 && this.#reach(index + 1, text, at + 1, this.#then)) return true;
      }
      [this.#now, this.#then] = [this.#then, this.#now];
    }
  }

  /** Adds what can be reached without an octet; true: the end of the pattern. */
  #reach(from: number, text: string, at: number, into: number[]): boolean {
    const stack = this.#stack;
    stack.length = 0;
    stack.push(from);
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      if (this.#marks[index] === this.#mark) continue;
      this.#marks[index] = this.#mark;
      const step = this.#steps[index]!;
      if (step.op === 'found') return true;
      if (step.op === 'set') into.push(index);
      else if (step.op === 'fork') stack.push(step.other, step.one);
      else if (holdsAt(step.what, text, at)) stack.push(index + 1);
    }
    return false;
  }

  #emit(step: Step): number {
    if (this.#steps.length >= LARGEST_PROGRAM) throw new PatternError('the pattern is too large');
    this.#steps.push(step);
    return this.#steps.length - 1;
  }

  #fork(): { one: number; other: number } {
    const step = { op: 'fork' as const, one: this.#steps.length + 1, other: this.#steps.length + 1 };
    this.#emit(step);
    return step;
  }

  #choice(parts: readonly Node[]): void {
    const ends: { one: number; other: number }[] = [];
    parts.forEach((part, at) => {
      const isLast = at === parts.length - 1;
      const fork = isLast ? undefined : this.#fork();
      this.add(part);
      if (fork === undefined) return;
      ends.push(this.#fork());
      fork.other = this.#steps.length;
    });
    for (const end of ends) end.one = end.other = this.#steps.length;
  }

  #repeat(node: Node, least: number, most: number): void {
    for (let count = 0; count < least; count++) this.#again(node);
    if (most === Number.POSITIVE_INFINITY) {
      const at = this.#steps.length;
      const enter = this.#fork();
      this.add(node);
      const back = this.#fork();
      back.one = back.other = at;
      enter.other = this.#steps.length;
      return;
    }
    const exits: { one: number; other: number }[] = [];
    for (let count = least; count < most; count++) {
      exits.push(this.#fork());
      this.add(node);
    }
    for (const exit of exits) exit.other = this.#steps.length;
  }

  /** A part without steps may be wanted any number of times. */
  #again(node: Node): void {
    const before = this.#steps.length;
    this.add(node);
    if (this.#steps.length === before) this.#fork();
  }
}

function holdsAt(what: Assertion, text: string, at: number): boolean {
  switch (what) {
    case 'beginning':
      return at === 0;
    case 'very end':
      return at === text.length;
    case 'end':
      return at === text.length || (at === text.length - 1 && text[at] === '\n');
    default: {
      const isEdge = isWord(text, at - 1) !== isWord(text, at);
      return isEdge === (what === 'word edge');
    }
  }
}

function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && WORDS[text.charCodeAt(at)] === 1;
}
