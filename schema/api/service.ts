import { component, enumOf, int, matching, open } from './typebox.js';

export const Liveness = component(
  'Liveness',
  open(
    { status: enumOf(['ok'], { description: 'The process answers.' }) },
    { description: 'The process is alive.', examples: [{ status: 'ok' }] },
  ),
);

export const Readiness = component(
  'Readiness',
  open(
    {
      status: enumOf(['ok'], { description: 'Requests can be served.' }),
      engine: enumOf(['sqlite', 'postgres'], { description: 'What the data is kept in.' }),
      waiting: int(0, 1_000_000, { description: 'Transactions that wait for their turn.' }),
    },
    {
      description: 'The process can serve requests.',
      examples: [{ status: 'ok', engine: 'sqlite', waiting: 0 }],
    },
  ),
);

export const OpenApiDocument = component(
  'OpenApiDocument',
  open(
    { openapi: matching('^3\\.1\\.[0-9]+$', 10, { description: 'The version of OpenAPI.' }) },
    { description: 'An OpenAPI document.', examples: [{ openapi: '3.1.0' }] },
  ),
);
