// One virtual address on two hosts, one after the other and both at once, in real kernels: who reaches it, and what of its holders.
// Peers are told nothing when it moves, so each table is loaded once. Where both hold it, a client's neighbour entry says which of
// them it speaks to, as anycast and direct server return do.

import { expect, test } from 'vitest';
import type { Family } from '#model/address.ts';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import { protocolNumbers } from '#model/service.ts';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { createOracle } from '#policy/judge/oracle.ts';
import { hasErrors, problemText } from '#policy/source/problem.ts';
import { createLab, type Lab } from '#test/support/lab.ts';
import { defaultSilenceMs, type HostProbe, startProbe } from '#test/support/probe.ts';
import type { Listener } from '#test/support/probe-protocol.ts';
import { loadRuleSet } from './rendered-stage.ts';

const at = millis(Date.UTC(2026, 5, 15, 12));
const families = ['ipv4', 'ipv6'] as const satisfies readonly Family[];
const services: readonly Listener[] = [443, 8443].map((port) => ({ transport: 'tcp', port }));
const vip = { ipv4: '10.79.0.100', ipv6: 'fd79::100' };
const hosts = {
  web: { ipv4: '10.79.0.1', ipv6: 'fd79::1', role: 'web' },
  batch: { ipv4: '10.79.0.2', ipv6: 'fd79::2', role: 'batch' },
  'lb-1': { ipv4: '10.79.0.11', ipv6: 'fd79::11', role: 'lb' },
  'lb-2': { ipv4: '10.79.0.12', ipv6: 'fd79::12', role: 'lb' },
};
type Name = keyof typeof hosts;
const names = Object.keys(hosts) as Name[];
const holders = ['lb-1', 'lb-2'] as const;

/** `batch` is let to the holders themselves by its own side, and not to the virtual workload. */
const policyText = `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: enforce
  outbound: enforce
  rules:
    - { name: web-to-vip, from: [{ workloads: role == "web" }], to: [{ workloads: role == "vip" }], services: [tcp/443] }
    - { name: batch-to-lb, from: [{ workloads: role == "batch" }], to: [{ workloads: role == "lb" }], services: [tcp/8443] }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: shop-vip, labels: { app: shop, role: vip } }
spec: { kind: virtual, addresses: ["${vip.ipv4}", "${vip.ipv6}"], holders: role == "lb" }
`;

const inventoryText = names
  .map((name) => {
    const { ipv4, ipv6, role } = hosts[name];
    const spec = { kind: 'host', host: name, addresses: [ipv4, ipv6] };
    const metadata = { name, labels: { app: 'shop', role } };
    return JSON.stringify({ apiVersion: 'segwall/v1', kind: 'Workload', metadata, spec });
  })
  .join('\n---\n');

function readWorld() {
  const { policy, inventory, problems } = checkPolicy({
    files: [{ path: 'policy.yaml', text: policyText }],
    inventoryFiles: [{ path: 'inventory.yaml', text: inventoryText }],
    now: at,
    mode: 'offline',
  });
  if (policy === undefined || inventory === undefined || hasErrors(problems))
    throw new Error(problems.map(problemText).join('\n'));
  return { policy, inventory };
}

async function must(lab: Lab, host: string, command: string): Promise<string> {
  const result = await lab.hosts.get(host)?.exec(['sh', '-ec', command]);
  if (result?.exitCode !== 0) throw new Error(`${host}: ${command}: ${result?.stderr ?? 'no such host'}`);
  return result.stdout.trim();
}

const hold = (lab: Lab, host: string) =>
  must(lab, host, `ip addr add ${vip.ipv4}/32 dev eth0; ip addr add ${vip.ipv6}/128 dev eth0 nodad`);
const letGo = (lab: Lab, host: string) =>
  must(lab, host, `ip addr del ${vip.ipv4}/32 dev eth0; ip addr del ${vip.ipv6}/128 dev eth0`);

/** From now on `client` speaks to this holder where it speaks to the virtual address. */
async function speakTo(lab: Lab, client: string, holder: string): Promise<void> {
  const mac = await must(lab, holder, "ip -o link show eth0 | sed 's/.*link.ether //; s/ .*//'");
  const command = families.map((family) => `ip neigh replace ${vip[family]} lladdr ${mac} dev eth0 nud permanent`);
  await must(lab, client, command.join('; '));
}

/** "web vip ipv4 443": what came of it. */
async function tried(
  probe: HostProbe,
  { from, to }: { readonly from: string; readonly to: string },
  addresses: Readonly<Record<Family, string>>,
): Promise<readonly string[]> {
  const targets = families.flatMap((family) =>
    services.map(({ transport, port }) => ({ family, transport, port, address: addresses[family] })),
  );
  let outcomes = await probe.probe(targets);
  // A busy machine can be late; policy answers the same every time, and what was let through is never tried again.
  for (let silenceMs = defaultSilenceMs; silenceMs < 6000; silenceMs *= 4) {
    const silent = outcomes.some(({ kind }, index) => kind === 'dropped' && isLet(from, to, targets[index]?.port));
    if (!silent) break;
    outcomes = await probe.probe(targets, silenceMs * 4);
  }
  const word = {
    dropped: 'kept out',
    rejected: 'kept out',
    allowed: 'let',
    refused: 'refused',
    broken: 'broken',
  } as const;
  return targets.map(({ family, port }, index) => {
    const outcome = outcomes[index];
    return `${from} ${to} ${family} ${port}: ${outcome === undefined ? 'not tried' : word[outcome.kind]}`;
  });
}

const isLet = (from: string, to: string, port: number | undefined) =>
  (from === 'web' && to === 'vip' && port === 443) || (from === 'batch' && port === 8443 && to !== 'vip');

const expected = (from: string, to: string) =>
  families.flatMap((family) =>
    services.map(({ port }) => `${from} ${to} ${family} ${port}: ${isLet(from, to, port) ? 'let' : 'kept out'}`),
  );

test('who may reach a virtual address reaches it at whichever holder has it, and nothing else of the holder', async () => {
  const world = readWorld();
  const lab = await createLab({ name: 'vip' });
  try {
    const probes = new Map<string, HostProbe>();
    const compiled = compileFleet({ ...world, now: at });
    await Promise.all(
      names.map(async (name) => {
        const host = await lab.addHost({ name, ipv4: hosts[name].ipv4, ipv6: hosts[name].ipv6 });
        const probe = await startProbe(host);
        await probe.listen(services);
        probes.set(name, probe);
        const ruleSet = compiled.ruleSetOf(name, 1);
        if (ruleSet === undefined) throw new Error(`the compiler has no rule set for ${name}`);
        await loadRuleSet(host, ruleSet);
      }),
    );
    const probeOf = (name: string) => {
      const probe = probes.get(name);
      if (probe === undefined) throw new Error(`there is no ${name}`);
      return probe;
    };
    const toVip = async (client: string, holder: string) => {
      await speakTo(lab, client, holder);
      return tried(probeOf(client), { from: client, to: 'vip' }, vip);
    };

    await hold(lab, 'lb-1');
    expect(await toVip('web', 'lb-1')).toEqual(expected('web', 'vip'));
    expect(await toVip('batch', 'lb-1')).toEqual(expected('batch', 'vip'));
    for (const client of ['web', 'batch'] as const) {
      const found = await tried(probeOf(client), { from: client, to: 'lb-1' }, hosts['lb-1']);
      expect(found).toEqual(expected(client, 'lb-1'));
    }
    // The other one may hold it, so it is no loopback to it.
    expect(await toVip('lb-2', 'lb-1')).toEqual(expected('lb-2', 'vip'));

    await letGo(lab, 'lb-1');
    await hold(lab, 'lb-2');
    expect(await toVip('web', 'lb-2')).toEqual(expected('web', 'vip'));
    expect(await toVip('batch', 'lb-2')).toEqual(expected('batch', 'vip'));

    await hold(lab, 'lb-1');
    for (const holder of holders) expect(await toVip('web', holder)).toEqual(expected('web', 'vip'));
  } finally {
    await lab.remove();
  }
});

test('a holder keeps out by itself who is let by nobody, at the virtual address as at its own', async () => {
  const world = readWorld();
  const lab = await createLab({ name: 'vip-holder' });
  try {
    const compiled = compileFleet({ ...world, now: at });
    const oracle = createOracle(world);
    const found: string[] = [];
    const judged: string[] = [];
    // Clients without a table of their own: the holder is the only one that judges.
    const probes = await Promise.all(
      (['web', 'batch', 'lb-1'] as const).map(async (name) => {
        const probe = await startProbe(await lab.addHost({ name, ipv4: hosts[name].ipv4, ipv6: hosts[name].ipv6 }));
        if (name === 'lb-1') await probe.listen(services);
        return probe;
      }),
    );
    const [web, batch, lb] = probes;
    const ruleSet = compiled.ruleSetOf('lb-1', 1);
    if (web === undefined || batch === undefined || lb === undefined || ruleSet === undefined) throw new Error('none');
    await hold(lab, 'lb-1');
    await loadRuleSet(lb.host, ruleSet);
    for (const probe of [web, batch]) {
      const from = probe.host.name as Name;
      await speakTo(lab, from, 'lb-1');
      for (const [to, addresses] of [['vip', vip] as const, ['lb-1', hosts['lb-1']] as const]) {
        found.push(...(await tried(probe, { from, to }, addresses)));
        for (const family of families) {
          for (const { port } of services) {
            const verdict = oracle.judge({
              src: assertOk(parseAddress(hosts[from][family])),
              dst: assertOk(parseAddress(addresses[family])),
              service: { protocol: protocolNumbers.tcp, port },
              at,
            }).inbound.verdict;
            judged.push(`${from} ${to} ${family} ${port}: ${verdict === 'allow' ? 'let' : 'kept out'}`);
          }
        }
      }
    }
    expect(found).toEqual(judged);
    // The address counts as the holder's own too.
    const letPass = ['web vip ipv4 443', 'web vip ipv6 443', 'batch vip ipv4 8443', 'batch vip ipv6 8443'];
    expect(found.filter((line) => line.includes(' vip ') && line.endsWith(': let'))).toEqual(
      letPass.map((line) => `${line}: let`),
    );
  } finally {
    await lab.remove();
  }
});
