// The catalogues of errors, both ways: every code that the sources give is in the catalogue of its program, with its exit code, and every entry is given
// somewhere. Where a code is typed the compiler holds the first; here stands what it does not see, and the second.

import { describe, expect, test } from 'vitest';
import { type ExplainedError, explainedErrors } from '#cli/output/errors-command.ts';
import { listTrackedFiles, readText } from '#test/arch/sources.ts';
import { runSegwall } from '#test/hostile/support/segwall.ts';

const catalogues = /\/(?:api-error|agent-errors|command-errors|control-plane-errors)\.ts$/;
const sources = (await listTrackedFiles())
  .filter((path) => /^(?:agent|control-plane|proto)\/.*\.ts$/.test(path) && !catalogues.test(path))
  .map((path) => ({ path, text: readText(path) }));
const under = (...folders: readonly string[]) =>
  sources
    .filter(({ path }) => folders.some((folder) => path.startsWith(folder)))
    .map(({ text }) => text)
    .join('\n');

const all = explainedErrors();
const of = (by: ExplainedError['by']) => all.filter((each) => each.by === by);

/** Codes of TLS to a control plane are given in proto/wire, of a refused enrolment by the wire's own names. */
const programs = [
  { by: 'segwall', text: under('control-plane/cli/', 'proto/wire/pinned-tls') },
  { by: 'segwall-agent', text: under('agent/src/', 'proto/wire/pinned-tls', 'proto/wire/enrolment-messages') },
  { by: 'segwall-control-plane', text: under('control-plane/src/main.ts', 'control-plane/src/settings/') },
  { by: 'api', text: under('control-plane/src/') },
] as const;

describe.each(programs)('$by', ({ by, text }) => {
  const codes = of(by).map(({ code }) => code);

  test('gives every code of its catalogue', () => {
    const isGiven = (code: string) => text.includes(`'${code}'`) || text.includes(`error: ${code}: `);
    expect(codes.filter((code) => !isGiven(code))).toEqual([]);
  });

  test('says what happened and what to do in sentences', () => {
    for (const { code, happened, remedy } of of(by)) {
      expect([code, happened]).toEqual([code, expect.stringMatching(/^[A-Z-].*\.$/s)]);
      expect([code, remedy]).toEqual([code, expect.stringMatching(/^[A-Za-z].*\.$/s)]);
    }
  });
});

test('what is printed as an error without a typed code has one of the catalogue', () => {
  const printed = (text: string) => [...text.matchAll(/error: ([a-z]+(?:-[a-z]+)+): /g)].map(([, code = '']) => code);
  const known = (by: ExplainedError['by']) => new Set(of(by).map(({ code }) => code));
  const told = [
    ['segwall', under('control-plane/cli/')],
    ['segwall-agent', under('agent/')],
    ['segwall-control-plane', under('control-plane/src/')],
  ] as const;
  for (const [by, text] of told) {
    const codes = printed(text);
    expect(codes.length).toBeGreaterThan(0);
    expect([by, codes.filter((code) => !known(by).has(code))]).toEqual([by, []]);
  }
});

test('the command ends with the exit code that the catalogue has', () => {
  const given = [...under('control-plane/cli/').matchAll(/new CommandFailure\(\s*(\d),\s*'([a-z-]+)'/g)];
  expect(given.length).toBeGreaterThan(40);
  const exits = new Map([...of('api'), ...of('segwall')].map(({ code, exit }) => [code, exit]));
  const wrong = given.filter(([, exit, code = '']) => exits.get(code)?.includes(Number(exit) as 1 | 2 | 3) !== true);
  expect(wrong.map(([whole]) => whole)).toEqual([]);
});

describe('segwall errors', () => {
  test('looks a code up, of each program that says it', async () => {
    const { stdout, exitCode } = await runSegwall(['errors', 'clock-skew'], {});
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^clock-skew \(segwall; exit 3\)\n {2}.*\n {2}Set the clock\.\nclock-skew \(segwall-agent; exit 3\)\n {2}/,
    );
    expect((await runSegwall(['errors', 'held'], {})).stdout).toMatch(/^held \(api; HTTP 409, exit 1 of segwall\)\n/);
  });

  test('lists all as one document, and says of an unknown one what is near', async () => {
    const { stdout } = await runSegwall(['errors', '--json'], {});
    expect(JSON.parse(stdout)).toEqual(all);
    const unknown = await runSegwall(['errors', 'clock-skw'], {});
    expect([unknown.exitCode, unknown.stderr.trimEnd()]).toEqual([
      2,
      'error: unknown-code: there is no error code "clock-skw"; did you mean clock-skew?',
    ]);
  });
});
