// Both ends of FTP, as far as it opens data connections: `server ADDRESS` answers PASV/EPSV with a port where it listens and obeys
// PORT/EPRT; `client SERVER OWN MODE` says what became of the data connection: "open", "closed" or "silent".

import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [role = '', first = '', own = '', mode = ''] = process.argv.slice(2);
const dataPort = 40_021;
const patienceMs = 600;
const commas = (address: string) => `${address.replaceAll('.', ',')},${dataPort >> 8},${dataPort & 0xff}`;
const isIpv6 = (address: string) => address.includes(':');

if (role === 'server') {
  const data = createServer((connection) => connection.end('data'));
  data.listen(dataPort, '::');
  createServer((control) => {
    control.on('error', () => control.destroy());
    control.write('220 ready\r\n');
    createInterface({ input: control }).on('line', (line) => {
      if (line.startsWith('USER ')) control.write('230 welcome\r\n');
      if (line === 'PASV') control.write(`227 Entering Passive Mode (${commas(first)}).\r\n`);
      if (line === 'EPSV') control.write(`229 Entering Extended Passive Mode (|||${dataPort}|)\r\n`);
      if (!/^(PORT|EPRT) /.test(line)) return;
      control.write('200 understood\r\n');
      const host = control.remoteAddress?.replace('::ffff:', '') ?? '';
      const back = connect({ host, port: dataPort, localPort: 20, localAddress: isIpv6(host) ? own : first });
      back.on('error', () => back.destroy());
      back.on('connect', () => back.end('data'));
    });
  }).listen(21, '::', () => process.stdout.write('ready\n'));
} else {
  const outcome = await (mode === 'passive' ? passive() : active());
  process.stdout.write(outcome);
  process.exit(0);
}

async function passive(): Promise<string> {
  const control = await begin();
  control.write(isIpv6(first) ? 'EPSV\r\n' : 'PASV\r\n');
  await answered(control, /^22[79] /m);
  const data = connect({ host: first, port: dataPort });
  return ended(data);
}

async function active(): Promise<string> {
  const control = await begin();
  return new Promise((resolve) => {
    const data = createServer((connection) => void ended(connection).then(resolve));
    data.listen(dataPort, own, () => {
      control.write(isIpv6(own) ? `EPRT |2|${own}|${dataPort}|\r\n` : `PORT ${commas(own)}\r\n`);
    });
    setTimeout(() => resolve('silent'), 2 * patienceMs);
  });
}

async function begin(): Promise<Socket> {
  const control = connect({ host: first, port: 21, localAddress: own });
  await answered(control, /^220 /m);
  // The kernel's helper trusts a command only behind a line that it saw end.
  control.write('USER anonymous\r\n');
  await answered(control, /^230 /m);
  return control;
}

function answered(control: Socket, pattern: RegExp): Promise<void> {
  let text = '';
  return new Promise((resolve, reject) => {
    control.on('error', reject);
    control.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (pattern.test(text)) resolve();
    });
  });
}

function ended(data: Socket): Promise<string> {
  return new Promise((resolve) => {
    data.once('data', () => resolve('open'));
    data.once('error', () => resolve('closed'));
    setTimeout(() => resolve('silent'), patienceMs);
  });
}
