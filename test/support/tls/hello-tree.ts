// A ClientHello as a tree of its fields, so that a test can cut, lengthen, shorten, empty or zero one of them, or make its
// length wrong, and everything around it stays right: RFC 5246 §7.4.1.2, RFC 8446 §4.1.2 and the extensions' RFCs.

import { Reader } from '../../../src/core/bytes/reader.js';
import { concat } from '../bytes.js';
import { Ext, extensionName } from './codes.js';

interface Node {
  readonly name: string;
  /** Bytes of the length in front; 0: the size is fixed. */
  readonly prefix: 0 | 1 | 2 | 3;
  readonly parts: Uint8Array | readonly Node[];
}

/** What can be done to a field. */
export type Damage = 'cut' | '+1' | '-1' | 'empty' | 'zero' | 'len+1' | 'len-1';

export const DAMAGES: readonly Damage[] = ['cut', '+1', '-1', 'empty', 'zero', 'len+1', 'len-1'];

/**
 * The handshake message with one field damaged. `path` is that of a field: `session_id`, `alpn.list.protocol`.
 *
 *   cut           the message ends one byte before the field does
 *   +1, -1        the field has a zero byte more, or its last byte less; all lengths around are right
 *   empty, zero   the field has no bytes, or zeros only
 *   len+1, len-1  the length in front of the field is wrong; nothing else is changed
 */
export function damageHello(message: Uint8Array, path: string, damage: Damage): Uint8Array {
  const tree = helloTree(message);
  const out: Uint8Array[] = [];
  const state = { found: false, ended: false };
  write(tree, '', path, damage, out, state);
  if (!state.found) throw new Error(`the hello has no field ${path}`);
  const body = concat(...out);
  return concat(Uint8Array.of(message[0]!, body.length >>> 16, body.length >>> 8, body.length), body);
}

/** The paths of all fields. */
export function helloPaths(message: Uint8Array): string[] {
  const paths: string[] = [];
  const walk = (nodes: readonly Node[], above: string): void => {
    for (const node of nodes) {
      const path = above + node.name;
      paths.push(path);
      if (!(node.parts instanceof Uint8Array)) walk(node.parts, `${path}.`);
    }
  };
  walk(helloTree(message), '');
  return paths;
}

function write(
  nodes: readonly Node[],
  above: string,
  path: string,
  damage: Damage,
  out: Uint8Array[],
  state: { found: boolean; ended: boolean },
): void {
  for (const node of nodes) {
    if (state.ended) return;
    const own = above + node.name;
    const inner: Uint8Array[] = [];
    const hit = own === path && !state.found;
    if (node.parts instanceof Uint8Array) inner.push(node.parts);
    else write(node.parts, `${own}.`, path, damage, inner, state);
    let content: Uint8Array = concat(...inner);
    let length = content.length;
    if (hit) {
      state.found = true;
      if (damage === 'len+1') length++;
      else if (damage === 'len-1') length--;
      else {
        if (damage === '+1') content = concat(content, new Uint8Array(1));
        else if (damage === '-1') content = content.slice(0, -1);
        else if (damage === 'empty') content = new Uint8Array(0);
        else if (damage === 'zero') content = new Uint8Array(content.length);
        length = content.length;
        if (damage === 'cut') content = content.slice(0, -1);
      }
      state.ended = damage === 'cut';
    } else if (state.ended) length = sizeOf(node.parts);
    out.push(lengthBytes(length, node.prefix), content);
  }
}

/** Of a field whose inside was cut, the size that it had. */
function sizeOf(parts: Node['parts']): number {
  if (parts instanceof Uint8Array) return parts.length;
  return parts.reduce((sum, part) => sum + part.prefix + sizeOf(part.parts), 0);
}

function lengthBytes(length: number, prefix: number): Uint8Array {
  return Uint8Array.from({ length: prefix }, (_, i) => length >>> (8 * (prefix - 1 - i)));
}

function helloTree(message: Uint8Array): Node[] {
  const r = new Reader('client', message);
  r.skip(4, 'header');
  const fixed = (name: string, length: number): Node => ({ name, prefix: 0, parts: r.take(length, name).slice() });
  const nodes = [fixed('client_version', 2), fixed('random', 32)];
  nodes.push(vector(r, 'session_id', 1), vector(r, 'cipher_suites', 2), vector(r, 'compression_methods', 1));
  const block = r.sub(r.u16('extensions length'), 'extensions');
  const extensions: Node[] = [];
  while (block.remaining > 0) extensions.push(extensionNode(block));
  nodes.push({ name: 'extensions', prefix: 2, parts: extensions });
  return nodes;
}

function vector(r: Reader, name: string, prefix: 1 | 2): Node {
  const length = prefix === 1 ? r.u8(name) : r.u16(name);
  return { name, prefix, parts: r.take(length, name).slice() };
}

function extensionNode(block: Reader): Node {
  const code = block.u16('extension_type');
  const data = block.sub(block.u16('extension_data'), 'extension_data');
  const type: Node = { name: 'type', prefix: 0, parts: Uint8Array.of(code >>> 8, code) };
  const parts = INSIDE[code]?.(data) ?? data.rest('extension_data').slice();
  return { name: extensionName(code), prefix: 0, parts: [type, { name: 'data', prefix: 2, parts }] };
}

const list1 = (r: Reader): Node[] => [vector(r, 'list', 1)];
const list2 = (r: Reader): Node[] => [vector(r, 'list', 2)];
const fixedIn = (r: Reader, name: string, length: number): Node => ({
  name,
  prefix: 0,
  parts: r.take(length, name).slice(),
});

/** A list of entries behind a length of two bytes. */
function entries(r: Reader, name: string, read: (list: Reader) => Node[]): Node {
  const list = r.sub(r.u16(name), name);
  const parts: Node[] = [];
  while (list.remaining > 0) parts.push(...read(list));
  return { name, prefix: 2, parts };
}

const INSIDE: Readonly<Record<number, (data: Reader) => Node[]>> = {
  [Ext.serverName]: (data) => [entries(data, 'list', (r) => [fixedIn(r, 'name_type', 1), vector(r, 'host_name', 2)])],
  [Ext.statusRequest]: (data) => [
    fixedIn(data, 'status_type', 1),
    vector(data, 'responder_id_list', 2),
    vector(data, 'request_extensions', 2),
  ],
  [Ext.supportedGroups]: list2,
  [Ext.signatureAlgorithms]: list2,
  [Ext.signatureAlgorithmsCert]: list2,
  [Ext.ecPointFormats]: list1,
  [Ext.supportedVersions]: list1,
  [Ext.pskKeyExchangeModes]: list1,
  [Ext.renegotiationInfo]: (data) => [vector(data, 'renegotiated_connection', 1)],
  [Ext.alpn]: (data) => [entries(data, 'list', (r) => [vector(r, 'protocol', 1)])],
  [Ext.keyShare]: (data) => [
    entries(data, 'client_shares', (r) => [fixedIn(r, 'group', 2), vector(r, 'key_exchange', 2)]),
  ],
  [Ext.preSharedKey]: (data) => [
    entries(data, 'identities', (r) => [vector(r, 'identity', 2), fixedIn(r, 'obfuscated_ticket_age', 4)]),
    entries(data, 'binders', (r) => [vector(r, 'binder', 1)]),
  ],
};
