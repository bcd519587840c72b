import type { StoredFile } from '../../../schema/db/tables/deliveries.js';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import { findOwn, type DeliveryView } from './deliveries.js';

/** A file of a delivery as it lies in its folder. */
export type DeliveryFileFound = { folder: string; name: string; bytes: number };

/** The folder of what one attempt has made. */
export const folderName = (publicId: string, attempt: number): string => `${publicId}.${attempt}`;

/** The files that lie in the folder by themselves: those inside an archive come with it. */
export const ownFiles = ({ files }: Pick<DeliveryView, 'files'>): StoredFile[] =>
  (files ?? []).filter(({ archive }) => archive === null);

/** A file of a delivery. Throws `delivery_files_gone`, `delivery_file_not_found`. */
export function fileOf(delivery: DeliveryView, name: string): DeliveryFileFound {
  const file = ownFiles(delivery).find((one) => one.name === name);
  if (!file) throw new ApiError('delivery_file_not_found');
  if (delivery.filesDeletedAt !== null || delivery.edition === null) {
    throw new ApiError('delivery_files_gone');
  }
  return { folder: folderName(delivery.publicId, delivery.edition), name, bytes: file.bytes };
}

/** Throws `delivery_not_found`, `delivery_files_gone`, `delivery_file_not_found`. */
export const findFile = async (
  on: Reader,
  actor: KeyedActor,
  publicId: string,
  name: string,
): Promise<DeliveryFileFound> => fileOf(await findOwn(on, actor, publicId), name);
