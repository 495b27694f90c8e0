// An nft and a kernel in memory, for what must run thousands of times: takes the words our transactions use, all of a script or
// none of it, and refuses what the kernel would refuse (a name that is not there, one that is still in use, an element that
// contradicts another). Knows nothing of loops between chains or of packets; test/support/trace-script.ts follows those.
// test/agent-core/fake-nft.contract.test.ts holds it to the real one.

import type { Nft } from '#agent/nft/nft.ts';
import { witnessTable } from '#agent-core/table/try-witness.ts';
import { addressValue, parseAddress } from '#model/address.ts';
import { err, ok, type Result } from '#model/result.ts';

export interface FakeChain {
  readonly hook?: string;
  readonly lines: readonly string[];
}

export interface FakeMap {
  readonly kind: 'map' | 'set';
  readonly declaration: string;
  readonly elements: ReadonlyMap<string, string>;
}

/** Never changed once it is seen: a transaction puts another in its place. */
export interface FakeTable {
  readonly chains: ReadonlyMap<string, FakeChain>;
  readonly maps: ReadonlyMap<string, FakeMap>;
  readonly counters: ReadonlySet<string>;
}

export interface FakeNft extends Nft {
  table(): FakeTable | undefined;
}

interface Draft {
  readonly chains: Map<string, FakeChain>;
  readonly maps: Map<string, FakeMap>;
  readonly counters: Set<string>;
}

class Refusal extends Error {}

const name = 'inet segwall';
const missing = 'Could not process rule: No such file or directory';
const busy = 'Could not process rule: Device or resource busy';
const exists = 'Could not process rule: File exists';

export function createFakeNft(): FakeNft {
  let standing: FakeTable | undefined;
  const attempt = (script: string): Result<FakeTable | undefined> => {
    try {
      return ok(played(standing, script));
    } catch (error) {
      if (error instanceof Refusal) return err(error.message);
      throw error;
    }
  };
  return {
    table: () => standing,
    apply: async (script) => {
      const after = attempt(script);
      if (!after.ok) return after;
      standing = after.value;
      return ok(undefined);
    },
    check: async (script) => {
      const after = attempt(script);
      return after.ok ? ok(undefined) : after;
    },
    list: async (args) => {
      const words = args.filter((word) => !word.startsWith('-'));
      if (standing === undefined) return err(missing);
      if (words[1] === 'table') return ok(listing(standing, args.includes('-t') ? 'terse' : 'full'));
      const found = standing.chains.get(words.at(-1) ?? '');
      return words[1] === 'chain' && found !== undefined
        ? ok(`table ${name} {\n${chainText(words.at(-1) ?? '', found)}}\n`)
        : err(missing);
    },
  };
}

function played(before: FakeTable | undefined, script: string): FakeTable | undefined {
  let draft: Draft | undefined = before === undefined ? undefined : copied(before);
  for (const line of script.split('\n')) {
    // A table of ours that stands for as long as a try does holds nothing that judges.
    if (line === '' || line.endsWith(` table ${witnessTable}`)) continue;
    if (line === `add table ${name}`) draft ??= { chains: new Map(), maps: new Map(), counters: new Set() };
    else if (line === `delete table ${name}`) {
      if (draft === undefined) throw new Refusal(missing);
      draft = undefined;
    } else {
      const match = /^(add|flush|delete) (chain|rule|map|set|counter|element) inet segwall (\S+)(?: (.*))?$/.exec(line);
      const [, verb, kind, target, rest = ''] = match ?? [];
      if (verb === undefined || kind === undefined || target === undefined)
        throw new Error(`words the fake does not know: ${line}`);
      if (draft === undefined) throw new Refusal(missing);
      take(draft, { what: `${verb} ${kind}`, target, rest });
    }
  }
  return draft;
}

function copied(table: FakeTable): Draft {
  return { chains: new Map(table.chains), maps: new Map(table.maps), counters: new Set(table.counters) };
}

function take(draft: Draft, line: { readonly what: string; readonly target: string; readonly rest: string }): void {
  const { chains, maps, counters } = draft;
  const { what, target, rest } = line;
  switch (what) {
    case 'add chain':
      if (!chains.has(target)) chains.set(target, { lines: [], ...(rest === '' ? {} : { hook: rest }) });
      return;
    case 'flush chain':
      chains.set(target, { ...known(chains, target), lines: [] });
      return;
    case 'delete chain':
      known(chains, target);
      if (isUsed(draft, new RegExp(`(?:goto|jump) ${target}(?![\\w-])`), target)) throw new Refusal(busy);
      chains.delete(target);
      return;
    case 'add rule': {
      const chain = known(chains, target);
      assertNamesStand(draft, rest);
      chains.set(target, { ...chain, lines: [...chain.lines, rest] });
      return;
    }
    case 'add map':
    case 'add set':
      if (maps.has(target)) {
        if (known(maps, target).kind !== what.slice(4)) throw new Refusal(exists);
      } else maps.set(target, { kind: what === 'add map' ? 'map' : 'set', declaration: rest, elements: new Map() });
      return;
    case 'flush map':
    case 'flush set':
      maps.set(target, { ...known(maps, target), elements: new Map() });
      return;
    case 'delete map':
    case 'delete set':
      known(maps, target);
      if (isUsed(draft, new RegExp(`@${target}(?![\\w-])`))) throw new Refusal(busy);
      maps.delete(target);
      return;
    case 'add counter':
      counters.add(target);
      return;
    case 'delete counter':
      if (!counters.has(target)) throw new Refusal(missing);
      if (isUsed(draft, new RegExp(`counter name ${target}(?![\\w-])`))) throw new Refusal(busy);
      counters.delete(target);
      return;
    case 'add element':
      maps.set(target, withElements(draft, known(maps, target), rest));
      return;
    case 'delete element':
      maps.set(target, withoutElements(known(maps, target), rest));
      return;
    default:
      throw new Error(`words the fake does not know: ${what}`);
  }
}

function known<Value>(from: ReadonlyMap<string, Value>, key: string): Value {
  const found = from.get(key);
  if (found === undefined) throw new Refusal(missing);
  return found;
}

/** A chain does not keep itself in use, its other users do. */
function isUsed({ chains, maps }: Draft, pattern: RegExp, except?: string): boolean {
  return (
    [...chains].some(([chain, { lines }]) => chain !== except && lines.some((rule) => pattern.test(rule))) ||
    [...maps.values()].some(({ elements }) => [...elements.values()].some((value) => pattern.test(value)))
  );
}

function assertNamesStand({ chains, maps, counters }: Draft, words: string): void {
  for (const [, chain = ''] of words.matchAll(/(?:goto|jump) ([\w-]+)/g)) known(chains, chain);
  for (const [, map = ''] of words.matchAll(/@([\w-]+)/g)) known(maps, map);
  for (const [, counter = ''] of words.matchAll(/counter name ([\w-]+)/g))
    if (!counters.has(counter)) throw new Refusal(missing);
}

function withElements(draft: Draft, map: FakeMap, text: string): FakeMap {
  const elements = new Map(map.elements);
  for (const [key, value] of readElements(text)) {
    assertNamesStand(draft, value);
    const before = elements.get(key);
    if (before !== undefined && before !== value) throw new Refusal(exists);
    elements.set(key, value);
  }
  const after = { ...map, elements };
  if (map.declaration.includes('interval')) assertDisjoint(after);
  return after;
}

function withoutElements(map: FakeMap, text: string): FakeMap {
  const elements = new Map(map.elements);
  for (const [key] of readElements(text)) if (!elements.delete(key)) throw new Refusal(missing);
  return { ...map, elements };
}

function assertDisjoint({ elements }: FakeMap): void {
  const spans = [...elements.keys()]
    .map((key) => {
      const [first = '', last = first] = key.split('-');
      return { first: addressOf(first), last: addressOf(last) };
    })
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  for (const [at, span] of spans.entries()) {
    const before = spans[at - 1];
    if (before !== undefined && span.first <= before.last) throw new Refusal('conflicting intervals specified');
  }
}

function addressOf(text: string): bigint {
  const address = parseAddress(text);
  if (!address.ok) throw new Error(`an interval of something else than addresses: ${text}`);
  return addressValue(address.value);
}

function readElements(text: string): readonly (readonly [string, string])[] {
  const inner = /^\{ (.*) \}$/.exec(text)?.[1];
  if (inner === undefined) throw new Error(`elements the fake cannot read: ${text}`);
  return inner.split(', ').map((part) => {
    const at = part.indexOf(' : ');
    return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 3)];
  });
}

function listing(table: FakeTable, detail: 'terse' | 'full'): string {
  const counters = [...table.counters].map((counter) => `\tcounter ${counter} {\n\t}\n`);
  const maps = [...table.maps].map(([map, { kind, declaration, elements }]) => {
    const words = declaration.replace(/^\{ /, '').replace(/ ?\}$/, '');
    const content = [...elements].map(([key, value]) => (value === '' ? key : `${key} : ${value}`)).sort();
    const shown = detail === 'terse' || content.length === 0 ? '' : `\t\telements = { ${content.join(', ')} }\n`;
    return `\t${kind} ${map} {\n\t\t${words}\n${shown}\t}\n`;
  });
  const chains = [...table.chains].map(([chain, content]) => chainText(chain, content));
  return `table ${name} {\n${[...counters, ...maps, ...chains].join('\n')}}\n`;
}

function chainText(chain: string, { hook, lines }: FakeChain): string {
  const shown = [...(hook === undefined ? [] : [hook.slice(2, -2)]), ...lines].map((line) => `\t\t${line}\n`);
  return `\tchain ${chain} {\n${shown.join('')}\t}\n`;
}
