import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Metric, Registry } from 'prom-client';

/** The upper bounds of the buckets, in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] as const;
const NAME = 'http_request_duration_seconds';

/** The times of the requests with one operation and status. */
export class Times {
  sum = 0;
  /** By the first bound that is not exceeded; the last is for those beyond all bounds. */
  readonly buckets = new Array<number>(BOUNDS.length + 1).fill(0);

  observe(ms: number): void {
    const seconds = ms / 1000;
    let i = 0;
    while (i < BOUNDS.length && seconds > (BOUNDS[i] as number)) i += 1;
    (this.buckets[i] as number) += 1;
    this.sum += seconds;
  }

  /** Adds what was observed in another process. */
  add({ sum, buckets }: Pick<Times, 'sum' | 'buckets'>): void {
    this.sum += sum;
    for (const [i, count] of buckets.entries()) (this.buckets[i] as number) += count;
  }
}

/** The operation of a request; "none" for unknown paths. */
export const operationOf = ({ routeOptions }: FastifyRequest): string =>
  (routeOptions.schema as { operationId?: string } | undefined)?.operationId ?? 'none';

type Value = { metricName: string; labels: Record<string, string | number>; value: number };

/** The times of requests by operation and status. */
export class TimesBySeries {
  readonly #series = new Map<string, Map<number, Times>>();

  of(operation: string, status: number): Times {
    let statuses = this.#series.get(operation);
    if (!statuses) this.#series.set(operation, (statuses = new Map<number, Times>()));
    let times = statuses.get(status);
    if (!times) statuses.set(status, (times = new Times()));
    return times;
  }

  all(): (readonly [operation: string, status: number, times: Times])[] {
    return [...this.#series].flatMap(([operation, statuses]) =>
      [...statuses].map(([status, times]) => [operation, status, times] as const),
    );
  }
}

/**
 * The histogram of request times. prom-client's own makes a text of its labels at every observation; here an
 * observation is an addition, and the texts are made when the metrics are read.
 */
export class RequestTimes {
  readonly name = NAME;
  readonly #series = new TimesBySeries();

  constructor(registry: Registry) {
    // All that a registry uses of a metric is its name and `get`.
    registry.registerMetric(this as unknown as Metric);
  }

  of(operation: string, status: number): Times {
    return this.#series.of(operation, status);
  }

  /** Times all requests that reach Fastify. */
  watch(app: FastifyInstance): void {
    app.addHook('onResponse', (request, reply, done) => {
      this.of(operationOf(request), reply.statusCode).observe(reply.elapsedTime);
      done();
    });
  }

  get() {
    const values = this.#series
      .all()
      .flatMap(([operation, status, times]) => valuesOf({ operation, status: String(status) }, times));
    const help = 'How long requests took, by operation and status';
    return Promise.resolve({ name: NAME, help, type: 'histogram', aggregator: 'sum', values });
  }
}

function valuesOf(labels: Record<string, string>, { sum, buckets }: Times): Value[] {
  let count = 0;
  const values = buckets.map((inBucket, i) => {
    count += inBucket;
    return { metricName: `${NAME}_bucket`, labels: { le: BOUNDS[i] ?? '+Inf', ...labels }, value: count };
  });
  return [
    ...values,
    { metricName: `${NAME}_sum`, labels, value: sum },
    { metricName: `${NAME}_count`, labels, value: count },
  ];
}
