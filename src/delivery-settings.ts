import { Type } from '@sinclair/typebox';

/** The environment variables about deliveries. */
export const DeliverySettings = {
  DELIVERIES_FOLDER: Type.String({
    default: 'data/deliveries',
    description: 'Where the files of deliveries are. Processes that share a database must share it.',
  }),
  DELIVERY_KEEP_DAYS: Type.Integer({
    default: 90,
    minimum: 1,
    maximum: 3650,
    description:
      'Days after which the files of a delivery are deleted, counted from when it was handed over.',
  }),
  TIMESTAMP_URL: Type.String({
    default: '',
    pattern: '^(?:|https://[^@]+|http://(?:localhost|127\\.0\\.0\\.1|\\[::1\\])[:/][^@]*)$',
    description: 'https URL of an authority of RFC 3161 that stamps deliveries with the time; empty: none.',
  }),
};
