// How the host reaches its control plane, whatever policy says: the addresses its name stands for, or its proxy's, and the resolvers
// that tell them, are essential entries, and a connection can be tried. The last known addresses stay on disk, for a start
// without a resolver. Where there are several control planes to try, the way to each is essential at its own port alone.

import { lookup } from 'node:dns/promises';
import { readdir, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '#agent/state/durable-file.ts';
import { isDiskError } from '#agent/state/run-directory.ts';
import { type KeptAddresses, keepAddresses } from '#agent-core/addresses/kept-addresses.ts';
import type { OwnWay } from '#agent-core/table/own-way.ts';
import { systemClock } from '#clock/system-clock.ts';
import { type Address, parseAddress } from '#model/address.ts';
import { normaliseRanges, rangeOf } from '#model/address-range.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { EssentialEntry, SocketOwner } from '#model/rule-set.ts';
import type { ServiceTerm } from '#model/service.ts';
import { type ControlPlaneAddress, controlPlaneText } from '#wire/control-plane-address.ts';
import { connectThroughProxy } from './proxy-connect.ts';

/** Names of the entries made here; settings may not use them. */
export const reachNames = { connection: 'control-plane', names: 'control-plane-dns' } as const;

export interface ControlPlaneReach {
  /** None while no address is known. */
  essentials(): readonly EssentialEntry[];
  /** What the entries are to let through to the control plane that is tried or in use, for whoever looks whether they do. */
  way(): OwnWay;
  /** All that the entries open, whichever control plane is in use, and who tells their addresses. */
  addresses(): readonly Address[];
  /** Asks the resolver; whether anything changed. A resolver that does not answer changes nothing; addresses in use and of earlier answers stay for a time. */
  resolve(): Promise<'changed' | 'same'>;
  /** These are tried from now on: the way to each that is new is known when it resolves, and those that went are closed. */
  follow(controlPlanes: readonly ControlPlaneAddress[]): Promise<void>;
  /** Where the policy stream is connected to, as gRPC tells it ("10.0.0.9:8443"); undefined: nowhere now. */
  streamIsWith(peer: string | undefined): void;
  /** One connection to each address, over when the first is reached. A refusal by the other side is an answer too: its host was reached. */
  tryConnect(signal: AbortSignal): Promise<Result<void>>;
}

export interface ReachOptions {
  /** In the order in which they are tried. */
  readonly controlPlanes: readonly ControlPlaneAddress[];
  /** Which of them is tried or in use; default the first. */
  readonly current?: () => ControlPlaneAddress;
  /** The HTTP proxy on the way, where there is one: then it is what this host must reach. */
  readonly proxy?: ControlPlaneAddress;
  readonly stateDirectory: string;
  /** Who alone has the connection. */
  readonly owner: SocketOwner;
  /** The service that the agent runs as, where it does: as a unit with rules of its own it may be denied what its host is not. */
  readonly unit?: string | undefined;
  /** Default: the resolver's. All addresses of a name; none where it tells none. */
  readonly lookUp?: (name: string) => Promise<readonly string[]>;
}

export async function openControlPlaneReach(options: ReachOptions): Promise<ControlPlaneReach> {
  const { controlPlanes, current, proxy } = options;
  // Behind a proxy it is the proxy that is reached, whichever control plane is asked for.
  const targetsOf = (all: readonly ControlPlaneAddress[]) => (proxy === undefined ? all : all.slice(0, 1));
  const open = async (target: ControlPlaneAddress, at: number) =>
    [controlPlaneText(target), await openReachOf(target, { ...options, isFirst: at === 0 })] as const;
  let ways = new Map(await Promise.all(targetsOf(controlPlanes).map(open)));
  const all = () => [...ways.values()];
  const inUse = (): WayThere => {
    const way = (current === undefined ? undefined : ways.get(controlPlaneText(current()))) ?? all()[0];
    if (way === undefined) throw new Error('a host has at least one address of its control plane');
    return way;
  };
  inUse();
  return {
    essentials: () => mergeEntries(all().flatMap((way) => way.essentials())),
    way: () => inUse().way(),
    addresses: () => [...new Set(all().flatMap((way) => way.addresses()))],
    async resolve() {
      const outcomes = await Promise.all(all().map((way) => way.resolve()));
      return outcomes.includes('changed') ? 'changed' : 'same';
    },
    async follow(next) {
      if (proxy !== undefined) return;
      const before = ways;
      const followed = await Promise.all(
        next.map(async (target) => {
          const text = controlPlaneText(target);
          const known = before.get(text);
          const way = known ?? (await openReachOf(target, { ...options, isFirst: false }));
          if (known === undefined) await way.resolve();
          return [text, way] as const;
        }),
      );
      ways = new Map(followed);
      await forgetOtherAddresses(
        options.stateDirectory,
        next.map(({ host }) => host),
      );
    },
    streamIsWith(peer) {
      for (const way of all()) way.streamIsWith(way === inUse() ? peer : undefined);
    },
    async tryConnect(signal) {
      const reached = new AbortController();
      const until = AbortSignal.any([signal, reached.signal]);
      const tries = all().map(async (way) => {
        const outcome = await way.tryConnect(until);
        if (!outcome.ok) throw new Error(outcome.error);
      });
      const outcome = await Promise.any(tries).then(
        () => ok(undefined),
        (error: AggregateError) => err(error.errors.map((failure: Error) => failure.message).join('; ')),
      );
      reached.abort();
      return outcome;
    },
  };
}

/** Of before a name's addresses had a file with that name in its own. */
const unnamedFile = 'control-plane-addresses';
const fileOf = (host: string) => `${unnamedFile}.${host}`;

/** What other names than these stood for is not known any more: nothing is let through to it on account of what it was. */
export async function forgetOtherAddresses(stateDirectory: string, hosts: readonly string[]): Promise<void> {
  const kept = new Set(hosts.map(fileOf));
  const isOther = (name: string) => name === unnamedFile || (name.startsWith(`${unnamedFile}.`) && !kept.has(name));
  try {
    const others = (await readdir(stateDirectory)).filter(isOther);
    await Promise.all(others.map((name) => rm(join(stateDirectory, name), { force: true })));
  } catch (error) {
    // They are read by nobody who does not try that name.
    if (!isDiskError(error)) throw error;
  }
}

/** Entries that differ in their peers alone are one. A name is of one entry: those of other ports than the first's have their port in it. */
function mergeEntries(entries: readonly EssentialEntry[]): readonly EssentialEntry[] {
  const merged = new Map<string, EssentialEntry>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.name, entry.services]);
    const before = merged.get(key);
    const isNamed = [...merged.values()].some(({ name }) => name === entry.name);
    const [service] = entry.services;
    const port = service?.kind === 'ports' ? service.low : 0;
    if (before === undefined && isNamed) merged.set(key, { ...entry, name: `${entry.name}-${port}` });
    else if (before?.peers.kind !== 'ranges' || entry.peers.kind !== 'ranges') merged.set(key, entry);
    else {
      const ranges = normaliseRanges([...before.peers.ranges, ...entry.peers.ranges]);
      merged.set(key, { ...before, peers: { kind: 'ranges', ranges } });
    }
  }
  return [...merged.values()];
}

type WayThere = Omit<ControlPlaneReach, 'follow'>;

async function openReachOf(
  controlPlane: ControlPlaneAddress,
  options: ReachOptions & { readonly isFirst: boolean },
): Promise<WayThere> {
  const { proxy, stateDirectory, owner, unit, isFirst } = options;
  const { host, port } = proxy ?? controlPlane;
  const path = join(stateDirectory, fileOf(host));
  const literal = parseAddress(host);
  const { lookUp = askResolver } = options;
  const startedMs = systemClock.elapsedMs();
  let known: KeptAddresses = new Map((literal.ok ? [] : await readKept()).map((one) => [one, startedMs]));
  let inUse: Address | undefined;
  const addressesNow = (): readonly Address[] => (literal.ok ? [literal.value] : [...known.keys()].sort());
  let resolvers: readonly Address[] = literal.ok ? [] : await readSystemResolvers();

  async function readKept(): Promise<readonly Address[]> {
    const kept = await readAddresses(path);
    return kept.length > 0 || !isFirst ? kept : readAddresses(join(stateDirectory, unnamedFile));
  }

  return {
    essentials() {
      const entries: EssentialEntry[] = [];
      const addresses = addressesNow();
      if (addresses.length > 0) entries.push({ ...outbound(reachNames.connection, addresses, [tcp(port)]), owner });
      // A name is asked for by a service of the host as well as by the agent itself.
      if (resolvers.length > 0) entries.push(outbound(reachNames.names, resolvers, [udp(53), tcp(53)]));
      return entries;
    },

    addresses: () => [...addressesNow(), ...resolvers],

    way: () => ({ host, port, addresses: addressesNow(), resolvers, ...(unit !== undefined && { unit }) }),

    async resolve() {
      if (literal.ok) return 'same';
      const before = `${resolvers.join()} ${addressesNow().join()}`;
      resolvers = await readSystemResolvers();
      const found = (await lookUp(host)).flatMap((address) => {
        const parsed = parseAddress(address);
        return parsed.ok ? [parsed.value] : [];
      });
      const addressesBefore = addressesNow().join();
      known = keepAddresses({ known, found, inUse, nowMs: systemClock.elapsedMs() });
      const now = addressesNow();
      if (now.join() !== addressesBefore) {
        // Only the next start without a resolver misses it.
        await writeWhole(path, Buffer.from(`${now.join('\n')}\n`)).catch((error: unknown) => {
          if (!isDiskError(error)) throw error;
        });
      }
      return before === `${resolvers.join()} ${now.join()}` ? 'same' : 'changed';
    },

    streamIsWith(peer) {
      const parsed = parseAddress(/^\[?([^\]]+)\]?:\d+$/.exec(peer ?? '')?.[1] ?? '');
      // One that served until now is as good as one of the newest answer.
      if (inUse !== undefined && known.has(inUse)) known = new Map([...known, [inUse, systemClock.elapsedMs()]]);
      inUse = parsed.ok ? parsed.value : undefined;
    },

    async tryConnect(signal) {
      const candidates = addressesNow().length > 0 ? addressesNow() : [host];
      const reached = new AbortController();
      const until = AbortSignal.any([signal, reached.signal]);
      try {
        await Promise.any(
          candidates.map(async (address) => {
            const outcome =
              proxy === undefined
                ? await tryAddress({ address, port, signal: until })
                : await tryProxy({ proxy: { host: address, port }, target: controlPlane, signal: until });
            if (!outcome.ok) throw new Error(outcome.error);
          }),
        );
        return ok(undefined);
      } catch (error) {
        const failures = error instanceof AggregateError ? error.errors : [error];
        return err(failures.map((failure) => (failure as Error).message).join('; '));
      } finally {
        reached.abort();
      }
    },
  };
}

async function askResolver(name: string): Promise<readonly string[]> {
  const answers = await lookup(name, { all: true }).catch(() => []);
  return answers.map(({ address }) => address);
}

function outbound(name: string, addresses: readonly Address[], services: readonly ServiceTerm[]): EssentialEntry {
  const ranges = normaliseRanges(addresses.map(rangeOf));
  return { name, direction: 'outbound', peers: { kind: 'ranges', ranges }, services };
}

function tcp(port: number): ServiceTerm {
  return { kind: 'ports', protocol: 'tcp', low: port, high: port };
}

function udp(port: number): ServiceTerm {
  return { kind: 'ports', protocol: 'udp', low: port, high: port };
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

/** A proxy that answers is reached, whatever it says of what lies behind: no rule of this host decides about that. */
async function tryProxy(given: Parameters<typeof connectThroughProxy>[0]): Promise<Result<void>> {
  const socket = await connectThroughProxy(given);
  if (socket.ok) socket.value.destroy();
  if (socket.ok || socket.error.kind === 'refused' || /ECONNREFUSED|ECONNRESET/.test(socket.error.reason))
    return ok(undefined);
  return err(socket.error.reason);
}

/** Those of resolv.conf; where that names a stub of this host, those that the stub asks. */
async function readSystemResolvers(): Promise<readonly Address[]> {
  const found: Address[] = [];
  for (const file of ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']) {
    const bytes = await readIfThere(file);
    for (const [, text = ''] of Buffer.from(bytes ?? [])
      .toString('latin1')
      .matchAll(/^\s*nameserver\s+([^\s%]+)/gm)) {
      const address = parseAddress(text);
      if (address.ok && !address.value.startsWith('127.') && address.value !== '::1') found.push(address.value);
    }
  }
  return [...new Set(found)].sort();
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
