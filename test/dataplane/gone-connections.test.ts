// Connections of a host that came back from a reboot: neither conntrack nor any socket knows them any more, and their clients speak on. With the
// policy in force since before they speak, who may use the service is answered with a reset, as without Segwall; who may not hears nothing,
// and nothing is counted as a connection that it tried.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { renderFromNothing } from '#agent-core/change/render-table.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { startTraffic, type Traffic } from './traffic.ts';

const addresses = {
  h1: { ipv4: '10.88.3.1', ipv6: 'fd88:3::1' },
  web: { ipv4: '10.88.3.2', ipv6: 'fd88:3::2' },
  other: { ipv4: '10.88.3.3', ipv6: 'fd88:3::3' },
} as const;
const clients = ['web', 'other'] as const;
const families = ['ipv4', 'ipv6'] as const;
/** By what is there after the reboot. `one` is a listener of one address, which nftables cannot tell from a connected socket. */
const ports = { listening: 7001, nobody: 7002, denied: 7003, one: 7004 } as const;
type Port = keyof typeof ports;

/** As `jailed` in quarantine, which lets web alone use `listening`. */
const policy = (end: 'drop' | 'jailed'): HostPolicy => ({
  addresses: Object.values(addresses.h1),
  inbound: 'enforce',
  outbound: 'enforce',
  peers: { web: Object.values(addresses.web), other: Object.values(addresses.other) },
  allowIn: [`web: tcp/${ports.listening}, tcp/${ports.nobody}, tcp/${ports.one}`, `other: tcp/${ports.denied}`],
  ...(end === 'jailed' ? { quarantine: ['web'] } : {}),
});

/** Who gets the reset; everybody else hears nothing. */
const resets: Readonly<Record<'drop' | 'jailed', readonly `${(typeof clients)[number]} ${Port}`[]>> = {
  drop: ['web listening', 'web nobody', 'other denied'],
  jailed: ['web listening', 'web nobody'],
};

let lab: Lab;
let host: LabHost;
let server: Traffic;
let ends: Readonly<Record<(typeof clients)[number], Traffic>>;

const nft = async (input: string) => {
  const { exitCode, stderr } = await host.exec(['nft', '-f', '-'], { input });
  expect(exitCode, stderr).toBe(0);
};
const listen = async (on: readonly Port[]) => {
  for (const port of on) await server.listen('tcp', ports[port]);
  if (!on.includes('one')) await server.listen('tcp', ports.one, Object.values(addresses.h1));
};

beforeAll(async () => {
  lab = await createLab({ name: 'gone' });
  const [h1, web, other] = await Promise.all([
    lab.addHost({ name: 'h1', ...addresses.h1 }),
    lab.addHost({ name: 'web', ...addresses.web }),
    lab.addHost({ name: 'other', ...addresses.other }),
  ]);
  host = h1;
  ends = { web: startTraffic(web), other: startTraffic(other) };
}, 60_000);
afterEach(async () => {
  await server.kill();
  await nft('flush ruleset');
});
afterAll(async () => {
  for (const name of clients) ends?.[name].stop();
  await lab?.remove();
});

test.each(['drop', 'jailed'] as const)('who may gets its reset, who may not hears nothing (%s)', async (kind) => {
  server = startTraffic(host);
  await listen(['listening', 'nobody', 'denied', 'one']);
  const opened = clients.flatMap((client) =>
    (Object.keys(ports) as Port[]).flatMap((port) =>
      families.map((family) => ({ client, port, family, id: `${kind} ${client} ${port} ${family}` })),
    ),
  );
  for (const { client, port, family, id } of opened)
    await ends[client].open({ id, address: addresses.h1[family], port: ports[port] });
  await waitFor(async () => Object.keys(await server.heard()).length === opened.length, { what: 'all are open' });
  await nft('table inet quiet { chain output { type filter hook output priority -300; policy drop; }; }');
  await server.reset();
  await server.kill();
  await host.exec(['conntrack', '-F']);
  await nft(renderFromNothing(hostRuleSet(policy(kind)), { essentials: [] }));
  await nft('delete table inet quiet');
  server = startTraffic(host);
  await listen(['listening', 'denied']);

  const isReset = ({ client, port }: (typeof opened)[number]) => resets[kind].includes(`${client} ${port}`);
  // Who is to hear nothing speaks first.
  for (const one of [...opened].sort((a, b) => Number(isReset(a)) - Number(isReset(b))))
    await ends[one.client].say(one.id);
  const endings = async () => ({ ...(await ends.web.endings()), ...(await ends.other.endings()) });
  const ids = opened.filter(isReset).map(({ id }) => id);
  const haveEnded = async () => {
    const ended = await endings();
    return ids.every((id) => id in ended);
  };
  await waitFor(haveEnded, {
    what: 'each that is reset',
    explain: async () => JSON.stringify(await endings()),
  });
  const said = Object.entries(await endings()).filter(([id]) => id.startsWith(kind));
  expect(said.sort()).toEqual(ids.map((id) => [id, 'ECONNRESET']).sort());
  for (const set of ['den_in4', 'den_in6'])
    expect((await host.exec(['nft', 'list', 'set', 'inet', 'segwall', set])).stdout).not.toContain('elements');
});
