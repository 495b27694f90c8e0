// Labels before they are given: what the active policy makes of a workload that has them, and slips in them. Changes nothing.

import type { Labels } from '#model/label.ts';
import { selectorMatches } from '#model/selector.ts';
import { labelVocabulary, unknownLabels, unknownLabelText } from '#policy/select/label-vocabulary.ts';
import { labelCheckAnswer, labelCheckRequest } from '../answers/schemas.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';
import { noSuchWorkload } from './fleet.ts';
import { assertLabelKeys } from './label-keys.ts';

export function labelRoutes(app: Api, { fleet }: ApiContext): void {
  app.post(
    '/api/v1/labels/check',
    {
      config: { access: 'operator' },
      schema: {
        summary:
          'Which segments a workload with these labels is in, and which labels no policy speaks of; changes nothing',
        tags: ['fleet'],
        body: labelCheckRequest,
        response: { 200: labelCheckAnswer },
      },
    },
    async ({ body: { labels, workload } }) => {
      assertLabelKeys(Object.keys(labels));
      const inventory = fleet.inventory();
      const { policy } = fleet.active;
      const known = workload === undefined ? undefined : inventory.workloads.get(workload);
      if (workload !== undefined && known?.host === undefined) throw noSuchWorkload(fleet, workload);
      const all: Labels = new Map([...(known?.labels ?? []), ...Object.entries(labels)]);
      const segments = [...policy.segments.values()].filter(({ selector }) => selectorMatches(selector, all));
      const denies = ({ inbound, outbound }: { readonly inbound: string; readonly outbound: string }) =>
        [inbound, outbound].some((one) => one === 'enforce' || one === 'selective');
      const rules = known === undefined ? undefined : fleet.rulesOf(known);
      const now = rules !== undefined && denies({ inbound: rules.inbound.mode, outbound: rules.outbound.mode });
      const vocabulary = labelVocabulary({ policy, inventory }, workload);
      return {
        warnings: unknownLabels(Object.entries(labels), vocabulary).map(unknownLabelText),
        segments: segments.map(({ name: segment, inbound, outbound }) => ({ segment, inbound, outbound })),
        enforced: now || segments.some(denies),
      };
    },
  );
}
