// The agent's half of the policy stream by itself, its clock wound by the test: months take milliseconds.

import { expect, test } from 'vitest';
import {
  type AgentSync,
  defaultSyncTimes,
  dueAtMs,
  type SyncEffect,
  type SyncEvent,
  startAgentSync,
  stepAgentSync,
} from '#agent-core/sync/agent-sync.ts';
import { ok } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { millis } from '#model/time.ts';

type Event = SyncEvent<never>;
const hourMs = 3_600_000;

function machine() {
  const parts = {
    times: defaultSyncTimes,
    digestOf: (ruleSet: HostRuleSet) => `digest of ${ruleSet.revision}`,
    patched: () => ok(ruleSetOf(0)),
  };
  let elapsedMs = 0;
  let wall = millis(Date.UTC(2026, 0, 1));
  const reading = () => ({ elapsedMs, wall, chance: 0.5, ways: 1, held: undefined, hasEvents: false });
  const first = startAgentSync<never>(parts, reading());
  let state: AgentSync<never> = first.state;
  const effects: SyncEffect[] = [...first.effects];
  const tell = (event: Event) => {
    const step = stepAgentSync(parts, state, event, reading());
    state = step.state;
    effects.push(...step.effects);
  };
  return {
    tell,
    state: () => state,
    taken: () => effects.splice(0),
    heartbeat: () => tell({ kind: 'heard', message: { kind: 'heartbeat', sentAt: wall, takesEvents: true } }),
    stepWall: (ms: number) => {
      wall = millis(wall + ms);
    },
    wind(ms: number, each: () => void = () => undefined) {
      const untilMs = elapsedMs + ms;
      for (let due = dueAtMs(state); due !== undefined && due <= untilMs; due = dueAtMs(state)) {
        wall = millis(wall + due - elapsedMs);
        elapsedMs = due;
        tell({ kind: 'time' });
        each();
      }
      wall = millis(wall + untilMs - elapsedMs);
      elapsedMs = untilMs;
    },
  };
}

function ruleSetOf(revision: number): HostRuleSet {
  return { revision, host: 'web-1', workloads: [], peerSets: new Map() };
}

const kinds = (effects: readonly SyncEffect[]) => effects.map(({ kind }) => kind);
const opened = (effects: readonly SyncEffect[]) => effects.filter(({ kind }) => kind === 'open').length;

test('a control plane that is away for three months is tried all the time, and with at most 170 tries an hour', () => {
  const agent = machine();
  agent.tell({ kind: 'lost', reason: 'refused' });
  agent.taken();
  for (let hour = 0; hour < 24 * 90; hour += 1) {
    agent.wind(hourMs, () => {
      if (agent.state().phase.kind === 'stream') agent.tell({ kind: 'lost', reason: 'refused' });
    });
    const tries = opened(agent.taken());
    expect(tries).toBeGreaterThan(100);
    expect(tries).toBeLessThanOrEqual(170);
  }
});

test('a control plane that falls silent is noticed within its bound, however the clock on the wall is set', () => {
  for (const stepMs of [0, 86_400_000, -86_400_000]) {
    const agent = machine();
    agent.heartbeat();
    agent.stepWall(stepMs);
    agent.wind(defaultSyncTimes.silenceMs - 1);
    expect(agent.state().standing.kind).toBe('connected');
    agent.wind(1);
    expect(agent.state().standing).toMatchObject({ kind: 'not-connected', cause: 'unreached' });
  }
});

test('one rule set is applied at a time, and of those that come meanwhile only the newest', () => {
  const agent = machine();
  agent.heartbeat();
  agent.taken();
  for (const revision of [1, 2, 3])
    agent.tell({ kind: 'heard', message: { kind: 'snapshot', ruleSet: ruleSetOf(revision) } });
  expect(agent.taken()).toEqual([{ kind: 'enforce', ruleSet: ruleSetOf(1) }]);
  agent.tell({ kind: 'applied', revision: 1 });
  expect(agent.taken()).toEqual([
    { kind: 'report' },
    { kind: 'ack', revision: 1 },
    { kind: 'enforce', ruleSet: ruleSetOf(3) },
  ]);
});

test('the next stream waits for an apply under way, and a refusal that was lost with a stream is given again', () => {
  const agent = machine();
  agent.heartbeat();
  agent.tell({ kind: 'heard', message: { kind: 'snapshot', ruleSet: ruleSetOf(1) } });
  agent.tell({ kind: 'renewed' });
  agent.taken();
  agent.wind(hourMs);
  expect(agent.taken()).toEqual([]);
  agent.tell({ kind: 'refused', revision: 1, reason: 'no' });
  expect(kinds(agent.taken())).toEqual(['state', 'open']);
  agent.heartbeat();
  agent.taken();
  agent.tell({ kind: 'heard', message: { kind: 'snapshot', ruleSet: ruleSetOf(1) } });
  expect(agent.taken()).toEqual([{ kind: 'nack', revision: 1, reason: 'no', nack: 'refused' }, { kind: 'report' }]);
});

test('who is told when to come back comes no sooner, whatever addresses come and go', () => {
  const agent = machine();
  agent.tell({ kind: 'lost', reason: 'no room', retryAfterMs: 20_000 });
  agent.taken();
  for (let second = 0; second < 20; second += 1) {
    agent.tell({ kind: 'try-now' });
    agent.wind(999);
  }
  expect(opened(agent.taken())).toBe(0);
  agent.wind(10_100);
  expect(opened(agent.taken())).toBe(1);
});
