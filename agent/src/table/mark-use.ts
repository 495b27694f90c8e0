// Whether this host's connections are stamped where nothing is denied. A stamp is then worth no more than telling flows apart, and others
// who read the mark may route by it: so none is written while any rule of others uses our bits, unless the settings say otherwise. What
// denies is stamped in any case.

import type { StampSetting } from '#agent/settings/settings.ts';
import type { ForeignFinding } from '#agent-core/host/other-tables.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { MarkUse } from './make.ts';

export interface WatchedMarkUse extends MarkUse {
  /** What is found of others may have changed. */
  look(): void;
  close(): void;
}

/** At a boot, or where a firewall starts anew, others' rules come after us or come again, and to stamp is to sweep what they wrote. */
const othersComeMs = 120_000;

export function createMarkUse(options: {
  readonly setting: StampSetting;
  readonly findings: () => readonly ForeignFinding[];
  /** Another table is due. */
  readonly changed: () => void;
}): WatchedMarkUse {
  const { setting, findings, changed } = options;
  let waiting: Timer | undefined;
  const isUsed = () => findings().some(({ kind }) => kind === 'mark' || kind === 'mark-read');
  const stopWaiting = () => {
    waiting?.cancel();
    waiting = undefined;
  };
  const whileObserving = (): ReturnType<MarkUse['whileObserving']> => {
    if (setting !== 'unless-used') return setting === 'never' ? 'withhold' : 'stamp';
    return waiting !== undefined || isUsed() ? 'withhold' : 'stamp';
  };
  const waitForOthers = () => {
    waiting ??= systemClock
      .after(othersComeMs, () => {
        waiting = undefined;
        look();
      })
      .unref();
  };
  let last = whileObserving();
  let wasUsed = isUsed();
  const look = () => {
    const isUsedNow = isUsed();
    if (isUsedNow) stopWaiting();
    else if (wasUsed) waitForOthers();
    wasUsed = isUsedNow;
    const now = whileObserving();
    if (now === last) return;
    last = now;
    changed();
  };
  return {
    whileObserving() {
      last = whileObserving();
      return last;
    },
    wereLeft() {
      if (!isUsed()) waitForOthers();
    },
    look,
    close: stopWaiting,
  };
}
