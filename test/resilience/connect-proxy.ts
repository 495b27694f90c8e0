// An HTTP proxy that knows CONNECT, as a program: `ADDRESS PORT`. A line a connection: "HOST:PORT".

import { createServer } from 'node:http';
import { connect } from 'node:net';

const [address = '', port = ''] = process.argv.slice(2);
const server = createServer((_, response) => response.writeHead(405).end());
server.on('connect', (request, client, head) => {
  const [host = '', to = ''] = (request.url ?? '').split(':');
  const upstream = connect(Number(to), host, () => {
    process.stdout.write(`${JSON.stringify(request.url)}\n`);
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    upstream.write(head);
    upstream.pipe(client).pipe(upstream);
  });
  upstream.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  client.on('error', () => upstream.destroy());
});
server.listen(Number(port), address, () => process.stdout.write('"ready"\n'));
