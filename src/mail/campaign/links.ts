import { createHash } from 'node:crypto';
import type { Report } from './finding.js';
import { ONE_MARK } from './protect.js';

/** A link of a variant. `url` null: the petition's, which each recipient has an own one of. */
export type CountedLink = { code: string; url: string | null };

export type LinkBookOptions = {
  publicUrl: string;
  countClicks: boolean;
  /** The variant's: makes its codes differ from those of all others. */
  handle: Buffer;
  petitionUrl: string | null;
};

/** The links of one variant, in all of its languages: the same address has the same code. */
export class LinkBook {
  readonly #urls = new Map<string | null, string>();

  constructor(private readonly options: LinkBookOptions) {
    if (options.countClicks && options.petitionUrl !== null) this.#codeOf(null);
  }

  get all(): CountedLink[] {
    return [...this.#urls].map(([url, code]) => ({ code, url }));
  }

  /**
   * Where a link of the text really leads. `petition`: what stands for the petition's own address. `isSaid`: its text is
   * the address; it leads there straight, since a link that says one address and leads to another looks like a fraud.
   */
  lead(
    href: string,
    { petition, isSaid, report }: { petition: string; isSaid: boolean; report: Report },
  ): string | undefined {
    if (ONE_MARK.test(href)) return href;
    if (/[\ue000\ue001]/.test(href)) {
      const detail =
        'A link holds a value of the recipient: only {{ petition_url }} and the like can stand as a whole link.';
      report('error', 'value_in_link', detail);
      return undefined;
    }
    if (/^(?:mailto|tel):./i.test(href)) return href;
    if (!/^https?:\/\/[^\s/]/i.test(href) || !URL.canParse(href)) {
      report(
        'error',
        'link_unusable',
        `A link leads to “${href.slice(0, 100)}”: write a whole URL, like https://example.org/page.`,
      );
      return undefined;
    }
    const url = new URL(href);
    if (url.username !== '' || url.password !== '') {
      report('error', 'link_unusable', `A link to ${url.host} holds a user or password: leave it out.`);
      return undefined;
    }
    const { petitionUrl, countClicks, publicUrl } = this.options;
    if (petitionUrl !== null && url.href === new URL(petitionUrl).href) return petition;
    const whole = url.href.replaceAll('{', '%7B').replaceAll('}', '%7D');
    return countClicks && !isSaid ? `${publicUrl}/l/${this.#codeOf(whole)}` : whole;
  }

  #codeOf(url: string | null): string {
    const known = this.#urls.get(url);
    if (known !== undefined) return known;
    const place = this.#urls.size;
    const hash = createHash('sha256').update(this.options.handle).update(`link:${place}`).digest();
    const code = hash.subarray(0, 8).toString('base64url');
    this.#urls.set(url, code);
    return code;
  }
}

const unescaped = (attribute: string): string =>
  attribute
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

/** HTML with the address of each link replaced; a link that `lead` has no address for becomes its text. */
export const leadLinks = (
  html: string,
  lead: (href: string, isSaid: boolean) => string | undefined,
): string =>
  html.replace(/<a\b([^>]*)>([\s\S]*?)<\/a>/g, (_whole, attributes: string, inner: string) => {
    const href = /\shref="([^"]*)"/.exec(attributes)?.[1];
    const to = href === undefined ? undefined : lead(unescaped(href).trim(), inner === href);
    if (to === undefined) return inner;
    const escaped = to.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
    return `<a${attributes.replace(/\shref="[^"]*"/, () => ` href="${escaped}"`)}>${inner}</a>`;
  });
