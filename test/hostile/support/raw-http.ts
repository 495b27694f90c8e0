// HTTP as bytes on a socket, for what no well-behaved client sends. Every exchange has a connection of its own and lasts until the
// server closes it; what comes back is split into answers by their own headers.

import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface RawRequest {
  readonly method?: string;
  readonly target: string;
  readonly version?: string;
  /** Lines of headers, in order; `Host` and `Connection: close` come with them unless they are named here. */
  readonly headers?: readonly string[];
  readonly body?: string;
}

export interface Port {
  readonly port: number;
  readonly host?: string;
}

export function requestText(request: RawRequest, authority: string): string {
  const { method = 'GET', target, version = 'HTTP/1.1', headers = [], body = '' } = request;
  const given = (name: string) => headers.some((line) => line.toLowerCase().startsWith(`${name}:`));
  const lines = [
    `${method} ${target} ${version}`,
    ...(given('host') ? [] : [`Host: ${authority}`]),
    ...(given('connection') ? [] : ['Connection: close']),
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Sends the bytes and collects what comes until the connection ends, in order or by reset. */
export async function exchange(to: Port, text: string): Promise<readonly RawAnswer[]> {
  const socket = openSocket(to);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(Buffer.from(text, 'latin1'));
  await ended(socket);
  return splitAnswers(Buffer.concat(chunks).toString('latin1'), text.startsWith('HEAD '));
}

/** A connection whose errors are nobody's concern: being thrown out is what many a test wants. */
export function openSocket({ port, host = '127.0.0.1' }: Port): Socket {
  const socket = connect({ port, host });
  socket.on('error', () => undefined);
  return socket;
}

export function ended(socket: Socket): Promise<void> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve()));
}

export function splitAnswers(text: string, isHead: boolean): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`an answer without an end of its headers: ${JSON.stringify(rest.slice(0, 200))}`);
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
    if (Number.isNaN(status)) throw new Error(`no status line: ${JSON.stringify(statusLine)}`);
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    rest = rest.slice(end + 4);
    // A head has no body, but what a server says before it has read the method does.
    const isBare = status < 200 || status === 204 || (isHead && /^(HTTP\/|$)/.test(rest));
    const length = isBare ? 0 : Number(headers.get('content-length') ?? rest.length);
    answers.push({ status, headers, body: rest.slice(0, length) });
    rest = rest.slice(length);
  }
  return answers;
}
