// Small policies with a name each, and the table of each as a host would load it from nothing: test/fixtures/nft/NAME.nft has its text.
// One kind of rule a policy, so that a changed line is found in the files of what it is for.

import { bootstrapScript } from '#agent-core/change/transaction.ts';
import { placeUnits } from '#agent-core/change/unit-placement.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { defaultMarks, markLayoutOf } from '#agent-core/marks/mark-layout.ts';
import { buildTable, type TableRequest } from '#agent-core/table/build-table.ts';
import { withAnswerChains } from '#agent-core/table/dns-answer-chains.ts';
import type { Table } from '#agent-core/table/table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { statedMarks, type TableState } from '#agent-core/table/table-state.ts';
import type { Address } from '#model/address.ts';
import { parseCidr, rangeOf } from '#model/address-range.ts';
import { assertOk } from '#model/result.ts';
import type { DirectionRules, EssentialEntry, HostRuleSet, PeerSet } from '#model/rule-set.ts';
import { parseServiceTerm } from '#model/service.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';

interface NamedPolicy {
  readonly is: string;
  readonly ruleSet: HostRuleSet;
  readonly settings?: Omit<Partial<TableRequest>, 'ruleSet' | 'numbering' | 'previous'>;
  /** Where units are looked for; none of their cgroups is there. */
  readonly unitLevels?: readonly number[];
  readonly resolvers?: readonly Address[];
}

const host: HostPolicy = { addresses: ['10.0.0.1', 'fd00::1'], inbound: 'off', outbound: 'off' };
const peers = { web: ['10.1.0.1', '10.1.0.2', 'fd01::1'], db: ['10.2.0.1', 'fd02::1'] };
const enforced: HostPolicy = { ...host, inbound: 'enforce', peers, allowIn: ['web: tcp/80, tcp/443, udp/53, icmp'] };

function changed(ruleSet: HostRuleSet, change: (rules: DirectionRules) => Partial<DirectionRules>): HostRuleSet {
  const workloads = ruleSet.workloads.map((workload) => ({
    ...workload,
    inbound: { ...workload.inbound, ...change(workload.inbound) },
    outbound: { ...workload.outbound, ...change(workload.outbound) },
  }));
  return { ...ruleSet, workloads };
}

function withSet(ruleSet: HostRuleSet, set: PeerSet): HostRuleSet {
  return { ...ruleSet, peerSets: new Map(ruleSet.peerSets).set(set.id, set) };
}

const services = (...terms: readonly string[]) => terms.map((term) => assertOk(parseServiceTerm(term)));
const controlPlane: EssentialEntry = {
  name: 'control-plane',
  direction: 'outbound',
  peers: { kind: 'ranges', ranges: [rangeOf('10.9.0.1' as Address)] },
  services: services('tcp/8443'),
  owner: { uid: 990 },
};

export const namedPolicies: Readonly<Record<string, NamedPolicy>> = {
  'nothing-managed': { is: 'no direction is managed', ruleSet: hostRuleSet(host) },
  observe: {
    is: 'both directions observed: everything is named and passes',
    ruleSet: hostRuleSet({ ...enforced, inbound: 'observe', outbound: 'observe', allowOut: ['db: tcp/5432'] }),
  },
  'observe-without-stamps': {
    is: 'observed where connection marks are others’ too: no mark is written or believed',
    ruleSet: hostRuleSet({ ...enforced, inbound: 'observe', outbound: 'observe' }),
    settings: { whileObserving: 'withhold' },
  },
  'inbound-enforced': { is: 'inbound enforced, outbound not managed', ruleSet: hostRuleSet(enforced) },
  'both-directions': {
    is: 'both directions enforced; what goes out is refused with an answer',
    ruleSet: changed(
      hostRuleSet({ ...enforced, outbound: 'enforce', allowOut: ['db: tcp/5432, tcp/6432-6440'] }),
      (rules) =>
        rules.grants.some(({ peers: far }) => far.kind === 'sets' && far.ids.includes('db'))
          ? { onDeny: 'reject' }
          : {},
    ),
  },
  'many-services': {
    is: 'more services than are compared one by one, of every protocol',
    ruleSet: hostRuleSet({
      ...enforced,
      allowIn: [
        `web: ${Array.from({ length: 9 }, (_, at) => `tcp/${8000 + 2 * at}`).join(', ')}, tcp/9000-9010, udp/53, udp/123`,
        'db: icmp/8, icmpv6/128, sctp/36412, proto/47, proto/89',
      ],
    }),
  },
  guardrail: {
    is: 'a guardrail denies from some what a rule grants to all',
    ruleSet: changed(hostRuleSet({ ...enforced, allowIn: ['any: tcp/22'] }), (rules) =>
      rules.grants.length === 0
        ? {}
        : {
            guardrails: [
              {
                guardrail: 'no-ssh-from-web',
                mode: 'enforce',
                peers: { kind: 'sets', ids: ['web'] },
                local: { kind: 'any' },
                services: services('tcp/22'),
              },
            ],
          },
    ),
  },
  quarantine: {
    is: 'the host is quarantined from everybody but one set',
    ruleSet: hostRuleSet({ ...enforced, outbound: 'observe', quarantine: ['db'] }),
  },
  'cut-off': {
    is: 'nothing is enforced, and a peer is quarantined',
    ruleSet: withSet(hostRuleSet({ ...enforced, inbound: 'observe', outbound: 'observe' }), {
      id: 'quarantine/web-2',
      quarantine: 'web-2',
      addresses: ['10.1.0.2' as Address],
      ranges: [],
    }),
  },
  units: {
    is: 'two units, one of which systemd puts into a set of ours',
    ruleSet: hostRuleSet({
      ...enforced,
      outbound: 'observe',
      units: {
        'h1-api': { unit: 'api.service', allowIn: ['web: tcp/8080'] },
        'h1-db': { unit: 'db.service', allowIn: ['db: tcp/5432'] },
      },
    }),
    settings: { namedUnits: new Map([['api.service', [2]]]) },
    unitLevels: [2],
  },
  containers: {
    is: 'three containers, two of which have one address',
    ruleSet: hostRuleSet({
      ...enforced,
      outbound: 'observe',
      containers: {
        api: { addresses: ['172.17.0.2'], allowIn: ['web: tcp/8080'] },
        db: { addresses: ['172.17.0.3', 'fd17::3'], allowIn: ['db: tcp/5432'] },
        twin: { addresses: ['172.17.0.3'], allowIn: ['db: tcp/5433'] },
      },
    }),
    settings: { ownAddresses: ['172.17.0.1' as Address] },
  },
  'containers-cut-off': {
    is: 'containers that observe, and a peer is quarantined',
    ruleSet: withSet(
      hostRuleSet({
        ...enforced,
        inbound: 'observe',
        outbound: 'observe',
        containers: { api: { addresses: ['172.17.0.2'] } },
      }),
      { id: 'quarantine/web-2', quarantine: 'web-2', addresses: ['10.1.0.2' as Address], ranges: [] },
    ),
  },
  guests: {
    is: 'the host answers for guests behind two bridges, one of which may lead outside',
    ruleSet: hostRuleSet({ ...enforced, outbound: 'enforce' }),
    settings: {
      guests: { interfaces: ['br0', 'virbr0'], inDoubt: ['br0'], own: ['10.0.0.1', 'fd00::1'] as Address[] },
    },
  },
  ranges: {
    is: 'addresses, prefixes of two lengths, and in IPv6 ranges that need intervals',
    ruleSet: hostRuleSet({
      ...enforced,
      peers: {
        web: ['10.1.0.1', '10.3.0.0/16', '10.4.1.0/24'],
        db: ['fd02::/16', 'fd03::/32', 'fd04::/48', 'fd05::/56', 'fd06::/64'],
      },
      allowIn: ['web: tcp/80', 'db: tcp/5432'],
    }),
  },
  tags: {
    is: 'peer maps that answer with tags',
    ruleSet: hostRuleSet({ ...enforced, allowIn: ['web: tcp/80', 'db: tcp/5432'] }),
    settings: { mostWalks: 0 },
  },
  names: {
    is: 'a peer is a domain name: the agent gets copies of DNS answers',
    ruleSet: withSet(hostRuleSet({ ...enforced, outbound: 'enforce', allowOut: ['api: tcp/443'] }), {
      id: 'api',
      fqdn: 'api.example.com',
      addresses: [],
      ranges: [],
    }),
    resolvers: ['10.0.0.53', 'fd00::53'] as Address[],
  },
  mask: {
    is: 'bits of the mark that do not lie side by side',
    ruleSet: hostRuleSet({ ...enforced, outbound: 'enforce' }),
    settings: { marks: assertOk(markLayoutOf(0xff00_ffff)) },
  },
  owner: {
    is: 'the way to the control plane is the agent’s user’s alone',
    ruleSet: hostRuleSet({ ...enforced, outbound: 'enforce' }),
    settings: { essentials: [controlPlane], dhcpUsers: [0, 101] },
  },
  'dhcp-server': {
    is: 'a host that hears DHCP clients answers them',
    ruleSet: hostRuleSet({ ...enforced, outbound: 'enforce', allowIn: ['any: udp/67'] }),
  },
  'virtual-address': {
    is: 'one rule holds at the virtual address that the host may hold, another at all of its addresses',
    ruleSet: changed(hostRuleSet({ ...enforced, allowIn: ['web: tcp/80', 'any: tcp/443'] }), (rules) => ({
      grants: rules.grants.map((grant, at) =>
        at === 1 ? { ...grant, local: { kind: 'ranges', ranges: [assertOk(parseCidr('10.0.9.9/32'))] } } : grant,
      ),
    })),
  },
};

export interface NamedTable {
  readonly table: Table;
  readonly state: TableState;
  readonly script: string;
}

export function namedTable({ ruleSet, settings, unitLevels = [], resolvers }: NamedPolicy): NamedTable {
  const marks = settings?.marks ?? defaultMarks;
  const made = buildTable({ essentials: [], ...settings, marks, ruleSet, numbering: emptyNumbering });
  if (made === undefined) throw new Error('the numbers do not fit');
  const table = resolvers === undefined ? made : withAnswerChains(made, { ruleSet, source: 'copied', resolvers });
  const state: TableState = { revision: 7, epoch: 3, digest: '-', ...statedMarks(table) };
  const placement = placeUnits(table.units, [], table.chains, unitLevels);
  return { table, state, script: bootstrapScript(table, state, nothingStanding, placement) };
}
