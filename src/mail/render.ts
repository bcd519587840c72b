import { isWorded, type Letter } from '../core/letters/letter.js';
import { UNNAMED, type Installation } from '../installation.js';
import { fillIn } from '../core/words/words-markdown.js';
import { composeBlocks, placeholdersOf, valuesOf, type Sender } from './blocks.js';
import { headerLine } from './header-line.js';
import { toHtml } from './html.js';
import type { Locales } from './locales.js';
import { toPlainText } from './plain-text.js';
import { say } from './words.js';

export type Rendered = {
  /** The display name of the sender. */
  sender: string;
  subject: string;
  html: string;
  text: string;
  /** The language of the mail, which may differ from the requested one. */
  lang: string;
  /** Replies to a mailing go where it says. */
  replyTo?: string | null;
  /** Of a mailing: for the header List-Unsubscribe. */
  oneClickUrl?: string;
};

export type Render = (letter: Letter) => Rendered;

/**
 * Renders letters in the closest available language. Mails that come from no organization come from the installation.
 * Deterministic: the same letter gives the same mail. Tests of mailings: see campaign/test-mail.ts.
 */
export const createRenderer =
  (locales: Pick<Locales, 'pick'>, installation: Installation = UNNAMED): Render =>
  (letter) => {
    const catalogue = locales.pick(letter.locale);
    if (!isWorded(letter)) throw new Error('a test of a mailing has words of its own');
    const from = letter.organization ?? senderOf(installation, say(catalogue.mail.common.sender));
    const blocks = composeBlocks(letter, catalogue, from);
    const about = ownSubject(letter) ?? say(catalogue.mail[letter.template].subject, valuesOf(letter));
    const subject = headerLine(
      letter.testFor === undefined
        ? about
        : say(catalogue.mail.common.test, { email: letter.testFor, subject: about }),
      250,
    );
    return {
      sender: headerLine(from?.name ?? say(catalogue.mail.common.sender), 100),
      subject,
      html: toHtml(blocks, { ...catalogue, subject }),
      text: toPlainText(blocks),
      lang: catalogue.locale,
    };
  };

/** A reminder has none: the same subject again would look like the same mail again. */
function ownSubject(letter: Letter): string | undefined {
  const { words, reminder } = letter.values;
  if (!words?.confirmationSubject || reminder) return undefined;
  return fillIn(words.confirmationSubject, placeholdersOf(letter));
}

/** Null where nothing says who runs this server. An imprint without a name stands under the general name. */
function senderOf({ name, url, imprint }: Installation, fallback: string): Sender | null {
  if (name === '' && imprint === '') return null;
  return { name: name || fallback, url: url || null, imprint: imprint || null };
}
