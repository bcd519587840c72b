import type { App } from './app.js';
import type { Config } from './config.js';
import { ManifestSigner } from './deliveries/seal/manifest-signer.js';
import { DeliveryMaker, type MakerOptions } from './delivery-maker.js';
import type { Locales } from './mail/locales.js';

type DeliveriesOptions = Pick<MakerOptions, 'logger'> & {
  config: Config;
  app: App;
  locales: Locales;
  rootKey: Uint8Array;
};

/** Makes the files of deliveries in the background. */
export function startDeliveries({ config, app, locales, rootKey, logger }: DeliveriesOptions): DeliveryMaker {
  const maker = new DeliveryMaker({
    ctx: app.ctx,
    folder: config.DELIVERIES_FOLDER,
    signer: new ManifestSigner(rootKey),
    locales,
    timestampUrl: config.TIMESTAMP_URL,
    keepDays: config.DELIVERY_KEEP_DAYS,
    logger,
  });
  maker.start();
  return maker;
}
