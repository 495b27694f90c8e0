import { describe, expect, test } from 'vitest';
import { listTrackedFiles, readText } from './sources.ts';

// Written in pieces, so that this file does not find itself.
const forbidden: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  {
    what: 'the name of a package registry',
    pattern: new RegExp(['registry\\.npm', 'js|registry\\.yarn', 'pkg|npm', 'mirror\\.com'].join('')),
  },
  {
    what: 'the name of a Debian mirror',
    pattern: new RegExp(['deb\\.deb', 'ian\\.org|ftp\\.[a-z.]*deb', 'ian\\.org|snapshot\\.deb', 'ian\\.org'].join('')),
  },
  {
    what: "a path in a developer's home",
    pattern: new RegExp(['(?<![\\w.])/(ho', 'me|Us', 'ers)/[a-z][\\w-]*/'].join('')),
  },
  { what: 'a path of a checkout', pattern: new RegExp(['(?<![\\w.])/wo', 'rk/(main|sha', 'red|\\.)'].join('')) },
  {
    what: 'a private key',
    pattern: new RegExp(['-----BEGIN (EC |RSA )?PRIV', 'ATE KEY-----\\s+[A-Za-z0-9+/]{40}'].join('')),
  },
];

const files = await listTrackedFiles();

describe('tracked files', () => {
  test('are there', () => {
    expect(files).toContain('package.json');
  });

  test.each(forbidden)('hold no $what', ({ pattern }) => {
    expect(files.filter((file) => pattern.test(readText(file)))).toEqual([]);
  });

  test.each([
    ['the name of a package registry', `see https://${['registry', 'npmjs', 'org'].join('.')}/yaml`],
    ['the name of a Debian mirror', `debootstrap bookworm x http://${['deb', 'debian', 'org'].join('.')}/debian`],
    ["a path in a developer's home", `cd ${['', 'home', 'ada', 'segwall'].join('/')}`],
    ['a path of a checkout', `node ${['', 'work', 'main', 'x.ts'].join('/')}`],
  ])('%s would be found', (what, text) => {
    expect(forbidden.find((each) => each.what === what)?.pattern.test(text)).toBe(true);
  });

  test('the lock file holds no address', () => {
    const lock = readText('package-lock.json');
    expect(lock).not.toContain('"resolved"');
    expect(lock).not.toMatch(
      /https?:\/\/(?!(www\.)?(github\.com|opencollective\.com|tidelift\.com|feross\.org|patreon\.com|paulmillr\.com))\S*\.tgz/,
    );
  });

  test('the lock file names no optional dependency that it does not hold', () => {
    const { packages } = JSON.parse(readText('package-lock.json')) as {
      readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
    };
    const missing = Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
      Object.keys(place === '' ? {} : optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${place}/node_modules/${name}` in packages),
      ),
    );
    expect(missing, 'run: npm run lock').toEqual([]);
  });

  test('the lock file lets npm on an older Node install every optional package', () => {
    const lock = JSON.parse(readText('package-lock.json')) as {
      readonly packages: Readonly<Record<string, { readonly optional?: boolean; readonly engines?: unknown }>>;
    };
    const choosy = Object.entries(lock.packages).filter(
      ([, { optional, engines }]) => optional && engines !== undefined,
    );
    expect(
      choosy.map(([path]) => path),
      'run: npm run lock',
    ).toEqual([]);
  });
});
