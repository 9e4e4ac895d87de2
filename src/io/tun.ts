// The TUN device of Linux behind a small interface of our own. The binding is koffi (an optional package): open, ioctl,
// read and write of libc are called directly, readiness comes from uv_poll on Node's own loop. Addresses and link state
// go through ip(8). Another binding can take this file's place: nothing else knows of koffi.

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { promisify } from 'node:util';
import { DeviceError } from './errors.js';
import { SegmentMerger, VNET_HEADER_BYTES } from './segmentation.js';

export interface TunDevice {
  /** The kernel's name of the interface. */
  readonly name: string;
  readonly mtu: number;
  /** Whether the host has its IPv6 address on it. */
  readonly ip6: boolean;
  /** Whether segments of one flow leave together (TCP segmentation offload). */
  readonly offload: boolean;
  /** The next packet, valid until the next call; undefined when none is waiting. Throws DeviceError when the device is gone. */
  read(): Uint8Array | undefined;
  /** One packet out, at the next `flush` at the latest. What the kernel does not take (queue full) is as lost as on any wire. */
  write(packet: Uint8Array): void;
  /** What was written is with the kernel then. */
  flush(): void;
  /** Calls back whenever packets may be waiting, on Node's event loop; it never busy-waits. */
  startReading(callback: () => void): void;
  /** No calls until `startReading` is called again. */
  stopReading(): void;
  close(): void;
}

export interface TunOptions {
  readonly name: string;
  /** The host's address on the device and its prefix length: `10.0.0.1`, 24. */
  readonly hostAddress: string;
  readonly prefixLength: number;
  /** The host's IPv6 address, in a /64 network; absent: IPv4 only. */
  readonly hostAddress6?: string;
  /** A host that cannot have one is an error. */
  readonly requireIp6?: boolean;
  readonly mtu: number;
  /** False: every packet is a write of its own, so that tcpdump on the device shows what a recording shows. */
  readonly offload: boolean;
  /** uv: uv_poll through koffi (the default). thread: poll(2) on a worker thread, should koffi drop its poll API. */
  readonly wait?: 'uv' | 'thread';
}

const TUNSETIFF = 0x4004_54ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
/** A virtio-net header stands before each packet, both ways. */
const IFF_VNET_HDR = 0x4000;
const TUNSETVNETHDRSZ = 0x4004_54d8;
/** Its argument is a number, not where one is. */
const TUNSETOFFLOAD = 0x4004_54d0;
/** A packet as it is read: its IP length field says no more than 65,535. */
const LARGEST_PACKET_BYTES = 65_536;
const INTERFACE_NAME_BYTES = 16;
/** A kernel peer can send 500 packets in one burst, the default queue (measured: it fills at full speed). */
const TRANSMIT_QUEUE_PACKETS = 5000;
const POLLIN = 0x0001;

const EPERM = 1;
const ENOENT = 2;
const EINTR = 4;
const EAGAIN = 11;
const EACCES = 13;
const EBUSY = 16;
const EINVAL = 22;

/** What `doctor`, `record` and `serve` say where the device may not be opened. */
export const DEVICE_RIGHTS_ADVICE = 'run as root, or as root: chmod 0666 /dev/net/tun, as most distributions have it';

/** How to do without root, for the device that was asked for. README has it too. */
export function rootlessAdvice({ name, hostAddress, prefixLength, mtu }: TunOptions): string {
  return (
    'run as root, or without root: `unshare -rn` first (everything inside it), or have an administrator run ' +
    `\`ip tuntap add mode tun name ${name} user YOU; ip address add ${hostAddress}/${prefixLength} dev ${name}; ` +
    `ip link set dev ${name} mtu ${mtu} txqueuelen ${TRANSMIT_QUEUE_PACKETS} up\` beforehand. ` +
    '`wirebench serve --mode tcp` and `wirebench replay` need no privilege at all'
  );
}

type Koffi = typeof import('koffi');

interface Libc {
  open(path: string, flags: number): number;
  close(fd: number): number;
  ioctl(fd: number, request: number, argument: Uint8Array | null): number;
  read(fd: number, buffer: Uint8Array, size: number): number;
  write(fd: number, buffer: Uint8Array, size: number): number;
  eventfd(initial: number, flags: number): number;
  poll: {
    async(fds: Uint8Array, count: number, timeoutMs: number, done: (error: unknown, result: number) => void): void;
  };
}

/** Opens the device, gives it its address and sets it up. Every failure is a DeviceError that says what to do. */
export async function openTun(options: TunOptions): Promise<TunDevice> {
  if (process.platform !== 'linux') {
    throw new DeviceError(
      `tun mode needs Linux, this is ${process.platform}`,
      'use `wirebench serve --mode tcp`; replay works everywhere',
    );
  }
  const koffi = await loadKoffi();
  const libc = bindLibc(koffi);
  const fd = libc.open('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  if (fd < 0) throw openError(koffi.errno(), options);
  try {
    const name = attach(koffi, libc, fd, options);
    await configure(name, options);
    const ip6 = await configure6(name, options);
    return makeDevice(koffi, libc, fd, name, options, ip6);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

async function loadKoffi(): Promise<Koffi> {
  try {
    return (await import('koffi')).default as unknown as Koffi;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new DeviceError(
      `the optional package koffi, which reaches the TUN device, could not be loaded (${why})`,
      'run `npm install koffi@3.3.4`, or use `wirebench serve --mode tcp`',
    );
  }
}

function bindLibc(koffi: Koffi): Libc {
  const library = koffi.load('libc.so.6');
  return {
    open: library.func('int open(const char *path, int flags)'),
    close: library.func('int close(int fd)'),
    ioctl: library.func('int ioctl(int fd, unsigned long request, void *argument)'),
    read: library.func('long read(int fd, void *buffer, unsigned long size)'),
    write: library.func('long write(int fd, const void *buffer, unsigned long size)'),
    eventfd: library.func('int eventfd(unsigned int initial, int flags)'),
    poll: library.func('int poll(void *fds, unsigned long count, int timeout)'),
  } as unknown as Libc;
}

function openError(errno: number, options: TunOptions): DeviceError {
  if (errno === ENOENT) {
    return new DeviceError(
      'there is no /dev/net/tun',
      'load the module (`modprobe tun`), or in a container pass `--device /dev/net/tun`; `--mode tcp` needs no device',
    );
  }
  if (errno === EACCES || errno === EPERM) {
    const advice = `${DEVICE_RIGHTS_ADVICE}; \`--mode tcp\` needs no device`;
    return new DeviceError('no permission to open /dev/net/tun', advice);
  }
  return new DeviceError(`/dev/net/tun cannot be opened (errno ${errno})`, rootlessAdvice(options));
}

/** Gives the kernel's name of the device. Every Linux since 2.6.27 knows of virtio-net headers. */
function attach(koffi: Koffi, libc: Libc, fd: number, options: TunOptions): string {
  const { name, offload } = options;
  const request = new Uint8Array(40);
  if (name.length >= INTERFACE_NAME_BYTES || !/^[A-Za-z0-9_.%-]+$/.test(name)) {
    throw new DeviceError(`"${name}" is no interface name`, 'use at most 15 letters, digits, `-`, `_` or `.`');
  }
  for (let i = 0; i < name.length; i++) request[i] = name.charCodeAt(i);
  new DataView(request.buffer).setUint16(
    INTERFACE_NAME_BYTES,
    IFF_TUN | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0),
    true,
  );
  if (libc.ioctl(fd, TUNSETIFF, request) < 0) {
    const errno = koffi.errno();
    if (errno === EPERM || errno === EACCES) {
      throw new DeviceError(`no privilege (CAP_NET_ADMIN) to create the TUN device ${name}`, rootlessAdvice(options));
    }
    if (errno === EBUSY) {
      throw new DeviceError(
        `the TUN device ${name} is in use`,
        'end the process that has it, or pass another `--dev NAME` with addresses of its own (`--help` lists them)',
      );
    }
    if (errno === EINVAL) {
      throw new DeviceError(
        `the kernel refuses ${name} as a TUN device`,
        'is it an interface of another kind? Pass another `--dev NAME`',
      );
    }
    throw new DeviceError(`TUNSETIFF failed for ${name} (errno ${errno})`, rootlessAdvice(options));
  }
  const headerBytes = new Uint8Array(4);
  headerBytes[0] = VNET_HEADER_BYTES;
  if (offload && libc.ioctl(fd, TUNSETVNETHDRSZ, headerBytes) < 0) {
    throw new DeviceError(`TUNSETVNETHDRSZ failed for ${name} (errno ${koffi.errno()})`, 'pass `--no-offload`');
  }
  // A device that was made beforehand keeps what its last user took: packets of many segments, without their checksums.
  libc.ioctl(fd, TUNSETOFFLOAD, null);
  let end = 0;
  while (end < INTERFACE_NAME_BYTES && request[end] !== 0) end++;
  return String.fromCharCode(...request.subarray(0, end));
}

/** Address, MTU, queue and link through ip(8). What is already so (a device made beforehand for a user) is left alone. */
async function configure(name: string, options: TunOptions): Promise<void> {
  const address = `${options.hostAddress}/${options.prefixLength}`;
  const present = await ip(['-o', 'address', 'show', 'dev', name], options);
  if (!present.includes(` ${address} `)) await ip(['address', 'add', address, 'dev', name], options);
  const link = await ip(['-o', 'link', 'show', 'dev', name], options);
  const ready = link.includes(` mtu ${options.mtu} `) && /<[^>]*\bUP\b/.test(link);
  if (!ready) {
    // No link-local IPv6 address of the kernel's own: its router solicitations would be noise in every recording.
    await ip(['link', 'set', 'dev', name, 'addrgenmode', 'none'], options);
    await ip(
      ['link', 'set', 'dev', name, 'mtu', `${options.mtu}`, 'txqueuelen', `${TRANSMIT_QUEUE_PACKETS}`, 'up'],
      options,
    );
  }
}

/** After the link is up, for Linux takes IPv6 addresses from a link that goes down. True: the device has its address. */
async function configure6(name: string, options: TunOptions): Promise<boolean> {
  if (options.hostAddress6 === undefined) return false;
  const address = `${options.hostAddress6}/64`;
  const present = await ip(['-o', 'address', 'show', 'dev', name], options);
  if (present.includes(` ${address} `)) return true;
  try {
    // Nobody else is on the device, so that looking for duplicates would only delay its first use.
    await ip(['-6', 'address', 'add', address, 'dev', name, 'nodad'], options);
    return true;
  } catch (error) {
    if (options.requireIp6) throw error;
    return false;
  }
}

/** The interface that this host sends packets for `address` to; undefined where that cannot be said. */
export async function routeOf(address: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ip', ['-o', 'route', 'get', address]);
    return / dev (\S+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

async function ip(args: readonly string[], options: TunOptions): Promise<string> {
  try {
    return (await promisify(execFile)('ip', args)).stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') {
      throw new DeviceError('the command ip(8) is missing', 'install it (Debian, Ubuntu: `apt-get install iproute2`)');
    }
    const why = (stderr ?? '').trim() || String(error);
    throw new DeviceError(`\`ip ${args.join(' ')}\` failed: ${why}`, rootlessAdvice(options));
  }
}

function makeDevice(koffi: Koffi, libc: Libc, fd: number, name: string, options: TunOptions, ip6: boolean): TunDevice {
  let closed = false;
  let waiter: Waiter | undefined;
  const headerBytes = options.offload ? VNET_HEADER_BYTES : 0;
  const buffer = new Uint8Array(headerBytes + LARGEST_PACKET_BYTES);
  // Made anew only when the length changes.
  let view = buffer;
  const merger = options.offload ? new SegmentMerger((bytes, length) => libc.write(fd, bytes, length)) : undefined;
  const uv = options.wait !== 'thread' && typeof koffi.node?.poll === 'function';
  return {
    name,
    mtu: options.mtu,
    ip6,
    offload: options.offload,
    read() {
      const length = libc.read(fd, buffer, buffer.length);
      if (length > headerBytes) {
        if (view.length !== length - headerBytes) view = buffer.subarray(headerBytes, length);
        return view;
      }
      const errno = length < 0 ? koffi.errno() : EAGAIN;
      if (errno === EAGAIN || errno === EINTR) return undefined;
      throw new DeviceError(
        `the TUN device ${name} is gone (errno ${errno})`,
        'was it deleted or set down? Start again',
      );
    },
    write(packet) {
      if (merger !== undefined) merger.add(packet);
      else libc.write(fd, packet, packet.length);
    },
    flush() {
      merger?.flush();
    },
    startReading(callback) {
      waiter ??= uv ? waitByUv(koffi, fd) : waitByThread(libc, fd);
      waiter.start(callback);
    },
    stopReading() {
      waiter?.stop();
    },
    close() {
      if (closed) return;
      closed = true;
      waiter?.close();
      libc.close(fd);
    },
  };
}

/** How the event loop learns that packets wait. */
interface Waiter {
  start(callback: () => void): void;
  stop(): void;
  close(): void;
}

/** A throw inside koffi's callback would wedge the process: it is raised again outside of it. */
function guarded(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

function waitByUv(koffi: Koffi, fd: number): Waiter {
  let handle: import('koffi').node.PollHandle | undefined;
  return {
    start(callback) {
      handle?.close();
      handle = koffi.node.poll(fd, { readable: true }, () => guarded(callback));
    },
    stop() {
      handle?.stop();
    },
    close() {
      handle?.close();
      handle = undefined;
    },
  };
}

/** poll(2) on one of koffi's worker threads, re-armed after each drain; an eventfd ends the wait at close. */
function waitByThread(libc: Libc, fd: number): Waiter {
  const wake = libc.eventfd(0, 0);
  const fds = new Uint8Array(16);
  const view = new DataView(fds.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLIN, true);
  view.setInt32(8, wake, true);
  view.setInt16(12, POLLIN, true);
  let wanted: (() => void) | undefined;
  let waiting = false;
  let closed = false;
  const arm = (): void => {
    waiting = true;
    libc.poll.async(fds, 2, -1, () => {
      waiting = false;
      if (closed) {
        libc.close(wake);
        return;
      }
      if (wanted) guarded(wanted);
      if (wanted && !waiting && !closed) arm();
    });
  };
  return {
    start(callback) {
      wanted = callback;
      if (!waiting) arm();
    },
    stop() {
      wanted = undefined;
    },
    close() {
      closed = true;
      if (!waiting) {
        libc.close(wake);
        return;
      }
      const one = new Uint8Array(8);
      one[0] = 1;
      libc.write(wake, one, 8);
    },
  };
}
