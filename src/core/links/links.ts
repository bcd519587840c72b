/** Where links in mails point: to our built-in pages, or to your own, with the token in place of `{token}`. */
export type LinkName = 'confirm' | 'unsubscribe' | 'manage' | 'emailChange' | 'emailUndo';
export type LinkTemplates = Readonly<Record<LinkName, string>>;

/** The built-in page of each link, below PUBLIC_URL. */
export const PAGES: LinkTemplates = {
  confirm: '/confirm?token={token}',
  unsubscribe: '/unsubscribe?token={token}',
  manage: '/manage?token={token}',
  emailChange: '/email-change?token={token}',
  emailUndo: '/email-undo?token={token}',
};

export type Links = {
  to(name: LinkName, token: string): string;
  /** For List-Unsubscribe: always ours, since mail providers call it without a person. */
  oneClick(token: string): string;
  /** What people spread. */
  share(code: string): string;
};

export const createLinks = (publicUrl: string, templates: Partial<LinkTemplates>): Links => ({
  to: (name, token) =>
    (templates[name] || publicUrl + PAGES[name]).replaceAll('{token}', () => encodeURIComponent(token)),
  oneClick: (token) => `${publicUrl}/v1/unsubscribe/${token}`,
  share: (code) => `${publicUrl}/s/${code}`,
});
