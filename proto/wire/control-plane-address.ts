// HOST:PORT of the control plane, as people write it and as gRPC and TLS want it.

import { isIP } from 'node:net';
import { err, ok, type Result } from '#model/result.ts';

export interface ControlPlaneAddress {
  /** A name or an address without brackets. */
  readonly host: string;
  readonly port: number;
}

const namePattern = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?$/;

/** Reads "cp.example:7443", "10.0.0.1:7443", "[fd00::1]:7443"; the error says what is allowed. */
export function parseControlPlaneAddress(text: string): Result<ControlPlaneAddress> {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const [, bracketed, plain, portText] = match ?? [];
  const port = Number(portText);
  const isGoodHost = bracketed === undefined ? namePattern.test(plain ?? '') : isIP(bracketed) === 6;
  if (match === null || !isGoodHost || port < 1 || port > 65535) {
    return err(
      `"${text}" is not HOST:PORT; allowed are a name or address and a port, as in cp.example:7443 or [fd00::1]:7443`,
    );
  }
  return ok({ host: bracketed ?? plain ?? '', port });
}

/** Of one host; each is a hole in its rules. */
export const controlPlanesMost = 8;

/** Reads one or several, with commas between, in the order in which they are tried. */
export function parseControlPlaneAddresses(text: string): Result<readonly ControlPlaneAddress[]> {
  const texts = text.split(',').map((one) => one.trim());
  if (texts.length > controlPlanesMost)
    return err(`there are ${texts.length} addresses of the control plane; allowed are ${controlPlanesMost}`);
  const twice = texts.find((one, at) => texts.indexOf(one) !== at);
  if (twice !== undefined) return err(`"${twice}" is there twice; allowed is each address once`);
  const addresses: ControlPlaneAddress[] = [];
  for (const one of texts) {
    const address = parseControlPlaneAddress(one);
    if (!address.ok) return address;
    addresses.push(address.value);
  }
  return ok(addresses);
}

/** As people write it. */
export function controlPlaneText({ host, port }: ControlPlaneAddress): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** For gRPC: addresses are not looked up, names are, at every connection. */
export function grpcTarget({ host, port }: ControlPlaneAddress): string {
  switch (isIP(host)) {
    case 4:
      return `ipv4:${host}:${port}`;
    case 6:
      return `ipv6:[${host}]:${port}`;
    default:
      return `dns:${host}:${port}`;
  }
}
