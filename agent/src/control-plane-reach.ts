// How the host reaches its control plane, whatever policy says: the addresses its name stands for are an essential entry, and a
// connection can be tried. The last known addresses stay on disk, for a start without a resolver.

import { lookup } from 'node:dns/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { type Address, parseAddress } from '#model/address.ts';
import { normaliseRanges, rangeOf } from '#model/address-range.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { EssentialEntry } from '#model/rule-set.ts';
import type { ControlPlaneAddress } from './control-plane-address.ts';
import { isDiskError } from './fallback-directory.ts';
import { readIfThere, writeWhole } from './whole-file.ts';

export interface ControlPlaneReach {
  /** Undefined while no address is known. */
  essential(): EssentialEntry | undefined;
  /** Asks the resolver; whether the addresses changed. A resolver that does not answer changes nothing. */
  resolve(): Promise<'changed' | 'same'>;
  /** One connection, closed at once. A refusal by the other side is an answer too: its host was reached. */
  tryConnect(signal: AbortSignal): Promise<Result<void>>;
}

export async function openControlPlaneReach(
  controlPlane: ControlPlaneAddress,
  stateDirectory: string,
): Promise<ControlPlaneReach> {
  const { host, port } = controlPlane;
  const path = join(stateDirectory, 'control-plane-addresses');
  const literal = parseAddress(host);
  let addresses: readonly Address[] = literal.ok ? [literal.value] : await readAddresses(path);

  return {
    essential() {
      if (addresses.length === 0) return undefined;
      return {
        name: 'control-plane',
        direction: 'outbound',
        peers: { kind: 'ranges', ranges: normaliseRanges(addresses.map(rangeOf)) },
        services: [{ kind: 'ports', protocol: 'tcp', low: port, high: port }],
      };
    },

    async resolve() {
      if (literal.ok) return 'same';
      const answers = await lookup(host, { all: true }).catch(() => []);
      const found = answers.flatMap(({ address }) => {
        const parsed = parseAddress(address);
        return parsed.ok ? [parsed.value] : [];
      });
      const sorted = [...new Set(found)].sort();
      if (sorted.length === 0 || sorted.join() === addresses.join()) return 'same';
      addresses = sorted;
      // Only the next start without a resolver misses it.
      await writeWhole(path, Buffer.from(`${sorted.join('\n')}\n`)).catch((error: unknown) => {
        if (!isDiskError(error)) throw error;
      });
      return 'changed';
    },

    async tryConnect(signal) {
      const candidates = addresses.length > 0 ? addresses : [host];
      const tries = await Promise.all(candidates.map((address) => tryAddress({ address, port, signal })));
      const failures = tries.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
      return failures.length < tries.length ? ok(undefined) : err(failures.join('; '));
    },
  };
}

function tryAddress(target: {
  readonly address: string;
  readonly port: number;
  readonly signal: AbortSignal;
}): Promise<Result<void>> {
  const { address, port, signal } = target;
  return new Promise((resolve) => {
    const connection = createConnection({ host: address, port, signal });
    connection.once('connect', () => {
      connection.destroy();
      resolve(ok(undefined));
    });
    connection.once('error', (error: NodeJS.ErrnoException) => {
      const isRefusal = error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET';
      resolve(isRefusal ? ok(undefined) : err(`${address}: ${error.code ?? error.message}`));
    });
  });
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
