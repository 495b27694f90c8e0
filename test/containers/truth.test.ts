// Containers of a host, among themselves, with their host, and with the world: every pair, both families, at its own address and at
// published ports, against the oracle; and what is not seen without br_netfilter, said and shown.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootstrapScript } from '#agent-core/change/transaction.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { mostWalksDefault } from '#agent-core/table/map-values.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { protocolNumbers } from '#model/service.ts';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { createOracle, type Oracle } from '#policy/judge/oracle.ts';
import { hasErrors, problemText } from '#policy/source/problem.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import type { ProbeTarget } from '#test/support/probe-protocol.ts';
import { addContainers } from './container-lab.ts';

const at = millis(Date.UTC(2026, 5, 15, 12));
const bridges = [
  { name: 'docker0', ipv4: '172.17.0.1', ipv6: 'fd84:17::1' },
  { name: 'br-app', ipv4: '172.18.0.1', ipv6: 'fd84:18::1' },
];
const containers = [
  { name: 'web', bridge: 'docker0', ipv4: '172.17.0.2', ipv6: 'fd84:17::2' },
  { name: 'api', bridge: 'docker0', ipv4: '172.17.0.3', ipv6: 'fd84:17::3' },
  { name: 'db', bridge: 'br-app', ipv4: '172.18.0.2', ipv6: 'fd84:18::2' },
];
const published = { port: 18080, container: 'web', containerPort: 8080 };
const outside = { h1: { ipv4: '10.84.0.1', ipv6: 'fd84::1' }, peer: { ipv4: '10.84.0.2', ipv6: 'fd84::2' } };
const bridgeAddresses = bridges.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]).map((text) => assertOk(parseAddress(text)));

const services = [
  { transport: 'tcp', port: 8080 },
  { transport: 'udp', port: 8080 },
  { transport: 'tcp', port: 5432 },
] as const;

const inventory = [
  { name: 'h1', kind: 'host', host: 'h1', addresses: [outside.h1.ipv4, outside.h1.ipv6] },
  ...containers.map(({ name, ipv4, ipv6 }) => ({ name, kind: 'container', host: 'h1', addresses: [ipv4, ipv6] })),
  { name: 'peer', kind: 'external', addresses: [outside.peer.ipv4, outside.peer.ipv6] },
]
  .map(({ name, ...spec }) =>
    JSON.stringify({ apiVersion: 'segwall/v1', kind: 'Workload', metadata: { name, labels: { role: name } }, spec }),
  )
  .join('\n---\n');

function segment(name: string, selector: string, modes: string, rules: readonly string[]): string {
  return `apiVersion: segwall/v1
kind: Segment
metadata: { name: ${name} }
spec:
  selector: ${selector}
  ${modes}
  rules:${rules.length === 0 ? ' []' : `\n${rules.map((rule) => `    - { ${rule} }`).join('\n')}`}
`;
}

const from = (role: string) => `from: [{ tenant: 'role == "${role}"' }]`;
const to = (role: string) => `to: [{ tenant: 'role == "${role}"' }]`;
const everyone = 'has(role)';
const boxes = 'role in {"web", "api", "db"}';
const rules = [
  `name: web-api, ${from('web')}, ${to('api')}, services: [tcp/8080, udp/8080]`,
  `name: api-db, ${from('api')}, ${to('db')}, services: [tcp/5432]`,
  `name: host-web, ${from('h1')}, ${to('web')}, services: [tcp/8080]`,
  `name: db-host, ${from('db')}, ${to('h1')}, services: [udp/8080]`,
  `name: peer-web, ${from('peer')}, ${to('web')}, services: [tcp/8080, udp/8080]`,
  `name: api-peer, ${from('api')}, ${to('peer')}, services: [tcp/5432, udp/8080]`,
];

const states: Readonly<Record<string, string>> = {
  'nobody has rules': segment('s', everyone, 'inbound: off\n  outbound: off', []),
  'containers enforced in both directions': segment('s', boxes, 'inbound: enforce\n  outbound: enforce', rules),
  'all enforced in both directions': segment('s', everyone, 'inbound: enforce\n  outbound: enforce', rules),
  'only what comes in': segment('s', everyone, 'inbound: enforce\n  outbound: observe', rules),
  'only what goes out, dropped': segment(
    's',
    everyone,
    'inbound: observe\n  outbound: enforce\n  onDeny: { outbound: drop }',
    rules,
  ),
  'the provider opens, the consumer does not': [
    segment('p', 'role == "api"', 'inbound: enforce\n  outbound: enforce', [rules[0] ?? '']),
    segment('c', 'role == "web"', 'inbound: enforce\n  outbound: enforce', []),
  ].join('---\n'),
  'the consumer opens, the provider does not': [
    segment('p', 'role == "api"', 'inbound: enforce\n  outbound: enforce', []),
    segment('c', 'role == "web"', 'inbound: enforce\n  outbound: enforce', [rules[0] ?? '']),
  ].join('---\n'),
};

interface World {
  readonly oracle: Oracle;
  ruleSet(revision: number): HostRuleSet;
}

function worldOf(policy: string): World {
  const checked = checkPolicy({
    files: [{ path: 'policy.yaml', text: policy }],
    inventoryFiles: [{ path: 'inventory.yaml', text: inventory }],
    now: at,
    mode: 'offline',
  });
  if (checked.policy === undefined || checked.inventory === undefined || hasErrors(checked.problems)) {
    throw new Error(checked.problems.map(problemText).join('\n'));
  }
  const world = { policy: checked.policy, inventory: checked.inventory };
  const compiled = compileFleet({ ...world, now: at });
  return {
    oracle: createOracle(world),
    ruleSet: (revision) => {
      const ruleSet = compiled.ruleSetOf('h1', revision);
      if (ruleSet === undefined) throw new Error('nothing was compiled for h1');
      return ruleSet;
    },
  };
}

/** As its agent would load it, which knows the host's bridges. `mostWalks` as of buildTable. */
function scriptOf(policy: string, mostWalks = mostWalksDefault): string {
  const ruleSet = worldOf(policy).ruleSet(1);
  const table = buildTable({
    ruleSet,
    essentials: [],
    ownAddresses: bridgeAddresses,
    numbering: emptyNumbering,
    mostWalks,
  });
  if (table === undefined) throw new Error('out of decision numbers');
  return bootstrapScript(table, { revision: 1, epoch: 1, digest: '-' }, nothingStanding);
}

/** One try: where the client sends, and which connection that really is. */
interface Try {
  readonly from: string;
  readonly target: ProbeTarget;
  readonly src: string;
  readonly dst: string;
  readonly port: number;
}

const places: Readonly<Record<string, { readonly ipv4: string; readonly ipv6: string }>> = {
  ...outside,
  ...Object.fromEntries(containers.map((place) => [place.name, place])),
};
const bridgeOf = (name: string) => containers.find((place) => place.name === name)?.bridge;

function allTries(): readonly Try[] {
  const tries: Try[] = [];
  for (const [client, own] of Object.entries(places)) {
    for (const [server, far] of Object.entries(places)) {
      if (client === server) continue;
      for (const family of ['ipv4', 'ipv6'] as const) {
        // From outside, a masqueraded address cannot be reached but by its published port.
        if (client === 'peer' && server !== 'h1' && family === 'ipv4') continue;
        // The host is reached by its bridge: a program that answers UDP from there would seem another from anywhere else.
        const bridge = server === 'h1' ? bridges.find(({ name }) => name === bridgeOf(client)) : undefined;
        const address = (bridge ?? far)[family];
        for (const { transport, port } of services) {
          tries.push({ from: client, target: { transport, address, port }, src: own[family], dst: far[family], port });
        }
      }
    }
    const doors = client === 'h1' ? [outside.h1.ipv4, '172.17.0.1', '127.0.0.1'] : [outside.h1.ipv4];
    for (const address of doors) {
      for (const transport of ['tcp', 'udp'] as const) {
        const target = { transport, address, port: published.port };
        tries.push({ from: client, target, src: own.ipv4, dst: '172.17.0.2', port: published.containerPort });
      }
    }
  }
  return tries;
}

interface Scene {
  readonly lab: Lab;
  readonly host: LabHost;
  readonly probes: ReadonlyMap<string, HostProbe>;
}

async function standUp(): Promise<Scene> {
  const lab = await createLab({ name: 'boxes' });
  const host = await lab.addHost({ name: 'h1', ...outside.h1 });
  const peer = await lab.addHost({ name: 'peer', ...outside.peer });
  const boxed = await addContainers({ lab, host, bridges, containers, published: [published] });
  await peer.exec(['ip', '-6', 'route', 'add', 'fd84:17::/64', 'via', outside.h1.ipv6]);
  await peer.exec(['ip', '-6', 'route', 'add', 'fd84:18::/64', 'via', outside.h1.ipv6]);
  const probes = new Map<string, HostProbe>();
  for (const each of [host, peer, ...boxed.values()]) {
    const probe = await startProbe(each);
    await probe.listen(services);
    probes.set(each.name, probe);
  }
  return { lab, host, probes };
}

async function load({ host }: Scene, script: string): Promise<void> {
  const input = `add table inet segwall\ndelete table inet segwall\n${script}`;
  const result = await host.exec(['nft', '-f', '-'], { input });
  if (result.exitCode !== 0) throw new Error(`nft refused the script: ${result.stderr}`);
  expect((await host.exec(['conntrack', '-F'])).exitCode).toBe(0);
}

/** "web > api tcp/8080": what each try came to. */
async function probeAll({ probes }: Scene, tries: readonly Try[], expected: readonly (readonly string[])[]) {
  const seen = new Map<Try, string>();
  const ask = async (among: readonly Try[], silenceMs: number) => {
    await Promise.all(
      [...Map.groupBy(among, ({ from: client }) => client)].map(async ([client, own]) => {
        const outcomes =
          (await probes.get(client)?.probe(
            own.map(({ target }) => target),
            silenceMs,
          )) ?? [];
        for (const [index, each] of own.entries()) seen.set(each, outcomes[index]?.kind ?? 'broken');
      }),
    );
  };
  await ask(tries, 350);
  // Late answers (a rejected IPv6 connect hears of it with its second SYN) are given more patience before silence is believed.
  await ask(
    tries.filter((each, index) => seen.get(each) === 'dropped' && expected[index]?.includes('dropped') !== true),
    1500,
  );
  return tries.map((each) => seen.get(each) ?? 'broken');
}

const onDenyOf = (policy: string) => (policy.includes('outbound: drop') ? 'dropped' : 'rejected');

/** The packet meets the client's rules first, but those of the host, which is asked after its container. */
function expectedOf(world: World, policy: string, { src, dst, target, port }: Try): readonly string[] {
  const [source, destination] = [assertOk(parseAddress(src)), assertOk(parseAddress(dst))];
  if (src === dst) return ['allowed'];
  const service = { protocol: protocolNumbers[target.transport], port };
  const { outbound, inbound } = world.oracle.judge({ src: source, dst: destination, service, at });
  const denied = [
    ...(outbound.verdict === 'deny' ? [onDenyOf(policy)] : []),
    ...(inbound.verdict === 'deny' ? ['dropped'] : []),
  ];
  if (denied.length === 0) return ['allowed'];
  return outbound.workload === 'h1' ? denied : denied.slice(0, 1);
}

describe('containers of one host', () => {
  let scene: Scene;
  const tries = allTries();
  beforeAll(async () => {
    scene = await standUp();
  });
  afterAll(() => scene.lab.remove());

  function containerNamed(name: string): LabHost {
    const found = scene.probes.get(name)?.host;
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  }

  async function mismatches(policy: string, script = scriptOf(policy)) {
    const world = worldOf(policy);
    await load(scene, script);
    const expected = tries.map((each) => expectedOf(world, policy, each));
    const seen = await probeAll(scene, tries, expected);
    return tries.flatMap(({ from: client, target }, index) => {
      const [is = '', may = []] = [seen[index], expected[index]];
      if (may.includes(is)) return [];
      return [`${client} > ${target.address} ${target.transport}/${target.port}: ${is}, expected ${may.join(' or ')}`];
    });
  }

  test.each(Object.entries(states))('decide as the oracle does: %s', async (_, policy) => {
    expect(await mismatches(policy)).toEqual([]);
  });

  test('decide so too where peer maps answer with tags', async () => {
    const policy = states['all enforced in both directions'] ?? '';
    const script = scriptOf(policy, 0);
    expect(script).toMatch(/^add rule inet segwall judge_\S+ meta priority set ct /m);
    expect(await mismatches(policy, script)).toEqual([]);
  });

  test('a table that judges one end only is caught', async () => {
    const policy = states['the provider opens, the consumer does not'] ?? '';
    const script = scriptOf(policy);
    const mutant = script.replaceAll(/^add rule inet segwall forward ct original ip6? saddr vmap .*\n/gm, '');
    expect(mutant).not.toBe(script);
    expect((await mismatches(policy, mutant)).join()).toContain('web > 172.17.0.3 tcp/8080: allowed');
  });

  // The answer would be judged on its way back in any case; what must not happen is that the container hears anything.
  test('what the host sends to a published port over loopback is judged before it leaves', async () => {
    const { probes } = scene;
    const counted = async () => {
      const command = 'nft list table inet seen 2>/dev/null || nft -f -';
      const input = `table inet seen { chain in { type filter hook input priority -10; ip saddr 172.17.0.1 udp dport ${published.containerPort} counter; }; }`;
      const web = containerNamed('web');
      const { stdout } = await web.exec(['sh', '-c', command], { input });
      return Number(/packets (\d+)/.exec(stdout)?.[1] ?? 0);
    };
    const target = { transport: 'udp', address: '127.0.0.1', port: published.port } as const;
    await load(scene, scriptOf(states['all enforced in both directions'] ?? ''));
    expect(await counted()).toBe(0);
    expect((await probes.get('h1')?.probe([target]))?.[0]?.kind).not.toBe('allowed');
    expect(await counted()).toBe(0);
    await load(scene, scriptOf(states['nobody has rules'] ?? ''));
    expect((await probes.get('h1')?.probe([target]))?.[0]?.kind).toBe('allowed');
    expect(await counted()).toBeGreaterThan(0);
  });

  test('on one bridge without br_netfilter, frames pass unjudged; whatever is routed is judged', async () => {
    const policy = states['the consumer opens, the provider does not'] ?? '';
    const off = 'cd /proc/sys/net/bridge; echo 0 > bridge-nf-call-iptables; echo 0 > bridge-nf-call-ip6tables';
    expect((await scene.host.exec(['sh', '-c', off])).exitCode).toBe(0);
    const lines = await mismatches(policy);
    await scene.host.exec(['sh', '-c', off.replaceAll('echo 0', 'echo 1')]);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      const [client = '', address = ''] = line.split(/ > | /);
      const server = containers.find(({ ipv4, ipv6 }) => ipv4 === address || ipv6 === address);
      expect([line, bridgeOf(client)]).toEqual([line, server?.bridge]);
      expect(line).toContain('allowed, expected');
    }
  });
});
