// Durations are measured by a clock that only goes forward. The clock on the wall is set by people, by NTP and by who has the machine: a
// step of it must end no stream, lengthen no lease and open no budget. Who reads it, and who compares with it, stands here with the reason.
// Both clocks and every timer are had through proto/clock, which tests can wind: nobody else asks the runtime.

import { expect, test } from 'vitest';
import { readSources } from './sources.ts';

const told = 'an instant that is told or stored, and measured against nothing';

/** Files that read the clock on the wall. */
const readers: Readonly<Record<string, string>> = {
  'agent/src/status/agent-status.ts':
    'a certificate’s validity is by this clock, which the control plane is told and compares with its own',
  'agent/src/agent.ts': told,
  'agent/src/commands/doctor.ts': 'a certificate’s validity is by this clock',
  'agent/src/commands/move.ts': 'a certificate’s validity is by this clock',
  'agent/src/commands/panic.ts': told,
  'agent/src/link/control-plane-client.ts':
    'grpc-js takes a deadline by this clock, makes it a span at once, and times that by a timer',
  'agent/src/link/control-plane-list.ts': told,
  'agent/src/link/enroll.ts': 'told to the control plane, which compares the two clocks',
  'agent/src/state/event-log.ts': told,
  'agent/src/flows/flow-collection.ts': 'instants of flows, and of the boot, which only this clock knows',
  'agent/src/flows/flow-pipeline.ts': 'a number that grows from one start to the next',
  'agent/src/link/identity.ts': 'a certificate’s validity is by this clock',
  'agent/src/policy/policy-sync.ts': told,
  'agent/src/process/steady-clock.ts': 'where a steady clock begins, and what it writes to disk',
  'agent/src/enforce/tamper-guard.ts': told,
  'control-plane/cli/policy/load-policy.ts': 'rules expire by this clock',
  'control-plane/cli/server/flow-commands.ts': '--since is by this clock',
  'control-plane/cli/server/plan-commands.ts': '--since is by this clock',
  'control-plane/cli/server/policy-files.ts': 'rules expire by this clock',
  'control-plane/src/fleet/flow-retention.ts': 'days that rows are kept outlive the process',
  'control-plane/src/agents/agent-service.ts': 'the clock that is handed on',
  'control-plane/src/server.ts': 'the clock that is handed on',
  'control-plane/src/main.ts': told,
  'agent/src/enforce/policy-clock.ts': 'rules begin and end by this clock',
  'agent/src/table/make.ts': 'rules begin and end by this clock',
};

/** Lines that compare or subtract it, or a clock that is handed on under the name of `now`. */
const comparisons: Readonly<Record<string, readonly [count: number, why: string]>> = {
  'agent/src/link/control-plane-client.ts': [1, 'as above'],
  'agent/src/flows/flow-collection.ts': [1, 'when the machine booted'],
  'agent/src/link/identity.ts': [1, 'a certificate’s validity is by this clock'],
  'agent/src/process/steady-clock.ts': [1, 'where a steady clock begins, and what it writes to disk'],
  'control-plane/src/audit/audit-pruning.ts': [1, 'days that entries are kept outlive the process'],
  'control-plane/src/agents/caller.ts': [2, 'a certificate’s validity is by this clock'],
  'control-plane/src/agents/enrolment-service.ts': [
    2,
    'compares a host’s clock with ours; a certificate’s validity is by this clock',
  ],
  'control-plane/src/fleet/operator-tokens.ts': [
    1,
    'how long until a token’s end, which is by this clock: the timer looks at the clock again',
  ],
  'control-plane/src/pki/enrolments.ts': [1, 'a certificate’s validity is by this clock'],
  'control-plane/src/fleet/flow-retention.ts': [1, 'days that rows are kept outlive the process'],
  'control-plane/src/publish/policy-time.ts': [1, 'rules begin and end by this clock, which is never set back there'],
  'control-plane/src/pki/pki.ts': [2, 'a certificate’s validity is by this clock'],
  'control-plane/src/publish/publication.ts': [1, 'rules begin and end by this clock'],
};

/** Lines that compare or add to what was read from it before and kept under a name; that name's other uses in the file count as well. */
const keptComparisons: Readonly<Record<string, readonly [count: number, why: string]>> = {
  'control-plane/src/api/tokens.ts': [1, 'when a token ends, which is told and stored'],
  'control-plane/src/fleet/announcements.ts': [
    1,
    'numbers of announcements follow this clock, and no host’s word of the far future',
  ],
  'control-plane/src/fleet/certificates-ending.ts': [2, 'a certificate’s validity is by this clock'],
  'control-plane/src/fleet/operator-tokens.ts': [1, 'a token ends by this clock'],
  'control-plane/src/publish/publication.ts': [3, 'rules begin and end by this clock'],
};

/** A clock that only goes forward, under the name of `now`. */
const monotonic = /\bnow = (?:\w+\.)*(?:systemClock|clock)\.elapsedMs\b/;
const wall = String.raw`(?:\b(?:systemClock|clock)\.wall\(\)|(?<!clock\.)\bnow\(\)|#now\(\))`;
const comparison = new RegExp(
  String.raw`${wall} *(?:[-<]|>=?|\+) |[-<>+]=? (?:\w+\.)*(?:this\.)?(?:#?(?:options|parts)\.)?${wall}`,
);
const budget = new RegExp(String.raw`\.(?:take|takeMany|spend)\([^;]*${wall}`);

const keptName = new RegExp(
  String.raw`(?:const|let) (\w+) = (?:millis\()?(?:\w+\.)*(?:this\.)?(?:#?(?:options|parts)\.)?${wall}\)?;`,
  'g',
);
const keptComparison = (name: string) => new RegExp(String.raw`\b${name}\b *(?:[-<]|>=?|\+) |[-<>+]=? \b${name}\b`);

/** Of a source's lines, those that compare what it read from the clock on the wall and kept. */
function keptIn(text: string): readonly string[] {
  const names = new Set([...text.matchAll(keptName)].map(([, name = '']) => name));
  return text.split('\n').filter((line) => [...names].some((name) => keptComparison(name).test(line)));
}

/** What the runtime knows of time, by whichever way it is reached. A socket's `setTimeout` is its own: what it measures is silence on it. */
const runtimeTime =
  /\bDate\.now\b|\bnew Date\(\)|(?<!\bnew )\bDate\(\)|\bperformance\b|\bhrtime\b|(?<![.\w])(?:set|clear)(?:Timeout|Interval)\b|\bAbortSignal\.timeout\b|['"](?:node:)?timers|['"]node:perf_hooks/;

/** Files that ask it all the same. */
const askers: Readonly<Record<string, string>> = {
  'control-plane/src/rpc/agent-listener.ts': 'how busy the event loop is, which only its own record tells',
  'proto/clock/system-clock.ts': 'the clock itself',
  'proto/clock/next-turn.ts': 'the next turn of the event loop, which is no time',
};

const programs = [...(await readSources())].filter(([path]) => /^(agent|control-plane|proto)\//.test(path));
const sources = [...(await readSources())].filter(([path]) => /^(agent\/src|control-plane\/(src|cli))\//.test(path));
const code = (text: string) => text.replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');

test('nobody asks the runtime for the time, or for a timer, but the clock that tests can wind', () => {
  const found = programs.filter(([, text]) => runtimeTime.test(code(text))).map(([path]) => path);
  expect(found.sort()).toEqual(Object.keys(askers).sort());
});

test.each([
  ['const at = Date.now();', true],
  ['told(new Date().toISOString());', true],
  ['setTimeout(done, 5);', true],
  ["import { setTimeout as sleep } from 'node:timers/promises';", true],
  ["import { performance as p } from 'node:perf_hooks';", true],
  ['const { now } = performance;', true],
  ['const until = AbortSignal.timeout(5);', true],
  ['globalThis.performance.now()', true],
  ['server.setTimeout(5);', false],
  ['const ends = new Date(notAfter);', false],
  ['systemClock.after(5, done);', false],
])('whoever asks is seen for what it is: %s', (line, isOne) => {
  expect(runtimeTime.test(line)).toBe(isOne);
});

test('who reads the clock on the wall stands here with the reason, and nobody else', () => {
  const found = sources.filter(([, text]) => /\b(?:systemClock|clock)\.wall\b/.test(code(text))).map(([path]) => path);
  expect(found.sort()).toEqual(Object.keys(readers).sort());
});

test('who compares or subtracts it stands here with the reason, line by line', () => {
  const found = sources.flatMap(([path, text]) => {
    if (monotonic.test(text)) return [];
    const lines = code(text)
      .split('\n')
      .filter((line) => comparison.test(line));
    return lines.length === 0 ? [] : [[path, lines.length]];
  });
  expect(Object.fromEntries(found)).toEqual(
    Object.fromEntries(Object.entries(comparisons).map(([path, [count]]) => [path, count])),
  );
});

test('… and so does who compares what was read before and kept', () => {
  const found = sources.flatMap(([path, text]) => {
    const lines = monotonic.test(text) ? [] : keptIn(code(text));
    return lines.length === 0 ? [] : [[path, lines.length]];
  });
  expect(Object.fromEntries(found)).toEqual(
    Object.fromEntries(Object.entries(keptComparisons).map(([path, [count]]) => [path, count])),
  );
});

test.each([
  ['const at = now();\nif (at - since > quietMs) close();', 1],
  ['const at = systemClock.wall();\nconst leftMs = until - at;', 1],
  ['const at = this.#options.now();\nnote({ at });', 0],
  ['const at = systemClock.elapsedMs();\nif (at - since > quietMs) close();', 0],
])('what is kept is seen for what it is: %j', (text, count) => {
  expect(keptIn(text)).toHaveLength(count);
});

test('no budget is spent by it', () => {
  expect(sources.filter(([, text]) => budget.test(code(text))).map(([path]) => path)).toEqual([]);
});

test.each([
  ['if (at - this.now() > 5)', true],
  ['const waitMs = dueAt - now();', true],
  ['if (systemClock.wall() >= until) return;', true],
  ['if (options.now() - since > quietMs)', true],
  ['const leftMs = deadline - systemClock.elapsedMs();', false],
  ['const note = { at: now(), actor };', false],
])('a line is seen for what it is: %s', (line, isOne) => {
  expect(comparison.test(line)).toBe(isOne);
});
