import { PAUSABLE } from '../../db/tables/brakes.js';
import { component, enumOf, int, list, matching, nullable, open, ref } from '../typebox.js';

export const Liveness = component(
  'Liveness',
  open(
    { status: enumOf(['ok'], { description: 'The process answers.' }) },
    { description: 'The process is alive.', examples: [{ status: 'ok' }] },
  ),
);

export const MailQueue = component(
  'MailQueue',
  open(
    {
      queued: int(0, 2_147_483_647, { description: 'Mails that wait or are being sent.' }),
      oldest_seconds: nullable(
        int(0, 2_147_483_647, {
          description: 'For how long the oldest of them has waited; null if none waits.',
        }),
      ),
    },
    {
      description: 'The mails that are still to be sent. A long queue delays mails, but no requests.',
      examples: [{ queued: 3, oldest_seconds: 2 }],
    },
  ),
);

export const Readiness = component(
  'Readiness',
  open(
    {
      status: enumOf(['ok'], { description: 'Requests can be served.' }),
      engine: enumOf(['sqlite', 'postgres'], { description: 'The database engine.' }),
      waiting: int(0, 1_000_000, { description: 'Transactions that wait to be executed.' }),
      limits: enumOf(['process', 'shared', 'alone'], {
        description:
          'Where requests are counted for rate limits. `process`: in this process, since no Redis is configured; `shared`: in Redis, with other processes; `alone`: in this process, until the connection to Redis is back.',
      }),
      reads: enumOf(['primary', 'replica', 'alone'], {
        description:
          'Which database answers callers without a key. `primary`: there is no replica; `replica`: it does; `alone`: the primary does, until the replica is near enough again.',
      }),
      mail: ref(MailQueue),
      paused: list(enumOf(PAUSABLE), PAUSABLE.length, {
        description: 'What the operator has paused: new signatures, or all changes.',
      }),
    },
    {
      description: 'The process can serve requests.',
      examples: [
        {
          status: 'ok',
          engine: 'sqlite',
          waiting: 0,
          limits: 'process',
          reads: 'primary',
          mail: { queued: 3, oldest_seconds: 2 },
          paused: [],
        },
      ],
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
