// The routes that a running server has are those of the hostile tests' table, each with the access that the table gives it: a new route is
// in it, and asked in every odd spelling, before it lands.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectedRoutes } from '../hostile/support/api-routes.ts';
import { type ApiServer, startApiServer } from '../hostile/support/api-server.ts';

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server.close());

test('the server has the routes of test/hostile/support/api-routes.ts and no others, each with its access', () => {
  const has = server.controlPlane.routes.map(({ method, url, access }) => [`${method} ${url}`, access]);
  expect(Object.fromEntries(has)).toEqual(Object.fromEntries(expectedRoutes));
});
