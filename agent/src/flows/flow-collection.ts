// From the kernel to the spool: reads conntrack events and denied sets, has them attributed and aggregated, and spools one batch
// a window. Asks for the progress of the connections it knows, a bounded number a window; lists all of them at the start and after
// an overrun only, since a list walks a hash table of the whole machine.

import { uptime } from 'node:os';
import type { Logger } from 'pino';
import {
  type ConntrackSource,
  type ConntrackSourceOptions,
  enableConntrackAccounting,
  openConntrackSource,
} from '#agent/conntrack/conntrack-source.ts';
import type { NetlinkReader } from '#agent/netlink/read-loop.ts';
import type { FlowSettings } from '#agent/settings/settings.ts';
import type { StateDirectory } from '#agent/state/state-directory.ts';
import type { OpenedAs } from '#agent-core/flows/connection-direction.ts';
import { type Attribution, createFlowAggregation, type ListPurpose } from '#agent-core/flows/flow-window.ts';
import { type DenialCounts, UnrecordedDenials } from '#agent-core/flows/unrecorded-denials.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { DeniedSource } from './denied-source.ts';
import type { FlowSpool } from './flow-spool.ts';

export interface FlowCollection {
  /** Absent where conntrack's events cannot be had: then lists and denied sets are all there is. */
  readonly reader: NetlinkReader | undefined;
  /** What is seen from now on is attributed by the rule set in force now. */
  policyChanged(): void;
  /** Closes windows until the signal aborts, then the last one. */
  run(signal: AbortSignal): Promise<void>;
  counts(): FlowCounts;
  /** Once nothing reads any more. */
  close(): void;
}

/** Since the start. */
export interface FlowCounts {
  readonly events: number;
  readonly overruns: number;
  readonly malformed: number;
  readonly lostRecords: number;
  /** Denied packets that found no room in the kernel's sets. */
  readonly unrecordedDenials: DenialCounts;
}

export interface FlowCollectionOptions {
  readonly settings: FlowSettings;
  readonly marks: MarkLayout;
  readonly spool: FlowSpool;
  readonly state: StateDirectory;
  readonly denied: DeniedSource;
  /** Asked at every window and every change of policy: cheap. */
  readonly attribution: () => Attribution;
  readonly log: Logger;
  /** The kernel took up a TCP connection in its midst. */
  readonly pickedUp?: () => void;
  readonly began?: ConntrackSourceOptions['began'];
  readonly openedAs?: OpenedAs;
  /** A batch is in the spool. */
  readonly spooled: () => void;
}

/** Connections asked for in a window: 2 to 5 ms of CPU. */
const askedPerWindow = 1000;

export async function createFlowCollection(options: FlowCollectionOptions): Promise<FlowCollection> {
  const { settings, spool, log } = options;
  const now = systemClock.wall;
  const aggregation = createFlowAggregation(now(), {
    recordsMost: settings.recordsMost,
    marks: options.marks,
    ...(options.openedAs === undefined ? {} : { openedAs: options.openedAs }),
  });
  const progress = await options.state.readFlowProgress();
  const knownUntil = progress?.seenUntil;
  const isOfThisBoot = knownUntil !== undefined && knownUntil > systemClock.wall() - uptime() * 1000;
  const unrecorded = new UnrecordedDenials(isOfThisBoot ? progress?.unrecorded : undefined);
  let unrecordedDenials: DenialCounts = { inbound: 0, outbound: 0 };
  let lostRecords = 0;
  let reportedOverruns = 0;
  let isListDue = true;
  let purpose: ListPurpose = { kind: 'first', knownUntil };
  let lastProblem = '';

  const opened = openConntrackSource({
    take: (entry) => aggregation.observe(entry, now()),
    overrun: () => {
      isListDue = true;
    },
    ...(options.pickedUp === undefined ? {} : { pickedUp: options.pickedUp }),
    ...(options.began === undefined ? {} : { began: options.began }),
  });
  if (!opened.ok) log.error({ reason: opened.error }, 'flows cannot be observed; enforcement is not affected');
  const source: ConntrackSource | undefined = opened.ok ? opened.value : undefined;
  for (const problem of enableConntrackAccounting()) {
    log.warn({ problem }, 'flows will have no byte counts and no times');
  }

  /** Told once until it changes: a window is short. */
  const tell = (problem: string) => {
    if (problem !== '' && problem !== lastProblem) log.warn({ problem }, 'a part of this window of flows is missing');
    lastProblem = problem;
  };

  async function list(): Promise<string> {
    if (source === undefined) return '';
    aggregation.beginList(purpose);
    const at = now();
    const listed = await source.list((entry) => aggregation.observeListed(entry, at));
    aggregation.endList(listed.ok ? 'whole' : 'broken-off');
    if (!listed.ok) return listed.error;
    purpose = { kind: 'progress' };
    isListDue = false;
    return '';
  }

  async function askForProgress(): Promise<string> {
    if (source === undefined) return '';
    const at = now();
    const asked = await source.ask(aggregation.toAskFor(askedPerWindow), (entry) =>
      aggregation.observeProgress(entry, at),
    );
    return asked.ok ? '' : asked.error;
  }

  async function endWindow(): Promise<void> {
    const problems: string[] = [];
    problems.push(isListDue ? await list() : await askForProgress());
    const denied = await options.denied.readMoved();
    if (!denied.ok) problems.push(denied.error);
    else if (denied.value !== undefined) aggregation.observeDenied(denied.value, now());
    tell(problems.filter((problem) => problem !== '').join('; '));

    const window = aggregation.closeWindow(now());
    const overruns = (source?.counts().overruns ?? 0) - reportedOverruns;
    lostRecords += window.lostRecords;
    const missed = unrecorded.take(options.denied.unrecorded());
    unrecordedDenials = {
      inbound: unrecordedDenials.inbound + missed.inbound,
      outbound: unrecordedDenials.outbound + missed.outbound,
    };
    const lost = {
      overruns,
      records: window.lostRecords,
      deniedInbound: missed.inbound,
      deniedOutbound: missed.outbound,
    };
    if (window.records.length === 0 && Object.values(lost).every((count) => count === 0)) return;
    const { startedAt, endedAt, records } = window;
    const spooled = await spool.append({ startedAt, endedAt, records, lost, unrecorded: unrecorded.known });
    reportedOverruns += overruns;
    if (spooled.ok) options.spooled();
    else log.error({ reason: spooled.error }, 'flows lost: one window');
  }

  return {
    reader: source?.reader,
    policyChanged: () => aggregation.attributeBy(options.attribution()),
    async run(signal) {
      aggregation.attributeBy(options.attribution());
      // What was open before us, before its events mix with those of new connections.
      tell(await list());
      while (!signal.aborted) {
        aggregation.attributeBy(options.attribution());
        // Aborting is how this wait ends early; it has no other reason to reject.
        await systemClock.sleep(settings.windowMs, signal);
        await endWindow();
      }
    },
    counts: () => ({
      ...(source?.counts() ?? { events: 0, overruns: 0, malformed: 0 }),
      lostRecords,
      unrecordedDenials,
    }),
    close: () => source?.close(),
  };
}
