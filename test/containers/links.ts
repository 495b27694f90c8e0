// Says as one line of JSON what the agent reads of a neighbour where this runs, in a lab's host. Arguments: a bridge, and addresses.

import { readLinkView } from '#agent/host/link-view.ts';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';

const [link = '', ...addresses] = process.argv.slice(2);
const view = readLinkView([], (links) =>
  addresses.map((text) => ({
    device: links.find(({ name }) => name === link)?.index ?? 0,
    address: assertOk(parseAddress(text)),
  })),
);
const nameOf = (device: number) => view?.links.find(({ index }) => index === device)?.name;
process.stdout.write(
  `${JSON.stringify(view?.neighbours.map(({ device, address }) => [nameOf(device), address ?? 'port']))}\n`,
);
