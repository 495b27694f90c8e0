// The files of the CA against each other and against the store: what does not belong together is refused at the start, by its name, with what to do, and
// nothing is overwritten.

import { copyFile, cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeLostCa } from '#control-plane/data/lost-ca.ts';
import { assertCaIsTrusted, isCaJustMade } from '#control-plane/data/strange-ca.ts';
import { openPki } from '#control-plane/pki/pki.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { scratchDirectory } from './scratch-directory.ts';

const now = () => millis(Date.now());
const open = (directory: string) => openPki({ directory, serverNames: ['127.0.0.1'], now });

/** Two CAs of different stores. */
async function two() {
  const root = await scratchDirectory();
  const [ours, other] = [join(root, 'ours'), join(root, 'other')];
  await open(ours);
  const strange = await open(other);
  return { root, ours, other, strange };
}

type Damage = (ours: string, other: string) => Promise<unknown>;
const put = (name: string, from = name): Damage => {
  return (ours, other) => copyFile(join(other, from), join(ours, name));
};
const write = (name: string, text: string): Damage => {
  return (ours) => writeFile(join(ours, name), text);
};
const all = (...damages: readonly Damage[]): Damage => {
  return async (ours, other) => {
    for (const damage of damages) await damage(ours, other);
  };
};

const refused: readonly [string, Damage, RegExp][] = [
  ['the key of another CA', put('ca-key.pem'), /ca-key\.pem is not the key of .*ca\.pem/],
  ['the certificate of another CA', put('ca.pem'), /ca-key\.pem is not the key of .*ca\.pem/],
  ['an empty key', write('ca-key.pem', ''), /ca-key\.pem is no private key/],
  ['an empty certificate', write('ca.pem', ''), /ca\.pem is no certificate/],
  ['a decision without a next CA', write('next-holds', 'x'), /next-holds says .*next-ca\.pem/],
  [
    'a decision beside a key alone',
    all(put('next-ca-key.pem', 'ca-key.pem'), write('next-holds', 'x')),
    /next-holds says .*next-ca\.pem/,
  ],
  [
    'a decision for another CA than is there',
    all(put('next-ca-key.pem', 'ca-key.pem'), put('next-ca.pem', 'ca.pem'), write('next-holds', 'x')),
    /next-holds says .*next-ca\.pem/,
  ],
];

test.each(refused)('%s is refused, and the files stay as they are', async (_, damage, problem) => {
  const { ours, other } = await two();
  await damage(ours, other);
  const before = await readFile(join(ours, 'ca-key.pem'));
  await expect(open(ours)).rejects.toThrow(problem);
  await expect(open(ours)).rejects.toThrow(/segwall-control-plane restore --from BACKUP --data DIR/);
  expect(await readFile(join(ours, 'ca-key.pem'))).toEqual(before);
});

test.each(['server.pem', 'server-key.pem'])(
  'an empty %s is made anew: nobody trusts it but by the CA',
  async (name) => {
    const { ours } = await two();
    await writeFile(join(ours, name), '');
    expect((await open(ours)).serverTls().key).toContain('PRIVATE KEY');
  },
);

test('the folder of another store is refused where a host is known by our CA, and taken where none is', async () => {
  const { ours, other, strange } = await two();
  const { id } = (await open(ours)).cas().present;
  const check = (hosts: readonly { used: string; issued: string }[], pkiPath = other) =>
    assertCaIsTrusted({ pkiPath, pki: strange, isJustMade: false, hosts });
  const moving = strange.cas().present.id;
  await check([]);
  await check([{ used: '', issued: '' }]);
  await check([
    { used: id, issued: id },
    { used: id, issued: moving },
  ]);
  await expect(check([{ used: id, issued: '' }])).rejects.toThrow(/is the CA of none of the 1 hosts .*restore --from/);
});

test('a CA that an operator made anew is taken, at each start', async () => {
  const { ours } = await two();
  const { id } = (await open(ours)).cas().present;
  const data = await scratchDirectory();
  assertOk(await makeLostCa({ data, now: now() }));
  const pkiPath = join(data, 'pki');
  const start = async () => {
    const isJustMade = await isCaJustMade(pkiPath);
    await assertCaIsTrusted({ pkiPath, pki: await open(pkiPath), isJustMade, hosts: [{ used: id, issued: id }] });
    return isJustMade;
  };
  expect([await start(), await start()]).toEqual([true, false]);
  await rm(join(pkiPath, 'made-anew'));
  await expect(start()).rejects.toThrow(/is the CA of none/);
  await cp(ours, pkiPath, { recursive: true });
  await start();
});
