// Runs inside a host of the lab: listens to conntrack as the agent does, says "ready", and on each line of standard input
// answers with what it has seen so far: "seen" the events, "list" the table, "ask" one
// by one for what is in it and for one that is not, "sweep EPOCH" after clearing marks.

import { createInterface } from 'node:readline';
import { enableConntrackAccounting, openConntrackSource } from '#agent/conntrack/conntrack-source.ts';
import { sweepMarks } from '#agent/conntrack/mark-sweep.ts';
import { runNetlinkLoop } from '#agent/netlink/read-loop.ts';
import { defaultMarks } from '#agent-core/marks/mark-layout.ts';
import type { ConntrackEntry } from '#agent-core/netlink/conntrack-entry.ts';
import { isQueryable } from '#agent-core/netlink/conntrack-query.ts';

const keptMost = 200;

const problems = enableConntrackAccounting();
let kept: ConntrackEntry[] = [];
let opened = 0;
const source = openConntrackSource({
  take(entry) {
    if (entry.event === 'opened') opened += 1;
    if (kept.length < keptMost) kept.push(entry);
  },
  overrun: () => undefined,
});
if (!source.ok) throw new Error(source.error);
const stop = new AbortController();
const running = runNetlinkLoop([source.value.reader], stop.signal);
const say = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`);
say({ ready: true, problems });

for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = line.split(' ');
  const cpu = process.cpuUsage();
  if (command === 'seen') {
    say({ entries: kept, opened, counts: source.value.counts(), cpuMicros: cpu.user + cpu.system });
    kept = [];
  } else if (command === 'list') {
    const entries: ConntrackEntry[] = [];
    const listed = await source.value.list((entry) => entries.push(entry));
    say({ listed, entries: entries.slice(0, keptMost) });
  } else if (command === 'ask') {
    const known: ConntrackEntry[] = [];
    await source.value.list((entry) => {
      const isLast = known.length < keptMost || entry.family === 'ipv6';
      if (isLast && isQueryable(entry)) known.push(entry);
    });
    const asked: ConntrackEntry[] = [];
    const gone = { ...known[0], clientPort: 1, targetPort: 1 } as ConntrackEntry;
    const outcome = await source.value.ask([gone, ...known], (entry) => asked.push(entry));
    const isComplete = outcome.ok && asked.length === known.length;
    say({ asked: isComplete ? asked : [], outcome });
  } else if (command === 'sweep') {
    say({ swept: await sweepMarks({ bits: defaultMarks.epochMask, but: defaultMarks.stamp(0, Number(argument)) }) });
  } else break;
}
stop.abort();
await running;
source.value.close();
