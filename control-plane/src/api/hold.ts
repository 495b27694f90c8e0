// The hold of a store that is older than what agents were told: how it is shown, and how an operator ends it.

import type { Fleet } from '#control-plane/fleet/fleet.ts';
import type { HoldView } from '#control-plane/publish/store-holding.ts';
import { ApiError } from '../answers/api-error.ts';
import { isoTime } from '../answers/iso-time.ts';
import { resumeAnswer, resumeRequest, type Status } from '../answers/schemas.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';
import { someOf } from './some-names.ts';

const namesTold = 100;

export function holdRoutes(app: Api, { fleet }: ApiContext): void {
  app.post(
    '/api/v1/resume',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'End the hold of a store that was put back: agents are sent what it has, in a new lineage',
        tags: ['fleet'],
        body: resumeRequest,
        response: { 200: resumeAnswer },
      },
    },
    async (request) => {
      if (request.body.cutOffSince === 'refuse') assertKeepsCutOff(fleet);
      const resumed = await fleet.resume(request.operator);
      if (resumed === undefined)
        throw new ApiError('not-held', 'nothing is held: agents are sent policy as it changes; nothing was changed');
      return resumed;
    },
  );
}

/** What agents cut off and the store knows nothing of would be let in again. */
export function assertKeepsCutOff(fleet: Fleet): void {
  const cutOffSince = (fleet.hold?.cutOffSince ?? []).map(({ name }) => name);
  if (cutOffSince.length === 0) return;
  const names = someText(cutOffSince);
  throw new ApiError(
    'held',
    `hosts of this fleet cut off ${names}, and the store, which is older than that, knows nothing of it: they would be let in again; nothing was changed. Contain them anew first (segwall quarantine, segwall agents revoke), or accept it: segwall resume --yes`,
    { cutOffSince: cutOffSince.slice(0, namesTold) },
  );
}

/** For who waits: nothing is sent now. */
export function heldText(fleet: Fleet): string | undefined {
  const { hold, active } = fleet;
  if (hold !== undefined)
    return `the store is older than what agents were told (${hold.why}): they keep what they have until segwall resume, or another apply`;
  return active.problem;
}

export function holdView(hold: HoldView): NonNullable<Status['hold']> {
  const { kind, since, revision, why, ahead, unknown, isUnknownCut, cutOffSince, cutOffSaid } = hold;
  const some = (names: readonly string[]) => someOf(names, namesTold);
  const someShown = (all: HoldView['cutOffSince']) => ({
    ...some(all.map(({ name }) => name)),
    evidence: all.slice(0, namesTold),
  });
  return {
    ...{ kind, since: isoTime(since), revision, why },
    ...{ ahead: some(ahead), unknown: { ...some(unknown), isCut: isUnknownCut } },
    ...{ cutOffSince: someShown(cutOffSince), cutOffSaid: someShown(cutOffSaid) },
  };
}

function someText(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
