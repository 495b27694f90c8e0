// Says as one line of JSON which of the named units use a network of their own, where this runs: in a lab's host, with a folder for the cgroup tree.

import { unitsElsewhere } from '#agent/host/unit-networks.ts';

const [cgroups = '', ...units] = process.argv.slice(2);
process.stdout.write(`${JSON.stringify(unitsElsewhere({ path: cgroups, level: 0 }, new Set(units)))}\n`);
