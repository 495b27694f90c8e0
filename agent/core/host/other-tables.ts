// What in other tables could override ours, read from nft's own listing of them. Their `accept` opens nothing that we deny: each
// base chain has its say. What can: taking packets out of connection tracking or out of the hooks, writing our bits of a connection's
// mark, rewriting addresses where conntrack does not know. And what they deny stays denied, whatever we allow. Nothing of theirs is touched.

import { complement, defaultMarks, type MarkLayout, markLayoutOf, maskText } from '#agent-core/marks/mark-layout.ts';

/**
 * `weakens`: a denial of ours may not hold. `misled`: it reads bits of the connection mark that we write, and may then do another thing than it
 * was made for. `denies`: what we allow may be denied there. `chain` and `rule` are as nft lists them; empty
 * where the finding is the table's.
 */
export interface ForeignFinding {
  readonly effect: 'weakens' | 'misled' | 'denies';
  readonly kind: 'notrack' | 'mark' | 'mark-read' | 'offload' | 'rewrite' | 'bypass' | 'denial' | 'flush' | 'unseen';
  /** "ip filter", or the file or interface that a finding outside nft's tables is about. */
  readonly table: string;
  readonly chain: string;
  readonly rule: string;
  /** What may happen, and what to do. */
  readonly text: string;
}

interface ForeignChain {
  readonly name: string;
  /** "input", "forward", …; absent for chains that others jump to. */
  hook?: string;
  policy?: string;
  readonly rules: string[];
}

interface ForeignTable {
  /** "inet filter". */
  readonly name: string;
  readonly chains: Map<string, ForeignChain>;
}

const ruleLength = 200;
const findingsMost = 64;

/** `listing`: of `nft -s -t -y list table`, for every table but ours. Cost: linear in its lines. */
export function findForeignRules(listing: string, marks: MarkLayout = defaultMarks): readonly ForeignFinding[] {
  const tables = readTables(listing);
  const findings: ForeignFinding[] = [];
  for (const table of tables) {
    for (const chain of table.chains.values()) {
      for (const rule of chain.rules) {
        const place = { table: table.name, chain: chain.name, rule: shortened(rule) };
        const found = weakening(rule, marks);
        if (found !== undefined) findings.push({ effect: 'weakens', ...found, ...place });
        const read = markRead(rule, marks);
        if (read !== undefined) findings.push({ effect: 'misled', ...read, ...place });
      }
    }
    findings.push(...denials(table));
  }
  // What weakens first, then what we break: the list is bounded.
  const order = { weakens: 0, misled: 1, denies: 2 } as const;
  return findings.sort((a, b) => order[a.effect] - order[b.effect]).slice(0, findingsMost);
}

const effects: Readonly<Record<ForeignFinding['effect'], string>> = {
  weakens: 'may override ours',
  misled: 'may be misled by our mark',
  denies: 'may deny what is allowed',
};

/** "may override ours: inet filter, chain raw: udp dport 53 notrack (…)": one line for people. */
export function findingText({ effect, table, chain, rule, text }: ForeignFinding): string {
  const place = [table, chain === '' ? '' : `chain ${chain}`].filter((part) => part !== '').join(', ');
  return `${effects[effect]}: ${place}${rule === '' ? '' : `: ${rule}`} (${text})`;
}

function readTables(listing: string): readonly ForeignTable[] {
  const tables: ForeignTable[] = [];
  let table: ForeignTable | undefined;
  let chain: ForeignChain | undefined;
  for (const line of listing.split('\n')) {
    const tableName = /^table (\S+ \S+) \{/.exec(line)?.[1];
    if (tableName !== undefined) {
      table = { name: tableName, chains: new Map() };
      tables.push(table);
      chain = undefined;
      continue;
    }
    const block = /^\t(chain|flowtable|set|map|counter|quota|limit|ct helper|ct timeout) (\S+) \{/.exec(line);
    if (block !== null) {
      chain = block[1] === 'chain' ? { name: block[2] ?? '', rules: [] } : undefined;
      if (chain !== undefined) table?.chains.set(chain.name, chain);
      continue;
    }
    if (/^\t\}/.test(line)) chain = undefined;
    if (chain === undefined || !line.startsWith('\t\t')) continue;
    const hook = /^\t\ttype \S+ hook (\S+) .*?priority [^;]+;(?: policy (\S+);)?/.exec(line);
    if (hook === null) chain.rules.push(line.trim());
    else {
      chain.hook = hook[1] ?? '';
      chain.policy = hook[2] ?? 'accept';
    }
  }
  return tables;
}

type Weakening = Pick<ForeignFinding, 'kind' | 'text'>;

/** Routing by connection mark, traffic classes and the like: they see our decision and epoch in the bits that are ours. */
function markRead(rule: string, { mask }: MarkLayout): Weakening | undefined {
  const read = (readBits(rule) & mask) >>> 0;
  if (read === 0) return undefined;
  const others = maskText(complement(mask));
  return {
    kind: 'mark-read',
    text: `it reads bits ${maskText(read)} of the connection mark, which are ours and change with each policy; have it read the bits ${others} alone, as in "ct mark and ${others}", or set connections.markMask to bits that it does not read`,
  };
}

/** Bits of the connection mark on which a rule acts: compared, looked up, or put into the packet's mark. What keeps other bits while it writes some acts on none. */
function readBits(rule: string): number {
  if (/\bxt match "connmark"/.test(rule)) return allBits;
  let bits = 0;
  for (const [, mask] of rule.matchAll(
    /(?:\bconnmark match|-m connmark(?: !)? --mark) +(?:! ?)?0x[0-9a-f]+(?:\/(0x[0-9a-f]+))?/g,
  ))
    bits |= mask === undefined ? allBits : Number(mask);
  const restored = /CONNMARK (?:restore|--restore-mark)(.*)/.exec(rule)?.[1];
  if (restored !== undefined) {
    const [, inverted = '', mask] = /\b(?:ctmask|mask) (~?)(0x[0-9a-f]+)/.exec(restored) ?? [];
    bits |= mask === undefined ? allBits : inverted === '' ? Number(mask) : complement(Number(mask));
  }
  const others = rule.replaceAll(/\bct mark set ct mark\b/g, '').replaceAll(/\bct mark set\b/g, '');
  for (const [, mask] of others.matchAll(/\bct mark\b(?: (?:&|and) (0x[0-9a-f]+))?/g))
    bits |= mask === undefined ? allBits : Number(mask);
  return bits >>> 0;
}

function weakening(rule: string, marks: MarkLayout): Weakening | undefined {
  if (/\bnotrack\b|xt target "(NOTRACK|CT)"|-j (NOTRACK|CT --notrack)\b/.test(rule)) {
    return {
      kind: 'notrack',
      text: 'what is not tracked is no connection: it is dropped while anything is enforced, and else passes unjudged',
    };
  }
  if (/\bflow (add|offload) @|xt target "FLOWOFFLOAD"/.test(rule)) {
    return {
      kind: 'offload',
      text: 'offloaded connections pass no hook, so a revoked one goes on until it ends; leave what is enforced out of the flowtable',
    };
  }
  const mark = markWritten(rule, marks);
  if (mark !== undefined) return mark;
  if (/\bip6? (saddr|daddr) set\b|\b(tcp|udp|th) (sport|dport) set\b|xt target "NETMAP"/.test(rule)) {
    return {
      kind: 'rewrite',
      text: 'addresses rewritten without conntrack are judged as whichever stands in the packet then',
    };
  }
  if (/(^|\s)fwd (ip6? )?to\b/.test(rule)) {
    return { kind: 'bypass', text: 'packets forwarded from ingress pass no hook of ours' };
  }
  return undefined;
}

/** Our bits hold the decision and the epoch by which an open connection passes. */
function markWritten(rule: string, marks: MarkLayout): Weakening | undefined {
  const written = writtenBits(rule);
  if (written === undefined) return undefined;
  const theirs = written.bits & marks.mask;
  if (theirs === 0) return undefined;
  const harm =
    written.how === 'whole'
      ? 'the whole mark is overwritten: each packet is judged again, and a value that reads as today’s epoch passes unjudged'
      : written.how === 'unseen'
        ? 'CONNMARK may write our bits of the mark, and what they say then is believed'
        : `our bits ${maskText(theirs >>> 0)} of the mark are written, and what they say then is believed`;
  return { kind: 'mark', text: `${harm}; ${remedy(written, marks)}` };
}

/** Nothing of ours can be given up where all is written, or too much. */
function remedy({ how, bits }: Written, { mask }: MarkLayout): string {
  const move = `have it keep to the bits ${maskText(complement(mask))} of the connection mark`;
  const rest = markLayoutOf((mask & ~bits) >>> 0);
  if (how !== 'some' || !rest.ok) return `${move}, or set connections.markMask to the bits that it leaves alone`;
  return `${move}, or leave it those bits: connections: { markMask: ${maskText(rest.value.mask)} } in agent.yaml`;
}

/** Bits that a rule may change. `unseen`: the listing does not say which. */
interface Written {
  readonly how: 'some' | 'whole' | 'unseen';
  readonly bits: number;
}

const allBits = 0xffff_ffff;

function writtenBits(rule: string): Written | undefined {
  return /\bCONNMARK\b/.test(rule) ? bitsOfConnmark(rule) : bitsOfStatement(rule);
}

/** As iptables prints the target, or as it is given: of `set`, `xset` and `save` the mask says which bits are cleared first. */
function bitsOfConnmark(rule: string): Written | undefined {
  if (/CONNMARK (restore|--restore-mark)/.test(rule)) return undefined;
  const some = (...bits: readonly (string | undefined)[]): Written => ({
    how: 'some',
    bits: bits.reduce((sum, text) => (sum | Number(text ?? 0)) >>> 0, 0),
  });
  const saved = /CONNMARK (?:save|--save-mark) (?:--)?nfmask (0x[0-9a-f]+) (?:--)?ctmask (~?)(0x[0-9a-f]+)/.exec(rule);
  if (saved !== null) {
    const kept = saved[2] === '~' ? complement(Number(saved[3])) : Number(saved[3]);
    return some(saved[1], String(kept));
  }
  const both = /CONNMARK (?:save mask|--save-mark --mask) (0x[0-9a-f]+)/.exec(rule);
  if (both !== null) return some(both[1]);
  const set = /CONNMARK (?:set|xset|--set-x?mark) (0x[0-9a-f]+)\/(0x[0-9a-f]+)/.exec(rule);
  if (set !== null) return some(set[1], set[2]);
  const added = /CONNMARK (?:or|xor|--or-mark|--xor-mark) (0x[0-9a-f]+)/.exec(rule);
  if (added !== null) return some(added[1]);
  const kept = /CONNMARK (?:and|--and-mark) (0x[0-9a-f]+)/.exec(rule);
  if (kept !== null) return some(String(complement(Number(kept[1]))));
  return { how: 'unseen', bits: allBits };
}

function bitsOfStatement(rule: string): Written | undefined {
  const written = /\bct mark set (.+?)(?= (?:accept|drop|return|goto|jump|counter|comment|continue)\b|$)/.exec(
    rule,
  )?.[1];
  if (written === undefined) return undefined;
  const kept = /^ct mark (?:&|and) (0x[0-9a-f]+)(?: (?:\||or|\^|xor) (0x[0-9a-f]+))?$/.exec(written);
  if (kept !== null) return { how: 'some', bits: (complement(Number(kept[1])) | Number(kept[2] ?? 0)) >>> 0 };
  const added = /^ct mark (?:\||or|\^|xor) (0x[0-9a-f]+)$/.exec(written);
  return added === null ? { how: 'whole', bits: allBits } : { how: 'some', bits: Number(added[1]) };
}

/** One finding a base chain: how many of its rules, or of those it leads to, deny. */
function denials({ name, chains }: ForeignTable): readonly ForeignFinding[] {
  const findings: ForeignFinding[] = [];
  for (const base of chains.values()) {
    if (base.hook === undefined) continue;
    const denying = [...reachable(base, chains)].flatMap((chain) => chain.rules.filter((rule) => denies(rule)));
    const [first] = denying;
    if (base.policy !== 'drop' && first === undefined) continue;
    const byPolicy = base.policy === 'drop' ? ['its policy is drop'] : [];
    const byRules = denying.length === 0 ? [] : [`${denying.length} of its rules deny`];
    findings.push({
      effect: 'denies',
      kind: 'denial',
      table: name,
      chain: base.name,
      rule: base.policy === 'drop' || first === undefined ? '' : shortened(first),
      text: `${[...byPolicy, ...byRules].join(', ')} at the ${base.hook} hook; what is allowed here must be allowed there too`,
    });
  }
  return findings;
}

const denies = (rule: string) => /(^|[\s:])(drop|reject)\b|xt target "(DROP|REJECT)"/.test(rule);

/** Verdict maps name chains that a terse listing does not show: then every chain of the table may be meant. */
function reachable(base: ForeignChain, chains: ReadonlyMap<string, ForeignChain>): ReadonlySet<ForeignChain> {
  const found = new Set([base]);
  for (const chain of found) {
    for (const rule of chain.rules) {
      for (const [, target = ''] of rule.matchAll(/\b(?:jump|goto) (\S+?)(?=[,\s}]|$)/g)) {
        const next = chains.get(target);
        if (next !== undefined) found.add(next);
      }
      if (/vmap @/.test(rule)) for (const any of chains.values()) if (any.hook === undefined) found.add(any);
    }
  }
  return found;
}

function shortened(rule: string): string {
  return rule.length <= ruleLength ? rule : `${rule.slice(0, ruleLength - 1)}…`;
}
