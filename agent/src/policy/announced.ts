// Follows the control plane where it says it is from now on. An announcement may be wrong, so nothing is given up for it that serves:
//
//   told ──► permitted (essential, beside what is in use) ──► asked ──┬─ nobody serves this host there ─► closed again; asked again later
//                                                                     └─ it would ─► on disk, before the others ──► the stream goes there
//   the stream is there ───────────────► the announced addresses alone, on disk and essential: `followed`
//   it came back to where it was ──────► as before it was told; asked again later
//   withdrawn, or another announced ───► that
//
// Whoever is at an announced address with another CA, or knows nothing of this host, is left out; who does not answer has its place all the
// same, once another one serves. An announcement that is older than the one that was followed last comes from a control plane that was left:
// it is not followed, or two copies could send a host to and fro.

import type { Logger } from 'pino';
import type { Identity } from '#agent/link/identity.ts';
import { systemClock } from '#clock/system-clock.ts';
import { backoffMs } from '#model/backoff.ts';
import type { Result } from '#model/result.ts';
import {
  type ControlPlaneAddress,
  controlPlanesMost,
  controlPlaneText,
  parseControlPlaneAddresses,
} from '#wire/control-plane-address.ts';
import type { Announcement, Following } from '#wire/policy-sync-messages.ts';
import type { NotServed } from './ask-control-plane.ts';

export interface FollowerOptions {
  readonly identity: Pick<Identity, 'addresses' | 'moveTo' | 'followed'>;
  /** These are essential from now on, and no others. Resolves when the table has them. */
  readonly permit: (all: readonly ControlPlaneAddress[]) => Promise<void>;
  readonly ask: (address: ControlPlaneAddress, signal: AbortSignal) => Promise<Result<void, NotServed>>;
  /** Says so to the control plane, and opens the stream to the first address. */
  readonly leave: () => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly times?: Partial<FollowerTimes>;
}

export interface FollowerTimes {
  /** Default 60,000: within it all hosts that are told at once begin. */
  readonly spreadMs: number;
  /** Default 15,000 and 600,000: between tries in vain, doubling. */
  readonly againLeastMs: number;
  readonly againMostMs: number;
}

export interface Announced extends Following {
  readonly addresses: readonly string[];
}

export interface Follower {
  told(announcement: Announcement): void;
  /** There is a stream to the address in use. */
  connected(): void;
  /** Undefined where nothing is announced. */
  standing(): Announced | undefined;
  /** Resolves when the signal aborts. */
  readonly done: Promise<void>;
}

interface Goal {
  readonly number: number;
  readonly texts: readonly string[];
  readonly all: readonly ControlPlaneAddress[];
  /** Not asked before, ms of a clock that only goes forward. */
  dueMs: number;
  failures: number;
  state: Following['state'] | 'refused';
  problem: string;
  /** What shows another CA there, or does not know this host. */
  wrong: ReadonlySet<string>;
  /** The addresses of before the stream went. */
  before: readonly ControlPlaneAddress[];
}

const defaultTimes: FollowerTimes = { spreadMs: 60_000, againLeastMs: 15_000, againMostMs: 600_000 };

/** Starts at once. */
export function createFollower(options: FollowerOptions): Follower {
  const { identity, permit, ask, leave, signal, log } = options;
  const times = { ...defaultTimes, ...options.times };
  const { addresses } = identity;
  let goal: Goal | undefined;
  let wake = new AbortController();
  /** Of the announcement whose stream is there, on disk or not yet. */
  let reached = 0;
  /** One change of the addresses at a time. */
  let turn: Promise<void> = Promise.resolve();

  const usedNow = () => controlPlaneText(addresses.current());

  function told({ number, addresses: texts }: Announcement): void {
    const isThere = goal?.texts.includes(usedNow()) === true;
    if (texts.length === 0) {
      // Where it was followed to, nothing needs to be announced.
      if (goal !== undefined && !isThere) log.info('the announcement of another control plane is withdrawn');
      if (!isThere) goal = undefined;
      return;
    }
    if (goal?.number === number && goal.texts.join() === texts.join()) return;
    goal = goalOf(number, texts);
    if (goal.state === 'not-yet')
      log.info({ addresses: texts }, 'the control plane says that it is somewhere else from now on');
    else if (goal.problem !== '')
      log.warn({ addresses: texts, reason: goal.problem }, 'an announcement is not followed');
    wake.abort();
  }

  function goalOf(number: number, texts: readonly string[]): Goal {
    const parsed = parseControlPlaneAddresses(texts.join());
    const dueMs = systemClock.elapsedMs() + Math.random() * times.spreadMs;
    const made = { number, texts, all: parsed.ok ? parsed.value : [], dueMs, failures: 0, wrong: new Set<string>() };
    const base = { ...made, before: addresses.all() };
    const refused = (problem: string): Goal => ({ ...base, state: 'refused', problem });
    if (!parsed.ok) return refused(parsed.error);
    const followed = Math.max(identity.followed(), reached);
    if (number < followed) return refused('it is older than the announcement that this host followed last');
    if (number > followed) return { ...base, state: 'not-yet', problem: '' };
    if (made.all.map(controlPlaneText).includes(usedNow())) return { ...base, state: 'followed', problem: '' };
    return refused('this host followed it, and was moved elsewhere by hand');
  }

  function failed(one: Goal, problem: string): void {
    one.state = 'not-yet';
    one.problem = problem;
    one.failures += 1;
    const again = { leastMs: times.againLeastMs, mostMs: times.againMostMs };
    one.dueMs = systemClock.elapsedMs() + backoffMs(again, one.failures, Math.random());
    log.warn({ reason: problem }, 'what the control plane announced does not serve this host; it stays where it is');
    wake.abort();
  }

  async function attempt(one: Goal): Promise<void> {
    const isStill = () => goal === one && !signal.aborted;
    const before = addresses.all();
    const own = addresses.current();
    await permit(someOf([...one.all, own, ...before]));
    const answers = await Promise.all(
      one.all.map(async (address) => ({
        address,
        text: controlPlaneText(address),
        answer: controlPlaneText(address) === controlPlaneText(own) ? undefined : await ask(address, signal),
      })),
    );
    if (!isStill()) {
      await permit(addresses.all());
      return;
    }
    const serving = answers.filter(({ answer }) => answer === undefined || answer.ok);
    const problems = answers.flatMap(({ text, answer }) =>
      answer?.ok === false ? [`${text}: ${answer.error.reason}`] : [],
    );
    one.wrong = new Set(
      answers.flatMap(({ text, answer }) => (answer?.ok === false && answer.error.kind === 'wrong' ? [text] : [])),
    );
    one.problem = problems.join('; ');
    const [first] = serving;
    if (first === undefined) {
      await permit(before);
      failed(one, one.problem);
      return;
    }
    if (first.answer === undefined) {
      await confirm(one);
      return;
    }
    const list = someOf([...serving.map(({ address }) => address), own, ...before]);
    const moved = await identity.moveTo(list, identity.followed());
    if (!moved.ok) {
      await permit(before);
      failed(one, moved.error);
      return;
    }
    await permit(list);
    one.before = before;
    one.state = 'leaving';
    log.info(
      { controlPlane: first.text },
      'the control plane at an announced address would serve this host; going there',
    );
    leave();
  }

  async function confirm(one: Goal): Promise<void> {
    const list = one.all.filter((address) => !one.wrong.has(controlPlaneText(address)));
    const moved = await identity.moveTo(list, one.number);
    if (!moved.ok) {
      failed(one, moved.error);
      return;
    }
    await permit(list);
    one.state = 'followed';
    log.info(
      { controlPlanes: list.map(controlPlaneText) },
      'the announced addresses are those of the control plane now',
    );
  }

  async function cameBack(one: Goal): Promise<void> {
    const refusals = addresses
      .standing()
      .flatMap(({ address, problem }) =>
        problem !== undefined && one.texts.includes(address) ? [`${address}: ${problem.reason}`] : [],
      );
    // What could not be written stays as it is, and with it the way there.
    const restored = await identity.moveTo(one.before, identity.followed());
    if (restored.ok) await permit(one.before);
    failed(one, refusals.join('; ') || 'the stream did not stay there');
  }

  function inTurn(work: () => Promise<void>): Promise<void> {
    turn = turn.then(work);
    return turn;
  }

  let broken: (error: unknown) => void = () => undefined;
  const breaks = new Promise<never>((_, reject) => {
    broken = reject;
  });

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const one = goal;
      const waitMs = one?.state === 'not-yet' ? one.dueMs - systemClock.elapsedMs() : undefined;
      if (one !== undefined && waitMs !== undefined && waitMs <= 0) {
        await inTurn(async () => {
          if (goal === one && one.state === 'not-yet') await attempt(one);
        });
        continue;
      }
      wake = new AbortController();
      await systemClock.sleep(Math.min(waitMs ?? longestSleepMs, longestSleepMs), signal, wake.signal);
    }
    await turn;
  }

  return {
    told,
    connected() {
      const one = goal;
      if (one?.state !== 'leaving') return;
      const isThere = one.all.map(controlPlaneText).includes(usedNow());
      // At once: who is there hears of this host, and may announce something else, before anything is on disk.
      if (isThere) reached = Math.max(reached, one.number);
      one.state = 'not-yet';
      one.dueMs = Number.POSITIVE_INFINITY;
      inTurn(() => (isThere ? confirm(one) : cameBack(one))).catch(broken);
    },
    standing() {
      if (goal === undefined) return undefined;
      const { number: announcement, texts, state, problem } = goal;
      return { announcement, addresses: texts, state: state === 'refused' ? 'not-yet' : state, problem };
    },
    done: Promise.race([run(), breaks]),
  };
}

const longestSleepMs = 3_600_000;

/** Each once, and no more than a host tries. */
function someOf(all: readonly ControlPlaneAddress[]): readonly ControlPlaneAddress[] {
  const byText = new Map<string, ControlPlaneAddress>();
  for (const one of all) if (!byText.has(controlPlaneText(one))) byText.set(controlPlaneText(one), one);
  return [...byText.values()].slice(0, controlPlanesMost);
}
