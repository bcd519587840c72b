/** The targets of links in mails: our built-in pages, or the operator's URLs with `{token}` in them. */
export type LinkName = 'confirm' | 'unsubscribe' | 'manage' | 'emailChange' | 'emailUndo';
export type LinkTemplates = Readonly<Record<LinkName, string>>;

/** The built-in page of each link, relative to PUBLIC_URL. */
export const PAGES: LinkTemplates = {
  confirm: '/confirm?token={token}',
  unsubscribe: '/unsubscribe?token={token}',
  manage: '/manage?token={token}',
  emailChange: '/email-change?token={token}',
  emailUndo: '/email-undo?token={token}',
};

export type Links = {
  to(name: LinkName, token: string): string;
  /** For List-Unsubscribe: always our own URL, since mail providers call it without opening a page. */
  oneClick(token: string): string;
  /** The address of a share link. */
  share(code: string): string;
  /** The address of a link of a mailing, which counts clicks. `token`: the recipient's, for links to the petition. */
  click(code: string, token?: string): string;
  /**
   * Where people read and sign a petition: its own page, or the one of this server, in the language of a translation if it
   * is about one.
   */
  petition(petition: { slug: string; pageUrl: string | null; translation?: string | null }): string;
  /** The page of this server where people ask for a link to their data. */
  manage: string;
  /** The page of this server for the code of a mail; null where operators have a page of their own. */
  code: string | null;
  /** The page of a delivery, for those to whom it was mailed. */
  delivery(token: string): string;
  /** The origin of the pages of this server. */
  origin: string;
};

export const createLinks = (publicUrl: string, templates: Partial<LinkTemplates>): Links => ({
  to: (name, token) =>
    (templates[name] || publicUrl + PAGES[name]).replaceAll('{token}', () => encodeURIComponent(token)),
  oneClick: (token) => `${publicUrl}/v1/unsubscribe/${token}`,
  share: (code) => `${publicUrl}/s/${code}`,
  click: (code, token) => `${publicUrl}/l/${code}${token === undefined ? '' : `/${token}`}`,
  petition: ({ slug, pageUrl, translation = null }) =>
    pageUrl ?? `${publicUrl}/p/${slug}${translation === null ? '' : `?locale=${translation}`}`,
  manage: `${publicUrl}/manage`,
  delivery: (token) => `${publicUrl}/delivery?token=${token}`,
  code: templates.confirm ? null : `${publicUrl}/confirm`,
  origin: new URL(publicUrl).origin,
});
