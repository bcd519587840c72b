import { ensureFolder } from '../../folder.js';
import { writeWhole } from '../folder-post.js';
import type { Wire } from './wire.js';

let written = 0;

/** Writes each mail as an .eml file to a folder, as the outbox does. For development without a mail server. */
export const folderWire = (folder: string): Wire => ({
  async send(_envelope, message) {
    try {
      ensureFolder(folder);
      written += 1;
      const time = new Date().toISOString().replaceAll(/[:.]/g, '-');
      await writeWhole(folder, `${time}-mailing-${process.pid}-${written}.eml`, message);
      return { state: 'sent' };
    } catch {
      // The disk is full or the folder not writable: every other mail would fail too.
      return { state: 'deferred', reason: 'folder', outage: true };
    }
  },
  async close() {},
});
