// What a watched try may be told by: with the control plane out of reach, who on the host or on the way to it can make it look as if our
// own table had denied the agent. Nobody but our table; and nobody can hide that it has.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readControlPlaneDenials } from '#agent/policy/control-plane-denials.ts';
import { tryWatched } from '#agent/policy/watched-try.ts';
import { defaultMarks } from '#agent-core/marks/mark-layout.ts';
import { deniedRoom, deniedSets } from '#agent-core/table/denied-sets.ts';
import type { Address, Family } from '#model/address.ts';
import { normaliseRanges, rangeOf } from '#model/address-range.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { EssentialEntry } from '#model/rule-set.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { tcp, tcpFlags } from '#test/protocols/packets.ts';
import { families, neighbourOwn, own, type ProtocolStage, standUpProtocols } from '#test/protocols/stage.ts';
import { type LineProcess, startLineProcess } from '#test/resilience/line-process.ts';
import { labNft } from '#test/truth/enforcer-stage.ts';
import { addressesFrom, flood, portsUpTo } from './support/spoofer.ts';

const port = 7443;
const root = 0;
const somebody = 1234;
/** Few, so that whoever sprays them all is soon done. */
const ports = { first: 40_000, last: 40_063 };

const toControlPlane: EssentialEntry = {
  name: 'control-plane',
  direction: 'outbound',
  peers: { kind: 'ranges', ranges: normaliseRanges(Object.values(neighbourOwn).map(rangeOf)) },
  services: [{ kind: 'ports', protocol: 'tcp', low: port, high: port }],
  owner: { uid: root },
};

let stage: ProtocolStage;
let essentials: readonly EssentialEntry[] = [];
let asRoot: LineProcess;
let asSomebody: LineProcess;

beforeAll(async () => {
  stage = await standUpProtocols('evidence', () => essentials);
  await inHost(`sysctl -qw net.ipv4.ip_local_port_range='${ports.first} ${ports.last}'`);
  const listener = `require('node:net').createServer((socket) => socket.destroy()).listen(${port}, '::', () => console.log('{}'))`;
  const listening = startLineProcess(stage.neighbour, [process.execPath, '-e', listener], 'greets');
  const as = (uid: number) => startLineProcess(stage.host, [process.execPath, '-e', connector, String(uid)], 'silent');
  asRoot = as(root);
  asSomebody = as(somebody);
  await listening.first;
});
afterEach(async () => {
  const flushes = [...deniedSets.keys()].map((name) => `flush set inet segwall ${name}`);
  await inHost(`nft '${flushes.join('; ')}'`);
});
afterAll(async () => {
  await stage?.remove();
});

/** The control plane's host lets nothing through: the network's fault. */
const network = (state: 'open' | 'cut') =>
  stage.neighbour.exec(['nft', '-f', '-'], {
    input: `table inet cut\ndelete table inet cut\n${state === 'cut' ? 'table inet cut { chain in { type filter hook input priority 0; policy drop; }; }\n' : ''}`,
  });

/** Connects when told, as one user, and answers "ok" or what stood in the way. */
const connector = `
  const [uid] = process.argv.slice(1).map(Number);
  process.setgid(uid); process.setuid(uid);
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const socket = require('node:net').connect(JSON.parse(line));
    const say = (word) => { socket.destroy(); clearTimeout(timer); console.log(JSON.stringify(word)); };
    const timer = setTimeout(say, 300, 'ETIMEDOUT');
    socket.once('connect', () => say('ok')).once('error', ({ code }) => say(code));
  });`;

/** Of a user; one try at a time. */
async function connect(family: Family, uid: number, localPort?: number): Promise<string> {
  const process = uid === root ? asRoot : asSomebody;
  return process.ask<string>({ host: neighbourOwn[family], port, ...(localPort !== undefined && { localPort }) });
}

interface Row {
  readonly what: string;
  /** Whether our table lets the agent through; others it never does. */
  readonly way: 'open' | 'denied' | 'answers denied';
  readonly network: 'open' | 'cut';
  readonly before?: (family: Family) => unknown;
  /** While the try lasts. */
  readonly meanwhile?: (family: Family) => Promise<unknown>;
  readonly expected: 'none' | 'some';
  /** Where the family makes no difference. */
  readonly only?: Family;
}

const othersAsk = async (family: Family) => {
  for (const from of [undefined, ports.first, ports.first + 1]) await connect(family, somebody, from);
};
const { fin, syn, ack, rst } = tcpFlags;
/** All that the control plane could say, from its address to each port that the try may have. */
const spray = (family: Family) => {
  const ends = { source: neighbourOwn[family], target: own[family] };
  for (const flags of [fin | ack, syn | ack, ack, rst, syn])
    for (let to = ports.first; to <= ports.last; to += 1)
      stage.inject('arrive', ends, tcp(port, to, { flags, acknowledgement: 1 }));
};
/** Of what is recorded of one decision. */
const usesUpTheShare = (family: Family) =>
  flood({ target: neighbourOwn[family], sources: [own[family]], ports: portsUpTo(5000) }, stage.leave);
/** The share, and then what denials to so many servers leave. */
const usesUpTheRoom = async (family: Family) => {
  usesUpTheShare(family);
  const servers = addressesFrom('10.80.0.1' as Address, deniedRoom - 1);
  const elements = servers.map((server) => `${own.ipv4} . ${server} . udp . 0x1000`);
  const input = `add element inet segwall den_out4f { ${elements.join(', ')} }\n`;
  // Somebody's own denials have one place already.
  expect((await stage.host.exec(['nft', '-f', '-'], { input })).stderr).toBe('');
};
const rowsOf: readonly Row[] = [
  { what: 'our table denies it', way: 'denied', network: 'open', expected: 'some' },
  { what: 'our table denies its answers', way: 'answers denied', network: 'open', expected: 'some' },
  { what: 'our table denies it, the network too', way: 'denied', network: 'cut', expected: 'some', only: 'ipv4' },
  {
    what: 'our table denies it, and somebody has used up the share of what is recorded',
    way: 'denied',
    network: 'open',
    before: usesUpTheShare,
    expected: 'some',
    only: 'ipv6',
  },
  {
    what: 'our table denies it, and somebody has used up all room for what is recorded',
    way: 'denied',
    network: 'open',
    before: usesUpTheRoom,
    expected: 'some',
    only: 'ipv4',
  },
  { what: 'the network is cut', way: 'open', network: 'cut', expected: 'none', only: 'ipv6' },
  {
    what: 'others are denied the same',
    way: 'open',
    network: 'cut',
    meanwhile: othersAsk,
    expected: 'none',
    only: 'ipv4',
  },
  {
    what: 'others are denied the same, and who cuts the network says all that the control plane could',
    way: 'open',
    network: 'cut',
    async meanwhile(family) {
      const asking = othersAsk(family);
      spray(family);
      await asking;
    },
    expected: 'none',
  },
];

describe.each(families)('of %s: a try to reach the control plane that fails while', (family) => {
  test.each(rowsOf.filter(({ only = family }) => only === family))('$what: denials of ours, $expected', async (row) => {
    essentials = row.way === 'denied' ? [] : [toControlPlane];
    const addresses = [own.ipv4, own.ipv6];
    // Another revision each time, and another way: what the rule grants is nobody's.
    await stage.apply(hostRuleSet({ addresses, inbound: 'enforce', outbound: 'enforce', allowOut: ['any: tcp/1'] }));
    if (row.way === 'answers denied') await denyAnswers();
    await network(row.network);
    await row.before?.(family);
    const nft = labNft(stage.host);
    const way = { port, addresses: Object.values(neighbourOwn) };
    const { denials } = await tryWatched({
      nft,
      way,
      uid: root,
      tryConnect: async (): Promise<Result<void>> => {
        const [tried] = await Promise.all([connect(family, root), row.meanwhile?.(family)]);
        return tried === 'ok' ? ok(undefined) : err(tried);
      },
      denials: () => readControlPlaneDenials({ nft, marks: defaultMarks, clients: new Set(addresses), ...way }),
      signal: new AbortController().signal,
    });
    expect(denials).toBe(row.expected);
    expect(await inHost('nft list tables')).not.toContain('segwall_try');
  });
});

/** A fault of the text: what comes in from the control plane is led to the decision that denies what goes out. */
async function denyAnswers(): Promise<void> {
  const listing = await inHost('nft list table inet segwall');
  const chain = /chain (r_\d+) \{[^}]*jump count_out\n/.exec(listing)?.[1];
  expect(chain).toBeDefined();
  await inHost(`nft insert rule inet segwall input tcp sport ${port} goto ${chain}`);
}

async function inHost(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await stage.host.exec(['sh', '-ec', script]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}
