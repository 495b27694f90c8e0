// What to type into another terminal while `npm run demo -- --keep` leaves the fleet running.

import type { Fleet } from '#test/support/fleet.ts';
import type { Lab } from '#test/support/lab.ts';

export function playingHints(lab: Lab, fleet: Fleet): string {
  const enter = (name: string) => `nsenter --net=/run/netns/${lab.hosts.get(name)?.namespace}`;
  const { apiUrl } = fleet.firstStart;
  return `
The fleet goes on until Ctrl-C. In another terminal, from this checkout and as root:
  export SEGWALL_SERVER=${apiUrl} SEGWALL_TOKEN_FILE=${fleet.directory}/control-plane/first-start.json
  ${enter('control')} npm run -s segwall -- agents
  ${enter('control')} npm run -s segwall -- flows --verdict deny
  ${enter('control')} npm run -s segwall -- apply ${fleet.directory}/enforced --wait
  ${enter('control')} npm run -s segwall -- label web-3 role=db --wait
  ${enter('api-1')} nft list table inet segwall
  ${enter('api-1')} npm run -s segwall-agent -- status --state ${fleet.agents.get('api-1')?.stateDirectory}
`;
}
