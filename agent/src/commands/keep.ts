// `segwall-agent keep`: what removing the package runs, once the agent is stopped. Writes the rules in force as one nft script that a unit of
// the host loads at every boot, and tries it first as a boot would load it. Changes the kernel only
// where rules have a time, which nobody keeps any more.

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readDhcpUsers } from '#agent/host/dhcp-users.ts';
import { nftOfEmptyNamespace } from '#agent/host/empty-namespace.ts';
import { createNft, type Nft } from '#agent/nft/nft.ts';
import { explainRefusal } from '#agent/nft/nft-refusal.ts';
import { CommandError } from '#agent/process/command-error.ts';
import { writeWhole } from '#agent/state/durable-file.ts';
import type { LastGoodRecord } from '#agent/state/last-good-codec.ts';
import { openLastGoodStore } from '#agent/state/last-good-store.ts';
import { openPanicFlag } from '#agent/state/panic-flag.ts';
import { diskErrorText, isDiskError } from '#agent/state/run-directory.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { digestOf, listingFlags } from '#agent/table/loader.ts';
import { readUnitDropIns } from '#agent/units/unit-drop-ins.ts';
import { keptListing, keptScript, leftBehind } from '#agent-core/change/kept-rules.ts';
import { noRoomText } from '#agent-core/change/render-table.ts';
import { defaultMarks, markLayoutOf } from '#agent-core/marks/mark-layout.ts';
import { tableName } from '#agent-core/table/table.ts';

/** In the state directory. */
export const keptRulesFile = 'kept-rules.nft';

export async function keepCommand({ state }: { readonly state: string }): Promise<void> {
  const nft = createNft();
  const listed = await nft.list([...listingFlags, 'list', 'table', ...tableName.split(' ')]);
  forgetKept(state);
  const panic = existsSync(state) ? openPanicFlag(state).read() : undefined;
  if (panic !== undefined)
    return say('this host was opened with segwall-agent panic: no rules are kept, and it stays open');
  const stored = existsSync(state)
    ? await openLastGoodStore(openStateDirectory(state)).read()
    : { kind: 'none' as const };
  if (stored.kind === 'found') return keep(state, keptOf(stored.record), { nft, stands: listed.ok });
  if (!listed.ok) return say('there are no rules on this host: it is open, and stays open');
  const script = keptListing(listed.value);
  return keep(state, { script, remarks: [], isToLoadNow: false }, { nft, stands: true });
}

/** What an earlier call wrote must not pass for what holds now. */
function forgetKept(state: string): void {
  try {
    rmSync(join(state, keptRulesFile), { force: true });
  } catch (error) {
    // Who may not even look says nothing about the host.
    if (!isDiskError(error) || (error as NodeJS.ErrnoException).code === 'EACCES') throw error;
    throw cannotHold(`${state} cannot be written (${diskErrorText(error)})`);
  }
}

interface Kept {
  readonly script: string;
  /** What does not hold by itself, a line each. */
  readonly remarks: readonly string[];
  /** What stands in the kernel grants more than may last without an agent. */
  readonly isToLoadNow: boolean;
}

function keptOf({ ruleSet, essentials, numbering, epoch, markMask, unswept }: LastGoodRecord): Kept {
  const layout = markLayoutOf(markMask);
  const marks = layout.ok ? layout.value : defaultMarks;
  const namedUnits = readUnitDropIns();
  const script = keptScript({
    ruleSet,
    essentials,
    numbering,
    epoch,
    marks,
    whileObserving: unswept === undefined ? 'stamp' : 'withhold',
    namedUnits,
    dhcpUsers: readDhcpUsers(),
    digestOf,
  });
  if (script === undefined) throw cannotHold(noRoomText(marks));
  const { units, names, timed } = leftBehind(ruleSet, namedUnits);
  return {
    script,
    isToLoadNow: timed.length > 0,
    remarks: [
      ...(units.length === 0
        ? []
        : [
            `without an agent these units are under the host’s own rules from their next start on: ${units.join(', ')}`,
          ]),
      ...(names.length === 0
        ? []
        : [`without an agent these domain names stand for no address after a reboot: ${names.join(', ')}`]),
      ...(timed.length === 0
        ? []
        : [
            `without an agent nobody ends rules or turns their hours, so these grant nothing from now on: ${timed.join(', ')}`,
          ]),
    ],
  };
}

async function keep(
  state: string,
  { script, remarks, isToLoadNow }: Kept,
  kernel: { readonly nft: Nft; readonly stands: boolean },
): Promise<void> {
  const empty = await nftOfEmptyNamespace();
  const tried = await (empty === undefined ? kernel.nft.check(script) : empty.apply(script));
  if (!tried.ok) throw cannotHold(`nft refuses them as a boot would load them: ${explainRefusal(tried.error)}`);
  try {
    await writeWhole(join(state, keptRulesFile), Buffer.from(script));
  } catch (error) {
    if (!isDiskError(error)) throw error;
    throw cannotHold(`${state} cannot be written (${diskErrorText(error)})`);
  }
  if (isToLoadNow && kernel.stands) {
    const loaded = await kernel.nft.apply(script);
    if (!loaded.ok) throw cannotHold(`nft refuses them: ${explainRefusal(loaded.error)}`);
  }
  say('this host keeps the rules it has now, also after a reboot');
  if (!kernel.stands) say('no rules are in the kernel now: the kept ones hold from the next boot on');
  for (const remark of remarks) say(remark);
}

function cannotHold(why: string): CommandError {
  return new CommandError({
    code: 'rules-not-kept',
    message: `the rules hold until the next reboot, and the host is open after it: ${why}`,
  });
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
