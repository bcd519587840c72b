import { randomBytes } from 'node:crypto';
import { Context, TokenKind, type Liquid, type Template } from 'liquidjs';
import type { FrozenText } from '../../../schema/db/tables/mailings.js';
import { htmlEngine, plainEngine } from './liquid.js';
import { encodeQuotedPrintable, SOFT_BREAK, withLineFeeds } from './quoted-printable.js';

/*
 * The body of a mailing. What is the same for everybody is encoded once for each variant and language; for a recipient,
 * only what Liquid puts into the open places is encoded, and spliced in.
 */

/** What the open places of a mailing can say of a recipient. */
export type SpliceValues = Readonly<Record<string, string | null>>;

/** A piece that is encoded, or what makes one for a recipient. */
type Piece = Buffer | Template;

/** A body as it is sent: without dots at the beginnings of lines, and with CRLF at its end. */
export type Body = {
  /** Its own headers, `Content-Type` and so on, each with its CRLF. */
  headers: string;
  /** Appends the pieces of the body for one recipient. */
  write(values: SpliceValues, to: Buffer[]): void;
};

/** Encodes what all recipients of a text get. Throws Liquid's errors. */
export function createBody({ html, text }: Pick<FrozenText, 'html' | 'text'>): Body {
  // `=_` cannot occur in quoted-printable.
  const boundary = `=_${randomBytes(18).toString('base64url')}`;
  const part = (type: string) =>
    Buffer.from(
      `--${boundary}\r\nContent-Type: text/${type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`,
    );
  const parts = [
    { head: part('plain'), pieces: piecesOf(plainEngine, text), engine: plainEngine },
    { head: part('html'), pieces: piecesOf(htmlEngine, html), engine: htmlEngine },
  ];
  const newLine = Buffer.from('\r\n');
  const end = Buffer.from(`--${boundary}--\r\n`);
  return {
    headers: `MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="${boundary}"\r\n`,
    write(values, to) {
      for (const { head, pieces, engine } of parts) {
        to.push(head);
        splice(engine, pieces, values, to);
        to.push(newLine);
      }
      to.push(end);
    },
  };
}

const softBreak = Buffer.from(SOFT_BREAK);

function splice(engine: Liquid, pieces: readonly Piece[], values: SpliceValues, to: Buffer[]): void {
  // One context for all of them: a tag may assign what a later place uses.
  const context = new Context(values, engine.options, { sync: true });
  for (const piece of pieces) {
    if (Buffer.isBuffer(piece)) {
      to.push(piece);
      continue;
    }
    const text = String(engine.renderSync([piece], context));
    if (text !== '') to.push(Buffer.from(encodeQuotedPrintable(text)), softBreak);
  }
}

/** Every piece ends with a soft line break, so that the next one begins in the first column. */
const piecesOf = (engine: Liquid, source: string): Piece[] =>
  engine.parse(withLineFeeds(source)).map((template) => {
    if (template.token.kind !== TokenKind.HTML) return template;
    const encoded = encodeQuotedPrintable(String(engine.renderSync([template])));
    return Buffer.from(encoded === '' ? '' : encoded + SOFT_BREAK);
  });

/** Makes the subject for a recipient: on one line, not yet encoded. */
export function createSubject(subject: string): (values: SpliceValues) => string {
  const templates = plainEngine.parse(subject);
  if (templates.every(({ token }) => token.kind === TokenKind.HTML)) {
    const same = onOneLine(String(plainEngine.renderSync(templates)));
    return () => same;
  }
  return (values) => onOneLine(String(plainEngine.renderSync(templates, values)));
}

/** Prevents header injection: line breaks and other control characters become spaces. */
export const onOneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
