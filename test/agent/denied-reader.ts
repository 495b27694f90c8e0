// Reads the denied sets of the namespace it is started in, with an nft that can list nothing, and prints what came of it.

import { createDeniedSource } from '#agent/flows/denied-source.ts';
import { createNft } from '#agent/nft/nft.ts';
import { defaultMarks } from '#agent-core/marks/mark-layout.ts';
import { err } from '#model/result.ts';

const source = createDeniedSource({
  nft: { ...createNft(), list: async () => err('Error: No such file or directory') },
  marks: defaultMarks,
  deniesIn: (number) => (number === 1 ? 'inbound' : undefined),
});
const moved = await source.readMoved();
process.stdout.write(JSON.stringify({ ...moved, unrecorded: source.unrecorded() }));
