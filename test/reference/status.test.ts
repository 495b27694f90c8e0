// `segwall status --json` against the page of its fields: a real answer has those that are always there, and no other; each says what it is.

import { expect, test } from 'vitest';
import { apiUnderTest } from '#test/hostile/support/api-under-test.ts';
import { controlPlaneFields } from './status-page.ts';

const fields = controlPlaneFields();
const top = fields.filter(({ name }) => !name.includes('.'));

test('a real answer has every field that is always there, and no other than the page has', async () => {
  const { call } = await apiUnderTest();
  const answered = Object.keys(await call<object>('GET', '/api/v1/status'));
  expect(top.map(({ name }) => name)).toEqual(expect.arrayContaining(answered));
  const always = top.filter(({ presence }) => presence === 'always').map(({ name }) => name);
  expect(answered).toEqual(expect.arrayContaining(always));
});

test('each field says what it is, or has fields that do', () => {
  const silent = top.filter(
    ({ name, means }) => means === '' && !fields.some((one) => one.name.startsWith(`${name}.`)),
  );
  expect(silent).toEqual([]);
});
