// Looks at the tables of others for what could override ours: at the start, and some time after they changed. Reads only. What it finds
// is told in the log when it appears and is in the status as long as it stands.

import { readFileSync, statSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Nft } from '#agent/nft/nft.ts';
import { type ForeignFinding, findForeignRules, findingText } from '#agent-core/host/other-tables.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { tableName } from '#agent-core/table/table.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';

export interface ForeignWatch {
  findings(): readonly ForeignFinding[];
  /** Somebody changed a table of their own. */
  changed(): void;
  /** Looks now. */
  look(): Promise<void>;
  close(): void;
}

/**
 * Proxies of clusters rewrite thousands of rules every few seconds, and listing them costs CPU: a twentieth of the time at the most, and
 * whatever it costs once a minute, since others' rules may route by marks that we write (mark-use.ts).
 */
const settleMs = 2000;
const apartMostMs = 60_000;
const apartTimes = 20;

export function createForeignWatch(options: {
  readonly nft: Nft;
  readonly marks: MarkLayout;
  readonly log: Logger;
  /** The findings became others. */
  readonly told?: () => void;
  /** Another root is a test's. */
  readonly root?: string;
}): ForeignWatch {
  const { nft, marks, log, root = '/' } = options;
  let findings: readonly ForeignFinding[] = [];
  let lastLookAt = Number.NEGATIVE_INFINITY;
  let lookTookMs = 0;
  let waiting: Timer | undefined;
  let hasFailed = false;

  const look = async (): Promise<void> => {
    waiting?.cancel();
    waiting = undefined;
    lastLookAt = systemClock.elapsedMs();
    const listing = await listOthers(nft);
    lookTookMs = systemClock.elapsedMs() - lastLookAt;
    if (listing === undefined) {
      if (!hasFailed) log.warn('other tables could not be listed: unknown whether they override ours');
      hasFailed = true;
      return;
    }
    hasFailed = false;
    const before = new Set(findings.map(findingText));
    const now = [...findOutside(root), ...findForeignRules(listing, marks)];
    findings = now;
    const news = now.filter((finding) => !before.has(findingText(finding)));
    for (const finding of news) {
      const { table, chain, rule, kind } = finding;
      const level = finding.effect === 'denies' ? 'info' : 'warn';
      log[level]({ kind, table, chain, rule }, findingText(finding));
    }
    if (news.length > 0 || now.length !== before.size) options.told?.();
  };

  return {
    findings: () => findings,
    changed() {
      const apartMs = Math.min(apartMostMs, lookTookMs * apartTimes);
      const waitMs = Math.max(settleMs, lastLookAt + apartMs - systemClock.elapsedMs());
      waiting ??= systemClock.after(waitMs, () => void look()).unref();
    },
    look,
    close: () => waiting?.cancel(),
  };
}

/** Every table but ours; undefined where nft fails. A table that goes meanwhile is left out. */
async function listOthers(nft: Nft): Promise<string | undefined> {
  const tables = await nft.list(['list', 'tables']);
  if (!tables.ok) return undefined;
  const others = [...tables.value.matchAll(/^table (\S+ \S+)$/gm)].map(([, name = '']) => name);
  const listings: string[] = [];
  for (const name of others) {
    if (name === tableName) continue;
    const listing = await nft.list(['-s', '-t', '-y', 'list', 'table', ...name.split(' ')]);
    if (listing.ok) listings.push(listing.value);
  }
  return listings.join('');
}

const rulesetFiles = ['etc/nftables.conf', 'etc/sysconfig/nftables.conf'];
const enabledService = 'etc/systemd/system/sysinit.target.wants/nftables.service';

/** What is not in nft's tables: a service that empties them all, and the older iptables, whose rules nft cannot see. */
function findOutside(root: string): readonly ForeignFinding[] {
  const findings: ForeignFinding[] = [];
  for (const file of rulesetFiles) {
    if (!/^\s*flush ruleset/m.test(textOf(root + file)) || !exists(root + enabledService)) continue;
    findings.push({
      effect: 'weakens',
      kind: 'flush',
      table: `/${file}`,
      chain: '',
      rule: 'flush ruleset',
      text: 'nftables.service takes our table away when it starts again, until the agent puts it back; let it flush its own tables only',
    });
  }
  for (const family of ['ip', 'ip6']) {
    const names = textOf(`${root}proc/net/${family}_tables_names`)
      .split('\n')
      .filter((name) => name !== '');
    if (names.length === 0) continue;
    if (
      /^connmark$/im.test(
        textOf(`${root}proc/net/${family}_tables_matches`) + textOf(`${root}proc/net/${family}_tables_targets`),
      )
    )
      findings.push({
        effect: 'misled',
        kind: 'mark-read',
        table: `${family}tables-legacy`,
        chain: '',
        rule: names.join(', '),
        text: 'rules of the older iptables are in use, which cannot be looked into here, and what reads and writes connection marks in them is loaded; if none does, say connections: { stampWhileObserving: always } in agent.yaml',
      });
    findings.push({
      effect: 'denies',
      kind: 'unseen',
      table: `${family}tables-legacy`,
      chain: '',
      rule: names.join(', '),
      text: 'rules of the older iptables are in use, which cannot be looked into here',
    });
  }
  return findings;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
