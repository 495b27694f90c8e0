// Says as one line of JSON what of the forward path the agent's host answers for, where this runs: in a lab's host.

import { readGuestNetworks } from '#agent/host/addresses.ts';

process.stdout.write(`${JSON.stringify(readGuestNetworks() ?? null)}\n`);
