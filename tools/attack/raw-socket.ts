// Packets of our own making onto the wire, through the kernel's routing: a raw socket by koffi, as node has none.

import koffi from 'koffi';

const AF_INET = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
/** IP_HDRINCL is implied: the header is ours, source address and all. The kernel fills in the checksum. */
const IPPROTO_RAW = 255;

export interface RawSocket {
  /** False when the kernel did not take it. */
  send(packet: Uint8Array): boolean;
  close(): void;
}

export function openRawSocket(): RawSocket {
  const libc = koffi.load('libc.so.6');
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const sendto = libc.func(
    'long sendto(int fd, const void *data, unsigned long size, int flags, const void *to, int length)',
  );
  const close = libc.func('int close(int fd)');
  const fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_RAW) as number;
  if (fd < 0) throw new Error(`no raw socket (errno ${koffi.errno()}): it needs root`);
  const address = new Uint8Array(16);
  new DataView(address.buffer).setUint16(0, AF_INET, true);
  return {
    send(packet) {
      address.set(packet.subarray(16, 20), 4);
      return sendto(fd, packet, packet.length, 0, address, address.length) === packet.length;
    },
    close: () => void close(fd),
  };
}
