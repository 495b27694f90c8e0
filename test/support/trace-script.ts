// Reads a rendered nftables script and follows one packet through it, as the kernel would: the level between the rule set and
// real packets, fast enough for thousands of random policies. Knows exactly the words our scripts use; any other is an error,
// never a guess.

import { type Address, addressFromValue, addressValue, type Family, familyOf, parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import type { FakeTable } from './fake-nft.ts';

/** The connection as conntrack has it, and the packet's own way through the host. */
export interface TracedPacket {
  readonly hook: 'input' | 'output' | 'forward';
  readonly state: 'new' | 'established' | 'related' | 'invalid' | 'untracked';
  readonly way: 'original' | 'reply';
  readonly client: Address;
  readonly server: Address;
  readonly protocol: number;
  /** The server's port; 0 where the protocol has none. */
  readonly port: number;
  readonly icmpType?: number;
  readonly mark: number;
  readonly isLoopback?: boolean;
  readonly isSyn?: boolean;
  /** The cgroup of its socket as the path that the script's maps name, at the depth it has; absent: no socket to be seen. */
  readonly cgroup?: { readonly path: string; readonly level: number };
}

export interface TraceOutcome {
  readonly verdict: 'accept' | 'drop' | 'reject';
  readonly mark: number;
}

export interface Script {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly maps: ReadonlyMap<string, readonly Element[]>;
}

interface Element {
  readonly key: string;
  readonly value: string;
}

const protocols: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['tcp', 6],
  ['udp', 17],
  ['icmpv6', 58],
  ['sctp', 132],
]);

export function readScript(text: string): Script {
  const chains = new Map<string, string[]>();
  const maps = new Map<string, Element[]>();
  for (const line of text.split('\n')) {
    const rule = /^add rule inet segwall (\S+) (.*)$/.exec(line);
    const chain = /^add chain inet segwall (\S+)/.exec(line);
    const map = /^add (?:map|set) inet segwall (\S+)/.exec(line);
    const elements = /^add element inet segwall (\S+) \{ (.*) \}$/.exec(line);
    if (rule?.[1] !== undefined) {
      const lines = chains.get(rule[1]);
      if (lines === undefined) throw new Error(`rule for a chain that was not added: ${line}`);
      lines.push(rule[2] ?? '');
    } else if (chain?.[1] !== undefined) chains.set(chain[1], []);
    else if (map?.[1] !== undefined) maps.set(map[1], []);
    else if (elements?.[1] !== undefined) maps.get(elements[1])?.push(...readElements(elements[2] ?? ''));
  }
  return { chains, maps };
}

/** What stands in a kernel in memory, to be followed like a script. */
export function scriptOf({ chains, maps }: FakeTable): Script {
  return {
    chains: new Map([...chains].map(([name, { lines }]) => [name, lines])),
    maps: new Map(
      [...maps].map(([name, { elements }]) => [name, [...elements].map(([key, value]) => ({ key, value }))]),
    ),
  };
}

/** A pattern of `eat` at the beginning of what is left, compiled once: some hundred thousand lines are followed. */
const compiled = new Map<string, RegExp>();
function wordsOf({ source }: RegExp): RegExp {
  const known = compiled.get(source) ?? new RegExp(`^(?:${source})(?: |$)`);
  compiled.set(source, known);
  return known;
}

export function trace(script: Script, packet: TracedPacket): TraceOutcome {
  let mark = packet.mark;
  let priority = '0:0';
  const run = (chain: string): TraceOutcome['verdict'] | undefined => {
    const lines = script.chains.get(chain);
    if (lines === undefined) throw new Error(`jump to a chain that is not there: ${chain}`);
    for (const line of lines) {
      const outcome = follow(line);
      if (outcome === 'next') continue;
      return outcome;
    }
    return undefined;
  };

  /** 'next': the rule did not match, or matched and goes on. */
  const follow = (line: string): TraceOutcome['verdict'] | undefined | 'next' => {
    let rest = line;
    const eat = (pattern: RegExp): RegExpExecArray | undefined => {
      const match = wordsOf(pattern).exec(rest);
      if (match === null) return undefined;
      rest = rest.slice(match[0].length);
      return match;
    };
    const goTo = (target: string | undefined): TraceOutcome['verdict'] | undefined | 'next' => {
      if (target === undefined) return 'next';
      const words = target.split(' ');
      if (words[0] === 'goto' && words[1] !== undefined) return run(words[1]);
      if (words[0] === 'jump' && words[1] !== undefined) return run(words[1]) ?? 'next';
      throw new Error(`a verdict the tracer does not know: ${target}`);
    };
    while (rest !== '') {
      let match = eat(/ct state ([a-z,]+)/);
      if (match !== undefined) {
        if (!(match[1] ?? '').split(',').includes(packet.state)) return 'next';
        continue;
      }
      if (eat(/ct state != new/) !== undefined) {
        if (packet.state === 'new') return 'next';
        continue;
      }
      match = eat(/ct mark and (0x[0-9a-f]+) == (0x[0-9a-f]+|0)/);
      if (match !== undefined) {
        if ((mark & Number(match[1])) >>> 0 !== Number(match[2])) return 'next';
        continue;
      }
      match = eat(/ct mark and (0x[0-9a-f]+) != 0/);
      if (match !== undefined) {
        if ((mark & Number(match[1])) >>> 0 === 0) return 'next';
        continue;
      }
      // The tracer's packets are sent where they were meant to go.
      if (eat(/ct status ! dnat/) !== undefined) continue;
      if (eat(/ct status dnat/) !== undefined) return 'next';
      // And they come from where their senders are.
      if (eat(/fib saddr \. iif oif missing/) !== undefined) return 'next';
      match = eat(/(iif|oif) != 0/);
      if (match !== undefined) {
        if (packet.hook === (match[1] === 'iif' ? 'output' : 'input')) return 'next';
        continue;
      }
      if (eat(/return/) !== undefined) return undefined;
      // Nothing was denied before: no connection has its place among the denied, and no source is over its share.
      if (eat(/ct original ip6? saddr \. [^@]* @seen_\S+/) !== undefined) return 'next';
      if (eat(/update @share_\S+ \{ [^}]* \}/) !== undefined) return 'next';
      match = eat(/ct mark set ct mark and (0x[0-9a-f]+) or (0x[0-9a-f]+)/);
      if (match !== undefined) {
        mark = ((mark & Number(match[1])) | Number(match[2])) >>> 0;
        continue;
      }
      match = eat(/ct mark and (0x[0-9a-f]+) vmap @(\S+)/);
      if (match !== undefined) {
        const decided = (mark & Number(match[1])) >>> 0;
        return goTo(script.maps.get(match[2] ?? '')?.find(({ key }) => Number(key) === decided)?.value);
      }
      match = eat(/socket cgroupv2 level (\d+) vmap @(\S+)/);
      if (match !== undefined) {
        const { path, level } = packet.cgroup ?? { path: '', level: -1 };
        if (level !== Number(match[1])) return 'next';
        return goTo(script.maps.get(match[2] ?? '')?.find(({ key }) => key === `"${path}"`)?.value);
      }
      match = eat(/(iif|oif) "lo"/);
      if (match !== undefined) {
        if (packet.isLoopback !== true) return 'next';
        continue;
      }
      if (eat(/tcp flags & \(fin\|syn\|rst\|ack\) != syn/) !== undefined) {
        if (packet.protocol !== 6 || packet.isSyn !== false) return 'next';
        continue;
      }
      match = eat(/ct direction (original|reply)/);
      if (match !== undefined) {
        if (match[1] !== packet.way) return 'next';
        continue;
      }
      match = eat(/meta nfproto (ipv4|ipv6)/);
      if (match !== undefined) {
        if (match[1] !== familyOf(packet.client)) return 'next';
        continue;
      }
      match = eat(/meta priority vmap @(\S+)/);
      if (match !== undefined) {
        const elements = script.maps.get(match[1] ?? '') ?? fail(line);
        return goTo(elements.find(({ key }) => key === priority)?.value);
      }
      const takesTag = eat(/meta priority set/) !== undefined;
      match = eat(/(ip6?) (saddr|daddr)|(ct original|ct reply) (ip6?) saddr/);
      if (match !== undefined) {
        const family: Family = (match[1] ?? match[4]) === 'ip' ? 'ipv4' : 'ipv6';
        if (family !== familyOf(packet.client)) return 'next';
        const isClient =
          match[3] === undefined ? (match[2] === 'saddr') === (packet.way === 'original') : match[3] === 'ct original';
        const whole = isClient ? packet.client : packet.server;
        const mask = eat(/and ([0-9a-f.:]+)/)?.[1];
        const address = mask === undefined ? whole : masked(whole, mask);
        const tags = takesTag ? (eat(/map @(\S+)/) ?? fail(line)) : undefined;
        const named = eat(/vmap @(\S+)/);
        const set = tags ?? named ?? eat(/@(\S+)/);
        const elements =
          set === undefined
            ? readElements((eat(/\{ ([^}]*) \}/) ?? eat(/([0-9a-f.:]+(?:-[0-9a-f.:]+)?)/))?.[1] ?? fail(line))
            : script.maps.get(set[1] ?? '');
        if (elements === undefined) throw new Error(`look-up in a map that is not there: ${line}`);
        const hit = elements.find(({ key }) => addressKeyHolds(key, address));
        if (named !== undefined) {
          if (hit !== undefined) return goTo(hit.value);
          return 'next';
        }
        if (hit === undefined) return 'next';
        if (tags !== undefined) priority = hit.value;
        continue;
      }
      if (eat(/meta l4proto \. th dport/) !== undefined) {
        const elements = readElements(eat(/vmap \{ ([^}]*) \}/)?.[1] ?? fail(line));
        const hit = elements.find(({ key }) => {
          const [name = '', port] = key.split(' . ');
          return protocols.get(name) === packet.protocol && Number(port) === packet.port;
        });
        if (hit === undefined) return 'next';
        return goTo(hit.value);
      }
      match = eat(/(meta l4proto|ct protocol) (!= )?\{ ([^}]*) \}/);
      if (match !== undefined) {
        const isIn = (match[3] ?? '').split(', ').some((name) => protocols.get(name) === packet.protocol);
        if (isIn === (match[2] !== undefined)) return 'next';
        continue;
      }
      match = eat(/th dport (\d+(?:-\d+)?)/);
      if (match !== undefined) {
        if (!numberKeyHolds(match[1] ?? '', packet.port)) return 'next';
        continue;
      }
      if (eat(/ct state != related/) !== undefined) {
        if (packet.state === 'related') return 'next';
        continue;
      }
      match = eat(/(?:ct protocol|meta l4proto) ([a-z0-9-]+)/);
      if (match !== undefined) {
        if (!numberKeyHolds(match[1] ?? '', packet.protocol)) return 'next';
        continue;
      }
      // The tracer's packets are requests and answers, never errors.
      if (eat(/icmp(?:v6)? type destination-unreachable icmp(?:v6)? code admin-prohibited/) !== undefined)
        return 'next';
      match = eat(/ct reply proto-src|icmp type|icmpv6 type/);
      if (match !== undefined) {
        const value = match[0].startsWith('ct') ? packet.port : seenType(packet);
        const wanted = match[0].startsWith('icmpv6') ? 58 : 1;
        if (!match[0].startsWith('ct') && packet.protocol !== wanted) return 'next';
        const inSet = eat(/\{ ([^}]*) \}/);
        if (inSet !== undefined) return 'next';
        const range = eat(/\d+-\d+/);
        if (range !== undefined) {
          if (!numberKeyHolds(range[0].trim(), value)) return 'next';
          continue;
        }
        const hit = readElements(eat(/vmap \{ ([^}]*) \}/)?.[1] ?? fail(line)).find(({ key }) =>
          numberKeyHolds(key, value),
        );
        if (hit === undefined) return 'next';
        return goTo(hit.value);
      }
      if (eat(/udp sport \d+ udp dport \d+/) !== undefined) return 'next';
      if (eat(/(?:add|update) @\S+ \{ [^}]* \}/) !== undefined) continue;
      if (eat(/counter name \S+|counter comment .*/) !== undefined) continue;
      match = eat(/(goto|jump) (\S+)/);
      if (match !== undefined) {
        const outcome = run(match[2] ?? '');
        if (match[1] === 'goto' || outcome !== undefined) return outcome;
        continue;
      }
      match = eat(/accept|drop|reject with icmpx type admin-prohibited/);
      if (match !== undefined)
        return match[0].startsWith('reject') ? 'reject' : match[0].trim() === 'accept' ? 'accept' : 'drop';
      fail(`${line} (at: ${rest})`);
    }
    return 'next';
  };
  return { verdict: run(packet.hook) ?? 'accept', mark };
}

/** A reply to an ICMP request carries the answering type. */
function seenType({ icmpType = 0, protocol, way }: TracedPacket): number {
  if (way === 'original') return icmpType;
  if (protocol === 58) return icmpType === 128 ? 129 : 140;
  return icmpType === 8 ? 0 : icmpType + 1;
}

function readElements(text: string): readonly Element[] {
  return text.split(', ').map((part) => {
    const at = part.indexOf(' : ');
    return at < 0 ? { key: part, value: '' } : { key: part.slice(0, at), value: part.slice(at + 3) };
  });
}

function masked(address: Address, mask: string): Address {
  const bits = addressValue(assertOk(parseAddress(mask)));
  return addressFromValue(familyOf(address), addressValue(address) & bits);
}

function addressKeyHolds(key: string, address: Address): boolean {
  const [first = '', last = first] = key.split('-');
  const [low, high] = [first, last].map((text) => assertOk(parseAddress(text)));
  if (low === undefined || high === undefined || familyOf(low) !== familyOf(address)) return false;
  const value = addressValue(address);
  return addressValue(low) <= value && value <= addressValue(high);
}

function numberKeyHolds(key: string, value: number): boolean {
  const named = protocols.get(key);
  if (named !== undefined) return named === value;
  const [low = '', high = low] = key.split('-');
  return Number(low) <= value && value <= Number(high);
}

function fail(line: string): never {
  throw new Error(`words the tracer does not know: ${line}`);
}
