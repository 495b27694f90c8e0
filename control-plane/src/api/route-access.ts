// Who may call a route is part of the route. One that does not say so ends the start of the server, and so does a path outside of
// /api/v1 that asks for an operator: access is never the outcome of comparing the text of a request.

import type { FastifyInstance } from 'fastify';

/**
 * `operator`: with an operator's token. `public`: whoever reaches the port; such a route reads no body, and answers with nothing of the
 * fleet but counts.
 */
export type Access = 'operator' | 'public';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Absent only where no route was found. */
    readonly access?: Access;
  }
}

export interface DeclaredRoute {
  readonly method: string;
  readonly url: string;
  readonly access: Access;
}

/** Before any route is added. The array fills as routes are. */
export function requireAccess(app: FastifyInstance): readonly DeclaredRoute[] {
  const routes: DeclaredRoute[] = [];
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const one of [method].flat()) {
      const access = (config as { readonly access?: unknown } | undefined)?.access;
      if (access !== 'operator' && access !== 'public')
        throw new Error(`${one} ${url} does not say who may call it: config.access is to be 'operator' or 'public'`);
      if (access === 'public' && one !== 'GET' && one !== 'HEAD')
        throw new Error(`${one} ${url} is public: only GET may be, since nobody knows whose body it would read`);
      routes.push({ method: one, url, access });
    }
  });
  return routes;
}
