// What a re-executed request is expected to get: an expression in the language of display filters over the recorded and the new
// answer, as `http.status == 200` or `http.status == recorded.status`.

import { checkExpectation } from './expectation-check.js';
import { digestOf } from './inspect/content-digest.js';
import { parseDisplayFilter } from './inspect/display-filter.js';
import type { FieldTable } from './inspect/fields.js';
import type { InspectedField, InspectedPacket, RecordedExchange } from './inspect/types.js';
import type { Answer } from './re-execute.js';

const OF_A_RESPONSE = ['status', 'content.length', 'content.sha256'];
const OF_A_REQUEST = ['method', 'path', 'authority', 'version'];

const FIELDS: FieldTable = {
  layers: new Set(),
  isKnown(name) {
    const [side, ...rest] = name.split('.');
    const field = rest.join('.');
    if (side === 'http' && (OF_A_REQUEST.includes(field) || OF_A_RESPONSE.includes(field))) return true;
    if (side === 'recorded' && OF_A_RESPONSE.includes(field)) return true;
    return (side === 'http' || side === 'recorded') && /^header\.[a-z0-9_-]+$/.test(field);
  },
  names: () => [
    ...[...OF_A_REQUEST, ...OF_A_RESPONSE, 'header.content-type'].map((name) => `http.${name}`),
    ...[...OF_A_RESPONSE, 'header.content-type'].map((name) => `recorded.${name}`),
  ],
  typeOf: () => undefined,
  namesOfValues: () => undefined,
  advice:
    'There are http.status, http.method, http.path, http.content.length, http.header.NAME, and recorded.status and so on.',
};

export interface Expectation {
  readonly text: string;
  /** A request without an answer meets nothing that asks for one. */
  holds(answer: Answer): boolean;
}

/** Raises FilterError, also for what no answer could ever meet. */
export function parseExpectation(text: string): Expectation {
  const filter = parseDisplayFilter(text, FIELDS);
  checkExpectation(text, FIELDS);
  return { text, holds: (answer) => filter.matches(packetOf(answer)) };
}

function packetOf({ recorded, ours }: Answer): InspectedPacket {
  const { method, target, authority } = recorded.request;
  const fields: InspectedField[] = [
    { name: 'http.method', value: method },
    { name: 'http.path', value: target },
    { name: 'http.authority', value: authority },
    { name: 'http.version', value: (ours ?? recorded).protocol },
    ...responseFields('http', ours),
    ...responseFields('recorded', recorded),
  ];
  return {
    number: recorded.packet,
    timeNs: undefined,
    atUs: 0,
    linkType: 0,
    bytes: new Uint8Array(0),
    originalLength: 0,
    fileOffset: 0,
    flow: recorded.flow,
    layers: [{ name: 'http', fields }],
    events: [],
    verdicts: [],
  };
}

function responseFields(side: string, exchange: RecordedExchange | undefined): InspectedField[] {
  const response = exchange?.response;
  if (response === undefined) return [];
  return [
    { name: `${side}.status`, value: response.status },
    { name: `${side}.content.length`, value: response.contentLength },
    { name: `${side}.content.sha256`, value: digestOf(response).sha256 },
    ...response.headers.map(([name, value]) => ({ name: `${side}.header.${name}`, value })),
  ];
}
