// Says as one line of JSON what containers the agent sees where this runs: in a lab's host, with a folder for the cgroup tree.

import { readContainers } from '#agent/host/container-discovery.ts';

const [cgroups = '', files = ''] = process.argv.slice(2);
const view = readContainers({
  root: { path: cgroups, level: 0 },
  others: () => ({ reserved: new Set(), isPeers: () => false }),
  before: { containers: [], refused: [], unjudgedBridges: [] },
  roots: { proc: '/proc', sys: '/nowhere', files },
  names: new Map(),
  isReachable: (address) => address.startsWith('fd84:18'),
});
process.stdout.write(`${JSON.stringify(view)}\n`);
