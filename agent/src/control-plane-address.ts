// Where the control plane is: its host and port as enrolled, and the addresses the name stood for. They are an essential entry of
// the host, so that no policy can cut the agent off; the last known ones stay on disk for a start without a resolver.

import { lookup } from 'node:dns/promises';
import { join } from 'node:path';
import { type Address, parseAddress } from '#model/address.ts';
import { normaliseRanges, rangeOf } from '#model/address-range.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { EssentialEntry } from '#model/rule-set.ts';
import { readIfThere, writeWhole } from './whole-file.ts';

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface ControlPlaneAddress {
  /** Undefined while no address is known. */
  essential(): EssentialEntry | undefined;
  /** Asks the resolver; whether the addresses changed. A resolver that does not answer changes nothing. */
  resolve(): Promise<'changed' | 'same'>;
}

/** "host:port", "1.2.3.4:port" or "[v6]:port". */
export function parseHostAndPort(text: string): Result<HostAndPort> {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const [, ipv6, name, portText] = match ?? [];
  const port = Number(portText);
  const host = ipv6 ?? name;
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    return err(`"${text}" is not HOST:PORT, as in control.example.org:7443 or [fd00::1]:7443`);
  }
  return ok({ host, port });
}

export async function openControlPlaneAddress(
  controlPlane: HostAndPort,
  stateDirectory: string,
): Promise<ControlPlaneAddress> {
  const path = join(stateDirectory, 'control-plane-addresses');
  const literal = parseAddress(controlPlane.host);
  let addresses: readonly Address[] = literal.ok ? [literal.value] : await readAddresses(path);

  return {
    essential() {
      if (addresses.length === 0) return undefined;
      return {
        name: 'control-plane',
        direction: 'outbound',
        peers: { kind: 'ranges', ranges: normaliseRanges(addresses.map(rangeOf)) },
        services: [{ kind: 'ports', protocol: 'tcp', low: controlPlane.port, high: controlPlane.port }],
      };
    },

    async resolve() {
      if (literal.ok) return 'same';
      const answers = await lookup(controlPlane.host, { all: true }).catch(() => []);
      const found = answers.flatMap(({ address }) => {
        const parsed = parseAddress(address);
        return parsed.ok ? [parsed.value] : [];
      });
      const sorted = [...new Set(found)].sort();
      if (sorted.length === 0 || sorted.join() === addresses.join()) return 'same';
      addresses = sorted;
      await writeWhole(path, Buffer.from(`${sorted.join('\n')}\n`));
      return 'changed';
    },
  };
}

async function readAddresses(path: string): Promise<readonly Address[]> {
  const bytes = await readIfThere(path);
  return Buffer.from(bytes ?? [])
    .toString('latin1')
    .split('\n')
    .flatMap((line) => {
      const address = parseAddress(line);
      return address.ok ? [address.value] : [];
    });
}
