// What a packet is called at level packet, and whose it is.

import type { Direction } from '../../core/trace.js';
import type { InspectedField, InspectedLayer, InspectedPacket } from '../inspect/types.js';
import type { Conversation } from './unit.js';

/** Of the client or of the server, as the conversation is named. */
export function directionOf({ layers }: InspectedPacket, { name }: Conversation): Direction {
  let source: InspectedField['value'] | undefined;
  let port: InspectedField['value'] | undefined;
  let isV6 = false;
  for (const layer of layers) {
    for (const field of layer.fields) {
      if (field.name === 'ip.src' || field.name === 'ipv6.src') source = field.value;
      if (field.name === 'tcp.srcport') port = field.value;
    }
    if (layer.name === 'ipv6') isV6 = true;
    if (layer.name === 'tcp') break;
  }
  return name.startsWith(isV6 ? `[${source}]:${port}>` : `${source}:${port}>`) ? 'in' : 'out';
}

/** What stands for a packet: its uppermost layer below TLS. */
export function nameOf(layer: InspectedLayer): { title: string; kind: string; naming: string } {
  const value = (name: string): InspectedField['value'] | undefined =>
    layer.fields.find((field) => field.name === name)?.value;
  if (layer.name === 'tcp') {
    const flags = FLAGS.filter((flag) => value(`tcp.flags.${flag}`) === true).map((flag) => flag.toUpperCase());
    const title = `${flags.join(',') || 'no flags'}, ${value('tcp.len') ?? 0} bytes`;
    return { title, kind: `${title} at ${value('tcp.seq') ?? 0}`, naming: 'tcp.flags' };
  }
  const type = value(`${layer.name}.type`);
  if (type !== undefined) {
    const title = `${layer.name} type ${type} code ${value(`${layer.name}.code`) ?? 0}`;
    return { title, kind: title, naming: `${layer.name}.type` };
  }
  return { title: `${layer.name} packet`, kind: layer.name, naming: layer.name };
}

const FLAGS = ['syn', 'fin', 'reset', 'push', 'ack', 'urg', 'ece', 'cwr'];
