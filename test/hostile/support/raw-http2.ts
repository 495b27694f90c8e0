// HTTP/2 as frames on a TLS socket, for what no well-behaved client sends. Nothing is flow-controlled, acknowledged or answered by itself.

import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  continuation: 9,
};
export const flags = { endStream: 1, endHeaders: 4, padded: 8 };

export interface RawFrame {
  readonly type: number;
  readonly flags?: number;
  readonly stream?: number;
  readonly payload?: Uint8Array;
}

const prefaceText = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const headerBytes = 9;

export function frame({ type, flags: given = 0, stream = 0, payload = new Uint8Array(0) }: RawFrame): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = given;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** A call's headers, each spelt out, so that the server keeps nothing of them. */
export function callHeaders(path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  const fields: readonly (readonly [string, string])[] = [
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'segwall-control-plane'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ];
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), textField(name), textField(value)]));
}

/** A call's first frame; its message follows. */
export function openCall(stream: number, path: string): Buffer {
  return frame({ type: frameTypes.headers, flags: flags.endHeaders, stream, payload: callHeaders(path) });
}

export function data(stream: number, payload: Uint8Array): Buffer {
  return frame({ type: frameTypes.data, stream, payload });
}

/** What stands before a gRPC message of so many bytes. */
export function messagePrefix(bytes: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes, 1);
  return prefix;
}

export interface RawConnection {
  readonly socket: TLSSocket;
  send(...frames: readonly Uint8Array[]): void;
  /** Types of the frames that came so far, by stream. */
  readonly came: { readonly type: number; readonly stream: number }[];
  /** Resolves with the next frame, of now or later, on that stream and of that type; rejects when the connection ends. */
  until(type: number, stream: number): Promise<void>;
  /** However it ends. */
  readonly closed: Promise<void>;
}

/** After preface and settings. */
export async function openRaw(address: string, tls: ConnectionOptions = {}): Promise<RawConnection> {
  const { host, port } = split(address);
  const socket = connectTls({ host, port, rejectUnauthorized: false, ALPNProtocols: ['h2'], ...tls });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await Promise.race([
    new Promise<void>((resolve) => socket.once('secureConnect', resolve)),
    closed.then(() => Promise.reject(new Error('the connection ended in its handshake'))),
  ]);
  const came: { readonly type: number; readonly stream: number }[] = [];
  const watchers = new Set<() => void>();
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= headerBytes) {
      const length = headerBytes + rest.readUIntBE(0, 3);
      if (rest.length < length) break;
      came.push({ type: rest[3] ?? 0, stream: rest.readUInt32BE(5) });
      rest = rest.subarray(length);
    }
    for (const look of [...watchers]) look();
  });
  socket.write(Buffer.concat([Buffer.from(prefaceText), frame({ type: frameTypes.settings })]));
  return {
    socket,
    came,
    closed,
    send: (...frames) => void socket.write(Buffer.concat(frames)),
    until: (type, stream) => {
      const holds = () => came.some((one) => one.type === type && one.stream === stream);
      if (holds()) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const look = () => {
          if (!holds()) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        void closed.then(() => reject(new Error(`ended before frame ${type} of stream ${stream}`)));
      });
    },
  };
}

/** A TCP connection that says nothing by itself. */
export async function openTcp(
  address: string,
  from: { readonly localAddress?: string } = {},
): Promise<{ readonly socket: Socket; readonly closed: Promise<void> }> {
  const socket = connectTcp({ ...split(address), ...from });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await Promise.race([new Promise<void>((resolve) => socket.once('connect', resolve)), closed]);
  socket.resume();
  return { socket, closed };
}

function split(address: string): { readonly host: string; readonly port: number } {
  const [host = '', port = ''] = address.split(':');
  return { host, port: Number(port) };
}

/** HPACK's plain text: its length in seven bits and more, then the bytes. */
function textField(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let left = bytes.length - 127;
  for (; left >= 128; left = Math.floor(left / 128)) length.push((left % 128) + 128);
  length.push(left);
  return Buffer.concat([Buffer.from(length), bytes]);
}
