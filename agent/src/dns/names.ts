// The domain names of the policy, on this host: hears the answers of its resolvers, asks for exact names itself, and has the table
// follow what they stand for. Learning is no policy: it fills peer sets that rules name, nothing else. An answer that teaches
// something new is held until the table has it, or until a time is up, so that whoever asked can connect at once; where the kernel
// holds nothing, the answer is there first and the table some milliseconds later.
//
//   a question of the host ─► answer source ─► asked questions
//   resolver's answer ──────► answer source ─► asked? ─► dns-message ─┐
//   own look-ups ──────────────────────────────────────────────────────┴► learnt names ─► relearn (enforcer) ─► the answer goes on its way
//                                            every 5 s: what is overdue and has no connection goes ─► relearn ─► epoch
//
// The file in the state directory lets a start know what was known; it is no policy, and a bad one is as good as none.

import { join } from 'node:path';
import type { Logger } from 'pino';
import { runNetlinkLoop } from '#agent/netlink/read-loop.ts';
import type { Nft } from '#agent/nft/nft.ts';
import { createSteadyClock } from '#agent/process/steady-clock.ts';
import type { NameSettings } from '#agent/settings/settings.ts';
import { readIfThere, writeWhole } from '#agent/state/durable-file.ts';
import { isDiskError } from '#agent/state/run-directory.ts';
import { type AnsweredAddress, readDnsAnswer } from '#agent-core/dns/dns-answer.ts';
import { DnsExchanges } from '#agent-core/dns/dns-exchanges.ts';
import { readPacket } from '#agent-core/dns/ip-packet.ts';
import { LearntNames, namesOf } from '#agent-core/dns/learnt-names.ts';
import { type AnswerSource, withAnswerChains } from '#agent-core/table/dns-answer-chains.ts';
import type { Table } from '#agent-core/table/table.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Address } from '#model/address.ts';
import type { Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { chooseAnswerSource, type OpenAnswerSource, openAnswerSource } from './answer-source.ts';
import { createDelayedAnswers } from './delayed-answers.ts';
import { createNameLookups } from './name-lookups.ts';
import { decodeLearntNames, encodeLearntNames } from './names-file.ts';
import { readResolvers } from './resolvers.ts';

/** What the enforcer needs of names, in the order it needs it. */
export interface NamesOfTable {
  /** Before a table is made of a rule set: its names are followed from now on. */
  prepare(ruleSet: HostRuleSet): Promise<void>;
  /** The rule set with the addresses that are known of its names. */
  resolve(ruleSet: HostRuleSet): HostRuleSet;
  /** The table with the chains that show answers. */
  complete(table: Table, ruleSet: HostRuleSet): Table;
}

/**
 * `source`: how answers are seen; `lookups`: not at all, only own look-ups teach; `none`: no policy names a name. `late` answers
 * went on before the table had what they taught. `unasked` answers matched no question of this host, and taught nothing. `unseen`: the kernel handed on answers that nobody here has read.
 */
export interface NamesStatus {
  readonly source: AnswerSource | 'lookups' | 'none';
  readonly resolvers: readonly Address[];
  readonly names: readonly { readonly name: string; readonly addresses: number; readonly lost: number }[];
  readonly questions: number;
  readonly answers: number;
  readonly unasked: number;
  readonly late: number;
  readonly unseen: number;
  readonly lost: number;
  readonly failedLookups: number;
}

export interface Names extends NamesOfTable {
  /** As `resolve`, for whoever makes no table of it. */
  known(ruleSet: HostRuleSet | undefined): HostRuleSet | undefined;
  status(): NamesStatus;
  /** Keeps the table up with what is learnt, until the signal; lets every delayed answer go on at the end. */
  run(options: {
    /** Puts the rule set in force into the kernel again, with what is known now. `refused`: the table is as it was, and it is tried again. */
    readonly relearn: () => Promise<'done' | 'refused'>;
    readonly signal: AbortSignal;
  }): Promise<void>;
  close(): void;
}

export interface NamesOptions {
  readonly settings: NameSettings;
  readonly stateDirectory: string;
  readonly nft: Nft;
  readonly log: Logger;
  /** Which of the addresses some accepted connection of this host is with. */
  readonly liveAmong: (addresses: ReadonlySet<Address>) => Promise<Result<ReadonlySet<Address>>>;
  /** `restore`: a start without network learns nothing and shows no answers. */
  readonly learning: 'on' | 'off';
}

const tickMs = 1000;
/** Where no policy names a name there is nothing to do; the first one that does ends the wait. */
const idleTickMs = 60_000;
const expireEveryMs = 5000;
const resolversEveryMs = 30_000;
const saveAfterMs = 200;
/** What the kernel refused it may take later; each try costs a whole change. */
const relearnAgainMs = 5000;

export function createNames(options: NamesOptions): Names {
  const { settings, log, nft } = options;
  const path = join(options.stateDirectory, 'names');
  const learnt = new LearntNames(settings.bounds);
  const clock = createSteadyClock();
  const exchanges = new DnsExchanges();
  const stopReading = new AbortController();
  let endPause: () => void = () => undefined;
  let resolvers: readonly Address[] = readResolvers(settings.resolvers);
  let source: OpenAnswerSource | undefined;
  let state: 'untried' | 'tried' = 'untried';
  let reading: Promise<void> = Promise.resolve();
  let relearn: (() => Promise<'done' | 'refused'>) | undefined;
  /** What is in the table, and what the table that is being made was made of. */
  let appliedVersion = 0;
  let resolvedVersion = 0;
  /** After a refusal, ms of the monotonic clock. */
  let notBeforeMs = 0;
  /** Other resolvers are to be in the table too. */
  let owesResolvers = false;
  let applying: Promise<void> | undefined;
  const held = createDelayedAnswers(settings);
  let saving: Timer | undefined;
  let writing: Promise<void> = Promise.resolve();
  const counts = { answers: 0, unasked: 0, unseen: 0 };

  const save = async () => {
    saving = undefined;
    try {
      await writeWhole(
        path,
        encodeLearntNames(learnt.entries().map(([name, address, until]) => [name, address, clock.toWall(until)])),
      );
    } catch (error) {
      if (!isDiskError(error)) throw error;
      log.warn({ error }, 'fqdn cache not saved: the next start must learn the addresses again');
    }
  };
  const saveSoon = () => {
    saving ??= systemClock
      .after(saveAfterMs, () => {
        writing = save();
      })
      .unref();
  };

  /** Everything known now goes into the table; one change at a time, each with all that was learnt before it began. */
  const apply = async () => {
    while (relearn !== undefined && isOwed()) {
      const { version } = learnt;
      owesResolvers = false;
      if ((await relearn()) === 'refused') {
        owesResolvers = true;
        notBeforeMs = systemClock.elapsedMs() + relearnAgainMs;
        return;
      }
      appliedVersion = version;
      saveSoon();
      held.applied(version);
    }
  };
  const isOwed = () => owesResolvers || appliedVersion < learnt.version;
  const applySoon = () => {
    if (!isOwed() || systemClock.elapsedMs() < notBeforeMs) return;
    applying ??= apply().finally(() => {
      applying = undefined;
    });
    applying.catch((error: unknown) => log.error({ error }, 'addresses of names could not be loaded into the table'));
  };

  const learn = (answered: readonly AnsweredAddress[]): 'wanted' | 'not-wanted' => {
    const outcome = learnt.learn(answered, clock.now());
    if (outcome === 'wanted') saveSoon();
    applySoon();
    return outcome;
  };

  const take = (bytes: Uint8Array, release: () => void) => {
    const packet = readPacket(bytes);
    const seen = packet && exchanges.see({ packet, resolvers, nowMs: systemClock.elapsedMs() });
    if (seen === undefined) return release();
    counts.answers += 1;
    counts.unasked += seen.unasked;
    const outcomes = seen.answers.map((message) => learn(readDnsAnswer(message)));
    if (!outcomes.includes('wanted') || relearn === undefined || appliedVersion >= learnt.version) return release();
    held.hold(learnt.version, release);
  };

  const openSource = async () => {
    state = 'tried';
    for (const kind of await chooseAnswerSource(nft)) {
      const opened = openAnswerSource(kind, {
        take,
        overrun: () => {
          counts.unseen += 1;
        },
      });
      if (opened.ok) {
        source = opened.value;
        reading = runNetlinkLoop([source.reader], stopReading.signal, 0);
        log.info({ source: kind }, 'reading DNS answers for the names of the policy');
        return;
      }
      log.warn({ source: kind, reason: opened.error }, 'DNS answers cannot be read this way');
    }
    log.warn('DNS answers cannot be read on this kernel: only exact names are learnt, by lookups');
  };

  const prepare = async (ruleSet: HostRuleSet) => {
    const names = namesOf(ruleSet);
    if (names.size > 0 && state === 'untried') {
      state = 'tried';
      learnt.follow(names);
      const stored = await readIfThere(path);
      if (stored !== undefined) learnt.restore(decodeLearntNames(stored), clock.now());
      if (options.learning === 'on') await openSource();
    }
    learnt.follow(names);
    // Looked up at once, those that were not known.
    if (names.size > 0) endPause();
  };

  const expire = async () => {
    const overdue = learnt.overdue(clock.now());
    if (overdue.size === 0) return;
    const live = await options.liveAmong(overdue);
    if (!live.ok) {
      log.warn({ reason: live.error }, 'open connections cannot be read: addresses of names are kept');
      return;
    }
    learnt.expire(live.value, clock.now());
    applySoon();
  };

  const lookups = createNameLookups({ learn });

  return {
    prepare,
    known: (ruleSet) => (ruleSet === undefined ? undefined : learnt.resolve(ruleSet)),
    resolve(ruleSet) {
      resolvedVersion = learnt.version;
      return learnt.resolve(ruleSet);
    },
    complete: (table, ruleSet) =>
      source === undefined ? table : withAnswerChains(table, { ruleSet, source: source.kind, resolvers }),
    status: () => ({
      source: source?.kind ?? (learnt.names.length === 0 ? 'none' : 'lookups'),
      resolvers,
      names: [...learnt.counts()].map(([name, { addresses, lost }]) => ({ name, addresses, lost })),
      questions: exchanges.questions,
      ...counts,
      late: held.late(),
      lost: [...learnt.counts().values()].reduce((sum, { lost }) => sum + lost, 0) + exchanges.lost,
      failedLookups: lookups.failed(),
    }),
    async run({ relearn: given, signal }) {
      relearn = given;
      // The first table was made before anyone could put what was heard meanwhile into it.
      appliedVersion = resolvedVersion;
      applySoon();
      let expiredAt = systemClock.elapsedMs();
      let resolversAt = expiredAt;
      reading.catch(() => undefined);
      while (!signal.aborted) {
        const now = systemClock.elapsedMs();
        if (now - expiredAt >= expireEveryMs) {
          expiredAt = now;
          await expire();
        }
        if (now - resolversAt >= resolversEveryMs) {
          resolversAt = now;
          const found = readResolvers(settings.resolvers);
          if (found.join() !== resolvers.join()) {
            resolvers = found;
            owesResolvers = learnt.names.length > 0;
          }
        }
        applySoon();
        lookups.tick({ names: learnt.names, resolvers, nowMs: now });
        const awake = new AbortController();
        endPause = () => awake.abort();
        await systemClock.sleep(learnt.names.length > 0 ? tickMs : idleTickMs, signal, awake.signal);
      }
      relearn = undefined;
      lookups.close();
      held.letGo();
      stopReading.abort();
      await reading;
      source?.close();
      await writing;
      if (saving === undefined) return;
      saving.cancel();
      await save();
    },
    close() {
      stopReading.abort();
    },
  };
}
