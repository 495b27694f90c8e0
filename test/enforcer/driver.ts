// Runs the agent's enforcement inside a network namespace, driven line by line: {"do": …} in, one JSON answer each. The test
// process stays outside, where it plays the stranger, the peer and the operator.

import { createInterface } from 'node:readline';
import pino from 'pino';
import { sweepMarks } from '#agent/conntrack/mark-sweep.ts';
import { createEnforcer } from '#agent/enforce/enforcer.ts';
import { createTableGuard } from '#agent/enforce/tamper-guard.ts';
import { runNetlinkLoop } from '#agent/netlink/read-loop.ts';
import { createElementSocket } from '#agent/nft/element-socket.ts';
import { createNft } from '#agent/nft/nft.ts';
import { openTableWatch } from '#agent/nft/notices.ts';
import { readGeneration, readStateRule } from '#agent/nft/state-rule.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { createUnitWatch } from '#agent/units/unit-watch.ts';
import { defaultMarks, markLayoutOf } from '#agent-core/marks/mark-layout.ts';
import { assertOk, err } from '#model/result.ts';
import { type HostPolicy, hostRuleSet } from './rule-sets.ts';

type Command =
  | { readonly do: 'start' }
  | { readonly do: 'apply'; readonly policy: HostPolicy }
  | { readonly do: 'sweep'; readonly current: number }
  | { readonly do: 'counts' }
  | { readonly do: 'units' }
  | { readonly do: 'state-rule' }
  | { readonly do: 'changes' }
  | { readonly do: 'incidents' }
  | { readonly do: 'cpu' };

const [directory = '', cgroups, namedUnits] = process.argv.slice(2);
/** Which bits of the connection mark are ours; empty: the default. */
const markMask = process.env['MARK_MASK'] ?? '';
const marks = markMask === '' ? defaultMarks : assertOk(markLayoutOf(Number(markMask)));
/** As the enforcer's option. */
const mostWalks = process.env['MOST_WALKS'];
/** How many bytes of notices of table changes the kernel keeps for us; empty: the agent's own number. */
const noticeBytes = process.env['NOTICE_BYTES'];
const log = pino({ level: process.env['LOG'] ?? 'silent' }, pino.destination({ dest: 2, sync: true }));
const units = cgroups === undefined ? undefined : createUnitWatch({ root: JSON.parse(cgroups), log });
const elements = createElementSocket();
const enforcer = createEnforcer({
  nft: createNft(),
  stateDirectory: openStateDirectory(directory),
  essentials: () => [],
  log,
  marks,
  ...(mostWalks === undefined ? {} : { mostWalks: Number(mostWalks) }),
  sweepMarks: process.env['SWEEP'] === 'fails' ? async () => err('told to fail') : sweepMarks,
  stateRule: readStateRule,
  generation: readGeneration,
  hearStrangers: async () => {
    await watch.hearAll();
    return guard.state();
  },
  ...(namedUnits === undefined ? {} : { namedUnits: () => new Map(JSON.parse(namedUnits)) }),
  ...(units === undefined ? {} : { units, elements }),
});
const changes: unknown[] = [];
let overruns = 0;
const incidents: unknown[] = [];
const guard = createTableGuard({
  repair: (cause) => enforcer.repair(cause),
  report: (details) => incidents.push(Object.fromEntries(details)),
  log,
  quietMs: 300,
});
const watch = assertOk(
  openTableWatch({
    table: 'segwall',
    isOwn: enforcer.isOwnState,
    isOwnPort: elements.isOwnPort,
    changed(change) {
      changes.push(change);
      guard.changed(change);
    },
    overrun() {
      overruns += 1;
      guard.overrun();
    },
    ...(noticeBytes === undefined ? {} : { receiveBufferBytes: Number(noticeBytes) }),
  }),
);
const stopping = new AbortController();
const loop = runNetlinkLoop([watch.reader], stopping.signal);

async function answer(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'start':
      return enforcer.start();
    case 'apply':
      return enforcer.apply(hostRuleSet(command.policy));
    case 'sweep':
      return sweepMarks({ bits: marks.epochMask, but: marks.stamp(0, command.current) });
    case 'counts':
      return { ...enforcer.counts(), overruns, guard: guard.state() };
    case 'state-rule':
      return readStateRule();
    case 'units':
      return units?.counts();
    case 'changes':
      return changes;
    case 'incidents':
      return incidents;
    case 'cpu':
      return process.cpuUsage();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as Command))}\n`);
}
stopping.abort();
await loop;
watch.close();
