// From a policy's files to its being in force, with the long parts of it where they hold up no agent: judged on a thread, taken back in parts,
// compiled beside the policy in force, and only then given its turn among the changes. The world goes on meanwhile; what it is judged against
// is the fleet and the active policy as they were when its judging began. No other operator's change of policy comes in between (PolicyTurns); a
// canary's promotion may. So in its turn it is compared once more: where another policy came into force, or a host took one of its names, all of it is
// done again, for as often as `mostRounds` says.

import type { Overtaken } from '#control-plane/fleet/activation.ts';
import type { Fleet } from '#control-plane/fleet/fleet.ts';
import { goneError } from '#control-plane/judging/gone.ts';
import type { AskedBy, Judging, Reviewed } from '#control-plane/judging/judging.ts';
import type { ReviewJob } from '#control-plane/judging/judging-protocol.ts';
import { readPolicyParts } from '#control-plane/judging/policy-parts.ts';
import type { PolicyTurns } from '#control-plane/judging/policy-turns.ts';
import type { PreparedPolicy } from '#control-plane/publish/prepared-policy.ts';
import type { Result } from '#model/result.ts';
import type { Policy } from '#policy/policy/policy.ts';
import { ApiError } from '../answers/api-error.ts';

const mostRounds = 3;

export interface JudgedPolicy extends Omit<Reviewed, 'kind' | 'parts'> {
  readonly policy: Policy;
  /** Absent where it is not to come into force now. */
  readonly prepared?: PreparedPolicy;
}

export interface ChangeParts {
  readonly fleet: Pick<Fleet, 'active' | 'prepare'>;
  readonly judging: Pick<Judging, 'review'>;
  readonly turns: Pick<PolicyTurns, 'run'>;
}

interface Change<Done, Refused extends string> {
  readonly job: ReviewJob;
  readonly by: AskedBy;
  /** Throws where it need not be judged at all; asked before each round. */
  readonly assertWanted: () => Promise<void>;
  /** Those it is prepared for; default all. */
  readonly hosts?: () => readonly string[];
  /** Gives `overtaken` where it is to be judged again. */
  readonly publish: (judged: JudgedPolicy) => Promise<Result<Done, Refused | Overtaken>>;
}

export function judgedChange<Done, Refused extends string>(
  parts: ChangeParts,
  change: Change<Done, Refused>,
): Promise<Result<Done, Exclude<Refused, Overtaken>>> {
  return parts.turns.run(change.by, () => inTurn(parts, change));
}

async function inTurn<Done, Refused extends string>(
  { fleet, judging }: Omit<ChangeParts, 'turns'>,
  change: Change<Done, Refused>,
): Promise<Result<Done, Exclude<Refused, Overtaken>>> {
  const { job, by, assertWanted, hosts, publish } = change;
  for (let round = 1; round <= mostRounds; round += 1) {
    await assertWanted();
    const { kind: _, parts, ...reviewed } = await judging.review(job, by);
    if (reviewed.beside !== fleet.active.revision) continue;
    const ready = isInForce(fleet, reviewed)
      ? await inForceFor(fleet, hosts?.())
      : await readied(fleet, parts, hosts?.());
    if (by.gone.aborted) throw goneError(by.gone);
    const published = await publish({ ...reviewed, ...ready });
    if (published.ok || published.error !== 'overtaken') return published as Result<Done, Exclude<Refused, Overtaken>>;
  }
  throw new ApiError(
    'overtaken',
    `while this policy was judged another came into force (now that of revision ${fleet.active.revision}), ${mostRounds} times in a row; nothing was changed. Look who applies (segwall history), and apply again`,
    { active: fleet.active.revision },
  );
}

/** The files of the active policy again. One that this version cannot read is not what is in force. */
function isInForce({ active }: ChangeParts['fleet'], { isActive }: Pick<Reviewed, 'isActive'>): boolean {
  return isActive && active.problem === undefined;
}

/** For all there is nothing to compile; some hosts that try it first are served by a compiler of their own. */
async function inForceFor(fleet: ChangeParts['fleet'], hosts: readonly string[] | undefined) {
  const { policy } = fleet.active;
  return hosts === undefined ? { policy } : { policy, prepared: await fleet.prepare(policy, hosts) };
}

async function readied(fleet: ChangeParts['fleet'], parts: Reviewed['parts'], hosts: readonly string[] | undefined) {
  const policy = await readPolicyParts(parts);
  return { policy, prepared: await fleet.prepare(policy, hosts) };
}
