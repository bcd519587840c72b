import { Liquid } from 'liquidjs';

/* The engines of frozen templates: the HTML part escapes every output. */

function restricted(escapes: boolean): Liquid {
  return new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    jsTruthy: true,
    // No includes: templates cannot read files.
    templates: {},
    parseLimit: 500_000,
    renderLimit: 1000,
    ...(escapes ? { outputEscape: 'escape' } : {}),
  });
}

export const htmlEngine = restricted(true);
export const plainEngine = restricted(false);
