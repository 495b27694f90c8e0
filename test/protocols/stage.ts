// One host under rules and one neighbour without any, with raw packets between them: what each test of protocols stands on.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createEnforcer, type TableEnforcer } from '#agent/enforce/enforcer.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { type Address, type Family, parseAddress } from '#model/address.ts';
import { assertOk, ok } from '#model/result.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { labNft } from '#test/truth/enforcer-stage.ts';
import { type Ends, type PacketOptions, type Payload, packet } from './packets.ts';
import { openRawSockets, type RawSockets } from './raw-sockets.ts';
import { installWitness, type Witness } from './witness.ts';

export const own = { ipv4: '10.79.0.1' as Address, ipv6: 'fd79::1' as Address } as const;
export const neighbourOwn = { ipv4: '10.79.0.2' as Address, ipv6: 'fd79::2' as Address } as const;
export const families = ['ipv4', 'ipv6'] as const;

export interface ProtocolStage extends RawSockets, Witness {
  readonly lab: Lab;
  readonly host: LabHost;
  readonly neighbour: LabHost;
  readonly enforcer: TableEnforcer;
  apply(ruleSet: Omit<HostRuleSet, 'revision'>): Promise<void>;
  /** A tag nobody else has. */
  tag(): number;
  /** A packet into the host or out of it; gives its tag. */
  inject(way: 'arrive' | 'leave', ends: Ends, payload: Payload, options?: Omit<PacketOptions, 'tag'>): number;
  /** Whether the packet of that tag passed the host's rules. */
  hasPassed(way: 'arrive' | 'leave', tag: number): Promise<boolean>;
  remove(): Promise<void>;
}

/** `essentials`: read anew at each change. */
export async function standUpProtocols(
  name: string,
  essentials: () => readonly EssentialEntry[] = () => [],
): Promise<ProtocolStage> {
  const lab = await createLab({ name });
  const directory = await mkdtemp(join(tmpdir(), 'segwall-protocols-'));
  lab.alsoRemove(directory);
  const host = await lab.addHost({ name: 'host', ...own });
  const neighbour = await lab.addHost({ name: 'near', ...neighbourOwn });
  const enforcer = createEnforcer({
    nft: labNft(host),
    stateDirectory: openStateDirectory(directory),
    essentials,
    log: pino({ level: 'silent' }),
    // A new namespace has no marks, and no test makes 4,095 epochs.
    sweepMarks: async () => ok(0),
  });
  await enforcer.start();
  const sockets = await openRawSockets(host, neighbour);
  const witness = await installWitness(host, sockets);
  let tags = 0;
  let revision = 0;
  const tag = () => {
    tags += 1;
    return tags;
  };
  return {
    lab,
    host,
    neighbour,
    enforcer,
    ...sockets,
    ...witness,
    tag,
    async apply(ruleSet) {
      revision += 1;
      const outcome = await enforcer.apply({ ...ruleSet, revision });
      if (outcome.kind !== 'applied') throw new Error(`revision ${revision} was refused: ${outcome.reason}`);
    },
    inject(way, ends, payload, options = {}) {
      const own = tag();
      sockets[way](packet(ends, payload, { ...options, tag: own }));
      return own;
    },
    async hasPassed(way, own) {
      const passed = await witness.passed();
      return (way === 'arrive' ? passed.inbound : passed.outbound).has(own);
    },
    async remove() {
      sockets.close();
      await lab.remove();
      await rm(directory, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** The n-th address of the range of number `group`: 10.80.GROUP.n and fd80:GROUP::n. */
export function remoteAddress(family: Family, group: number, at: number): Address {
  const text = family === 'ipv4' ? `10.80.${group}.${at}` : `fd80:${group.toString(16)}::${at.toString(16)}`;
  return assertOk(parseAddress(text));
}

export function remoteRanges(group: number): readonly string[] {
  return [`10.80.${group}.0/24`, `fd80:${group.toString(16)}::/64`];
}
