// What units cost a new connection, and a restart its transaction: a host of 10,000 peers without units, and the same host with one, with
// thirty, and with ten that systemd names, each with a listener whose socket is looked up.

import { openUnitCgroups } from '#agent/host/cgroup-tree.ts';
import { bootstrapScript, changeScript } from '#agent-core/change/transaction.ts';
import { placeUnits } from '#agent-core/change/unit-placement.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { hostRuleSet, type UnitPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type LabHost } from '#test/support/lab.ts';
import { run } from '#test/support/run-command.ts';
import { createUnitTree, startMovableProbe, type UnitTree } from '#test/units/unit-tree.ts';
import { median } from '../dataplane/new-connections.ts';
import { type Generator, receivedByHost } from '../dataplane/packet-generator.ts';
import { host as addresses, crowdPolicy, meet, servicePort, sinkTable } from '../dataplane/peers.ts';

export interface UnitCost {
  readonly name: string;
  readonly nanos: number;
  readonly reference: number;
  /** The median over the rounds of this burst over the reference's of the same round. */
  readonly ratio: number;
}

export interface UnitCosts {
  readonly costs: readonly UnitCost[];
  /** Milliseconds of nft, start to end, by how many peers the host and its unit have each. */
  readonly placementMs: ReadonlyMap<number, number>;
}

const crowd = 10_000;
const rounds = 300;
const mostMs = 30_000;
const burst = 512;
const listed = 15;
const mac = '02:00:00:00:00:02';
const referenceName = 'no units';

interface Arrangement {
  readonly name: string;
  /** Below system.slice, and as many again below a slice inside it. */
  readonly units: number;
  readonly named?: 'by-systemd';
  /** Where the listening socket is. */
  readonly listener: string;
}

const unitName = (index: number) => (index % 2 === 0 ? `u${index}.service` : `u@${index}.service`);
const placeOf = (index: number) => `system.slice/${index % 2 === 0 ? '' : 'system-u.slice/'}${unitName(index)}`;
const arrangements: readonly Arrangement[] = [
  { name: referenceName, units: 0, listener: 'system.slice/plain.service' },
  { name: 'one unit, a connection of the host', units: 1, listener: 'system.slice/plain.service' },
  { name: 'one unit, a connection of it', units: 1, listener: placeOf(0) },
  { name: 'thirty units at two levels, a connection of the host', units: 30, listener: 'system.slice/plain.service' },
  { name: 'thirty units at two levels, a connection of one of them', units: 30, listener: placeOf(0) },
  {
    name: 'ten units that systemd names, a connection of the host',
    units: 10,
    named: 'by-systemd',
    listener: 'system.slice/plain.service',
  },
];

export async function measureUnitCosts(): Promise<UnitCosts> {
  const tree = createUnitTree();
  for (const { units, listener } of arrangements) {
    tree.make(listener);
    for (let index = 0; index < units; index += 1) tree.make(placeOf(index));
  }
  const lab = await createLab({ name: 'unit-costs' });
  const shots: { readonly name: string; readonly generator: Generator; readonly nanos: number[] }[] = [];
  try {
    const outside = await lab.addHost({ name: 'outside', ipv4: '10.66.255.1' });
    for (const [index, arrangement] of arrangements.entries()) {
      const host = await lab.addHost({ name: `a${index}`, ...addresses });
      const interfaceName = `to-a${index}`;
      const cable = `link add ${interfaceName} type veth peer name cable address ${mac} netns ${host.namespace}`;
      await must(
        run(['ip', '-n', outside.namespace, '-batch', '-'], { input: `${cable}\nlink set ${interfaceName} up\n` }),
      );
      await must(host.exec(['ip', 'link', 'set', 'cable', 'up']));
      await must(host.exec(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.cable.rp_filter=0']));
      await load({ host, tree, size: crowd, ...arrangement });
      await must(host.exec(['nft', '-f', '-'], { input: sinkTable }));
      const local = await startMovableProbe(host, tree);
      local.enter(arrangement.listener);
      await local.listen([{ transport: 'udp', port: servicePort }]);
      const generator = receivedByHost({
        namespace: outside.namespace,
        interfaceName,
        hostMac: Buffer.from([2, 0, 0, 0, 0, 2]),
        hostAddress: Uint8Array.of(10, 66, 0, 1),
        servicePort,
        peers: meet({ family: 'ipv4', size: crowd, met: 64 }),
      });
      shots.push({ name: arrangement.name, generator, nanos: [] });
    }
    for (const { generator } of shots) generator.shoot(burst * 4);
    const until = performance.now() + mostMs;
    for (let round = 0; round < rounds && performance.now() < until; round += 1) {
      for (let step = 0; step < shots.length; step += 1) {
        const shot = shots[(round + step) % shots.length];
        shot?.nanos.push(shot.generator.shoot(burst));
      }
    }
    const reference = shots.find(({ name }) => name === referenceName)?.nanos ?? [];
    const costs = shots
      .filter(({ name }) => name !== referenceName)
      .map(({ name, nanos }) => ({
        name,
        nanos: median(nanos),
        reference: median(reference),
        ratio: median(nanos.map((value, at) => value / (reference[at] ?? Number.NaN))),
      }));
    const placementMs = new Map<number, number>();
    for (const size of [100, crowd]) {
      const host = await lab.addHost({ name: `p${size}`, ...addresses });
      const script = await load({ host, tree, size, units: 1 });
      const took: number[] = [];
      for (let round = 0; round < listed; round += 1) {
        const startedAt = performance.now();
        await must(host.exec(['nft', '-f', '-'], { input: script }));
        took.push(performance.now() - startedAt);
      }
      placementMs.set(size, median(took));
    }
    return { costs, placementMs };
  } finally {
    for (const { generator } of shots) generator.close();
    await lab.remove();
    await tree.remove();
  }
}

/** Gives the script that places the units again, as after a restart. */
async function load(request: {
  readonly host: LabHost;
  readonly tree: UnitTree;
  readonly size: number;
  readonly units: number;
  readonly named?: 'by-systemd';
}): Promise<string> {
  const { host, tree, size } = request;
  const base = crowdPolicy({ size });
  const { allowIn = [], allowOut = [] } = base;
  const names = Array.from({ length: request.units }, (_, index) => unitName(index));
  // The same peers for each would be thirty times the host's; the first unit has them, the others are at rest.
  const units = Object.fromEntries(
    names.map((unit, index): [string, UnitPolicy] => [
      `w${index}`,
      index === 0 ? { unit, allowIn, allowOut } : { unit },
    ]),
  );
  const levels = [tree.root.level + 2, tree.root.level + 3];
  const table = buildTable({
    ruleSet: hostRuleSet({ ...base, units }),
    essentials: [],
    numbering: emptyNumbering,
    ...(request.named === undefined ? {} : { namedUnits: new Map(names.map((unit) => [unit, levels])) }),
  });
  if (table === undefined) throw new Error('the table could not be built');
  const open = openUnitCgroups(tree.root, new Set(request.named === undefined ? names : []));
  const placement = placeUnits(table.units, open.cgroups, table.chains);
  const state = { revision: 1, epoch: 1, digest: '00' };
  const script = bootstrapScript(table, state, nothingStanding, placement);
  await must(host.exec(['nft', '-f', '-'], { input: script, timeoutMs: 60_000 }));
  return changeScript({ previous: table, next: table, isNewEpoch: false, state, placement });
}

async function must(running: Promise<{ readonly exitCode: number; readonly stderr: string }>): Promise<void> {
  const { exitCode, stderr } = await running;
  if (exitCode !== 0) throw new Error(`a host could not be arranged: ${stderr.trim().slice(0, 500)}`);
}
