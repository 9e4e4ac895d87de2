// The chain of IPv6 extension headers (RFC 8200 §4) from the fixed header to the upper-layer header, a fragment header, or
// what is wrong with it. Hop-by-hop and destination options are looked through, none of them is acted upon; routing
// headers are refused unless they are used up (RFC 5095 for type 0). Bounds: RFC 8504 §5.3.

import { limits } from '../limits.js';
import {
  FRAGMENT_HEADER_BYTES,
  NEXT_HEADER_DESTINATION_OPTIONS,
  NEXT_HEADER_FRAGMENT,
  NEXT_HEADER_HOP_BY_HOP,
  NEXT_HEADER_NONE,
  NEXT_HEADER_ROUTING,
} from './packet6.js';

/** RFC 4443 §3.4: codes of parameter problem; 3 is from RFC 7112 §5. */
export const CODE_ERRONEOUS_FIELD = 0;
export const CODE_UNRECOGNIZED_NEXT_HEADER = 1;
export const CODE_UNRECOGNIZED_OPTION = 2;
export const CODE_INCOMPLETE_CHAIN = 3;

export interface Chain {
  /**
   * upper: `protocol` begins at `at`. fragment: a fragment header stands at `at`, its fields below; `protocol` is its next
   * header. incomplete: the packet ends before the chain does. problem: to be told by parameter problem. drop: in silence.
   */
  verdict: 'upper' | 'fragment' | 'incomplete' | 'problem' | 'drop';
  protocol: number;
  at: number;
  /** Where the field stands that says `protocol`. */
  nextHeaderAt: number;
  /** In bytes. */
  fragmentOffset: number;
  moreFragments: boolean;
  id: number;
  /** A parameter problem's code and pointer, and why the packet is dropped. */
  code: number;
  pointer: number;
  reason: string;
}

export function emptyChain(): Chain {
  return {
    verdict: 'drop',
    protocol: 0,
    at: 0,
    nextHeaderAt: 0,
    fragmentOffset: 0,
    moreFragments: false,
    id: 0,
    code: 0,
    pointer: 0,
    reason: '',
  };
}

/**
 * Walks the headers of `bytes[at, end)`, the first of which is a `protocol`, as the field at `nextHeaderAt` says. A
 * fragment that is the whole datagram (RFC 6946) is walked through; `reassembled` allows no further fragment header.
 */
export function walkChain(
  bytes: Uint8Array,
  at: number,
  end: number,
  protocol: number,
  nextHeaderAt: number,
  reassembled: boolean,
  chain: Chain,
): Chain {
  const first = at;
  let fragmented = reassembled;
  chain.protocol = protocol;
  chain.at = at;
  chain.nextHeaderAt = nextHeaderAt;
  for (let headers = 0; ; headers++) {
    const kind = chain.protocol;
    const options = kind === NEXT_HEADER_HOP_BY_HOP || kind === NEXT_HEADER_DESTINATION_OPTIONS;
    if (!options && kind !== NEXT_HEADER_ROUTING && kind !== NEXT_HEADER_FRAGMENT) {
      if (kind === NEXT_HEADER_NONE) return refuse(chain, 'no next header');
      chain.verdict = 'upper';
      return chain;
    }
    if (headers === limits.ip.extensionHeaders) return refuse(chain, 'too many extension headers');
    // RFC 8200 §4.1: hop-by-hop options anywhere else are like a header that is not known.
    if (kind === NEXT_HEADER_HOP_BY_HOP && (headers > 0 || reassembled)) {
      return problem(chain, CODE_UNRECOGNIZED_NEXT_HEADER, chain.nextHeaderAt, 'hop-by-hop options are not first');
    }
    const here = chain.at;
    if (here + 8 > end) return incomplete(chain);
    if (kind === NEXT_HEADER_FRAGMENT) {
      readFragmentHeader(bytes, chain);
      if (fragmented) return refuse(chain, 'a fragment header within a fragment');
      fragmented = true;
      if (chain.fragmentOffset > 0 || chain.moreFragments) {
        chain.verdict = 'fragment';
        return chain;
      }
      step(bytes, chain, FRAGMENT_HEADER_BYTES);
      continue;
    }
    const length = (bytes[here + 1]! + 1) * 8;
    if (here + length - first > limits.ip.extensionBytes) return refuse(chain, 'extension headers are too long');
    if (here + length > end) return incomplete(chain);
    if (options) {
      const wrong = readOptions(bytes, here, here + length, chain);
      if (wrong !== undefined) return wrong;
    } else if (bytes[here + 3] !== 0) {
      // RFC 8200 §4.4: segments are left and this is not a router; no type of routing header is known here.
      return problem(chain, CODE_ERRONEOUS_FIELD, here + 2, 'a routing header with segments left');
    }
    step(bytes, chain, length);
  }
}

function step(bytes: Uint8Array, chain: Chain, length: number): void {
  chain.protocol = bytes[chain.at]!;
  chain.nextHeaderAt = chain.at;
  chain.at += length;
}

function readFragmentHeader(bytes: Uint8Array, chain: Chain): void {
  const { at } = chain;
  const offsetAndMore = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  chain.fragmentOffset = offsetAndMore & 0xfff8;
  chain.moreFragments = (offsetAndMore & 1) !== 0;
  chain.id = ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0;
}

const OPTION_PAD1 = 0;
const OPTION_PADN = 1;
/** RFC 8504 §5.3: more padding in one run than alignment can need. */
const MOST_PADDING_BYTES = 7;

/** RFC 8200 §4.2. Undefined: nothing is wrong with them. */
function readOptions(bytes: Uint8Array, start: number, end: number, chain: Chain): Chain | undefined {
  let known = 0;
  let padding = 0;
  let at = start + 2;
  while (at < end) {
    const type = bytes[at]!;
    if (type === OPTION_PAD1) {
      at++;
      if (++padding > MOST_PADDING_BYTES) return refuse(chain, 'too much padding among the options');
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : 255;
    if (at + 2 + length > end) {
      return problem(chain, CODE_ERRONEOUS_FIELD, at + 1, 'an option goes beyond its header');
    }
    if (type === OPTION_PADN) {
      padding += 2 + length;
      if (padding > MOST_PADDING_BYTES) return refuse(chain, 'too much padding among the options');
    } else {
      padding = 0;
      if (++known > limits.ip.extensionOptions) return refuse(chain, 'too many options');
      // The two highest bits say what to do with an option that is not known, as none is: 0 skip it, 1 drop the packet, 2
      // and 3 tell the source, 3 only when the packet was for one host, as all are that come this far.
      if (type >>> 6 === 1) return refuse(chain, `option ${type} is not known`);
      if (type >>> 6 >= 2) return problem(chain, CODE_UNRECOGNIZED_OPTION, at, `option ${type} is not known`);
    }
    at += 2 + length;
  }
  return undefined;
}

function refuse(chain: Chain, reason: string): Chain {
  chain.verdict = 'drop';
  chain.reason = reason;
  return chain;
}

function incomplete(chain: Chain): Chain {
  chain.verdict = 'incomplete';
  chain.reason = 'the packet ends within its extension headers';
  return chain;
}

function problem(chain: Chain, code: number, pointer: number, reason: string): Chain {
  chain.verdict = 'problem';
  chain.code = code;
  chain.pointer = pointer;
  chain.reason = reason;
  return chain;
}
