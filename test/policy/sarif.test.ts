// `policy check --format sarif` against the published structure of SARIF 2.1.0: over every wrong document, odd file names, and the
// checker itself, which must find fault with logs that are wrong.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { renderSarif } from '#cli/policy/sarif.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import type { Problem } from '#policy/source/problem.ts';
import { sarifFaults } from './sarif-structure.ts';
import { noon } from './world.ts';

const folder = new URL('../fixtures/policy/wrong/', import.meta.url);
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .map((path) => ({ path, text: readFileSync(new URL(path, folder), 'utf8') }));

function rendered(problems: readonly Problem[], directory = 'policy') {
  return JSON.parse(renderSarif({ problems, directory, version: '1.2.3' }));
}

const everyProblem = files.flatMap((file) => checkPolicy({ files: [file], now: noon, mode: 'offline' }).problems);

describe('the log', () => {
  test('of every wrong document is SARIF 2.1.0', () => {
    const log = rendered(everyProblem);
    expect(sarifFaults(log)).toEqual([]);
    expect(log.runs[0].results).toHaveLength(everyProblem.length);
    expect(everyProblem.length).toBeGreaterThan(150);
  });

  test('of no problem at all is one too', () => {
    expect(sarifFaults(rendered([]))).toEqual([]);
  });

  test('says of each problem what the text format says', () => {
    for (const [at, problem] of everyProblem.entries()) {
      const result = rendered(everyProblem).runs[0].results[at];
      expect(result).toMatchObject({ ruleId: problem.code, level: problem.severity, kind: 'fail' });
      expect(result.message.text).toContain(problem.message);
      expect(result.locations[0].physicalLocation.region).toEqual({
        startLine: problem.line,
        startColumn: problem.column,
      });
      if (at > 20) break;
    }
  });
});

describe('where a file is', () => {
  const at = (file: string): Problem => ({
    severity: 'error',
    code: 'bad-name',
    file,
    line: 1,
    column: 1,
    message: 'm',
  });
  const place = (file: string, directory: string) => {
    const log = rendered([at(file)], directory);
    expect(sarifFaults(log)).toEqual([]);
    return log.runs[0].results[0].locations[0].physicalLocation.artifactLocation;
  };
  test.each([
    ['policy', 'a/b.yaml', 'policy/a/b.yaml'],
    ['.', 'b.yaml', 'b.yaml'],
    ['policy', 'ümlaut and space.yaml', 'policy/%C3%BCmlaut%20and%20space.yaml'],
    ['.', 'c:d.yaml', 'c%3Ad.yaml'],
    ['.', 'a#b?c%41.yaml', 'a%23b%3Fc%2541.yaml'],
    ['.', '..dots.yaml', '..dots.yaml'],
    ['policy', '.', 'policy/'],
    ['.', '.', './'],
  ])('in %s, %s is %s under the root', (directory, file, uri) => {
    expect(place(file, directory)).toEqual({ uri, uriBaseId: '%SRCROOT%' });
  });
  test('outside of where the command ran it is a file: URI', () => {
    expect(place('a b.yaml', '/somewhere/else')).toEqual({ uri: 'file:///somewhere/else/a%20b.yaml' });
    expect(place('x.yaml', '..').uri).toMatch(/^file:\/\/\/.*x\.yaml$/);
  });
});

describe('fingerprints', () => {
  const prints = (text: string) =>
    rendered(
      checkPolicy({ files: [{ path: 'p.yaml', text }], now: noon, mode: 'offline' }).problems,
    ).runs[0].results.map(
      (result: { readonly partialFingerprints: Readonly<Record<string, string>> }) =>
        result.partialFingerprints['problemLine/v1'],
    );
  const text = 'apiVersion: segwall/v1\nkind: Segment\nmetadata: { name: s }\nspec:\n  selector: nope\n  inbuond: x\n';
  test('are of each problem its own, and stay when lines move', () => {
    const found = prints(text);
    expect(new Set(found).size).toBe(2);
    expect(prints(`# a line above\n\n${text}`)).toEqual(found);
    expect(new Set(prints(`${text}---\n${text}`)).size).toBe(prints(`${text}---\n${text}`).length);
  });
});

describe('the checker finds fault with', () => {
  type Json = ReturnType<typeof rendered>;
  const wrong: readonly (readonly [what: string, change: (log: Json) => void, fault: RegExp])[] = [
    ['another version', (log) => (log.version = '2.0.0'), /version/],
    ['no runs', (log) => delete log.runs, /no runs/],
    ['a property more', (log) => (log.runs[0].extra = 1), /extra does not belong/],
    ['a result without a message', (log) => delete log.runs[0].results[0].message, /no message/],
    ['a level of its own', (log) => (log.runs[0].results[0].level = 'fatal'), /none of none, note/],
    ['a kind of its own', (log) => (log.runs[0].results[0].kind = 'bad'), /none of notApplicable/],
    ['a level with kind pass', (log) => (log.runs[0].results[0].kind = 'pass'), /a level with kind/],
    ['line 0', (log) => (log.runs[0].results[0].locations[0].physicalLocation.region.startLine = 0), /at least 1/],
    [
      'half a column',
      (log) => (log.runs[0].results[0].locations[0].physicalLocation.region.startColumn = 1.5),
      /no integer/,
    ],
    ['another rule’s index', (log) => (log.runs[0].results[0].ruleIndex = 1), /ruleIndex is not/],
    [
      'a rule that stands twice',
      (log) => log.runs[0].tool.driver.rules.push(log.runs[0].tool.driver.rules[0]),
      /twice/,
    ],
    [
      'a space in a uri',
      (log) => (log.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri = 'a b'),
      /is not as/,
    ],
    [
      'a uri that leaves its base',
      (log) => (log.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri = '../a'),
      /leaves/,
    ],
    [
      'no uriBaseId',
      (log) => delete log.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uriBaseId,
      /without a uriBaseId/,
    ],
    ['a fingerprint that is a number', (log) => (log.runs[0].results[0].partialFingerprints.x = 1), /no text/],
    ['a help link that is relative', (log) => (log.runs[0].tool.driver.rules[0].helpUri = 'docs/x.md'), /is not as/],
  ];
  test.each(wrong)('%s', (_, change, fault) => {
    const log = rendered(everyProblem);
    change(log);
    expect(sarifFaults(log).join('\n')).toMatch(fault);
  });
});
