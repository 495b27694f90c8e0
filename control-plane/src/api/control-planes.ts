// Where hosts are told that their control plane is from now on: announced, shown with how far each host is, withdrawn. See announcements.ts.

import type { AnnouncementStanding, HostFollowing } from '#control-plane/fleet/announcements.ts';
import { announceRequest, controlPlanesStanding, withdrawalAnswer } from '../answers/announcement-schemas.ts';
import { ApiError } from '../answers/api-error.ts';
import { isoTime } from '../answers/iso-time.ts';
import type { StoredAnnouncement } from '../store/announcement.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';

export function controlPlaneRoutes(app: Api, { fleet }: ApiContext): void {
  const { announcements } = fleet;
  app.get(
    '/api/v1/control-planes',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Where hosts are told that their control plane is, and how far each is on its way there',
        tags: ['fleet'],
        response: { 200: controlPlanesStanding },
      },
    },
    async () => viewOf(announcements.standing()),
  );

  app.put(
    '/api/v1/control-planes',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Tell hosts where their control plane is from now on; each goes there once it would be served there',
        tags: ['fleet'],
        body: announceRequest,
        response: { 200: controlPlanesStanding },
      },
    },
    async (request) => {
      const outcome = await fleet.inTurn(request.operator, (actor) =>
        announcements.announce(request.body.addresses, actor),
      );
      if (!outcome.ok) throw new ApiError('control-planes-invalid', outcome.error);
      return viewOf(announcements.standing());
    },
  );

  app.delete(
    '/api/v1/control-planes',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Tell hosts so no more; those that went there stay there',
        tags: ['fleet'],
        response: { 200: withdrawalAnswer },
      },
    },
    async (request) => {
      // How far they were: of those that went nobody else knows.
      const before = announcements.standing();
      const withdrawn = await fleet.inTurn(request.operator, (actor) => announcements.withdraw(actor));
      if (withdrawn === undefined)
        throw new ApiError('nothing-announced', 'no control plane is announced; nothing was changed');
      return { withdrawn: announcedOf(withdrawn), ...viewOf({ hosts: before.hosts }) };
    },
  );
}

function viewOf({ announced, hosts }: AnnouncementStanding) {
  const counts: Record<HostFollowing, number> = { moved: 0, left: 0, 'not-yet': 0, 'too-old': 0, away: 0 };
  for (const { state } of hosts) counts[state] += 1;
  return { ...(announced === undefined ? {} : { announced: announcedOf(announced) }), counts, hosts: [...hosts] };
}

function announcedOf({ addresses, at, by }: StoredAnnouncement) {
  return { addresses: [...addresses], at: isoTime(at), by };
}
