import { join } from 'node:path';
import { ManifestSigner } from '../../src/deliveries/seal/manifest-signer.js';
import { DeliveryMaker, type MakerOptions } from '../../src/delivery-maker.js';
import { loadLocales } from '../../src/mail/load-locales.js';
import { ROOT_KEY, type TestApp } from './helper.js';

/** What makes the files of deliveries, as a server has it, and started by the test alone. */
export const makerFor = (
  { app: { ctx }, folder }: TestApp,
  more: Partial<MakerOptions> = {},
): DeliveryMaker =>
  new DeliveryMaker({
    ctx,
    folder: join(folder, 'deliveries'),
    signer: new ManifestSigner(ROOT_KEY),
    locales: loadLocales(),
    timestampUrl: '',
    keepDays: 90,
    logger: {
      warn: (_values: object, message?: string) => {
        throw new Error(message);
      },
      error: (values: object, message?: string) => {
        throw new Error(`${message}: ${JSON.stringify(values)}`);
      },
    },
    ...more,
  });
