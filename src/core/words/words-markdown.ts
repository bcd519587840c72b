import MarkdownIt from 'markdown-it';
import { escapeHtml } from '../../escape-html.js';
import type { FieldError } from '../../errors.js';
import { safeHtml } from '../petitions/markdown.js';

/*
 * The Markdown of own words: paragraphs, emphasis, lists, quotes and links. They are mailed to mailboxes that nobody has
 * proven yet, so they hold no words of signers, load nothing, and no link says that it leads elsewhere than it does.
 */

const markdown = new MarkdownIt({ html: false, linkify: true, typographer: false });
markdown.disable(['table', 'code', 'fence', 'backticks', 'strikethrough', 'hr', 'lheading', 'reference']);
// Only whole URLs become links, since `example.org` alone would lead to http.
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
// Wrong links must be seen to be refused.
markdown.validateLink = () => true;
// Headings of their own would break the order of the headings around them.
markdown.renderer.rules['heading_open'] = () => '<p><strong>';
markdown.renderer.rules['heading_close'] = () => '</strong></p>\n';

type Token = ReturnType<typeof markdown.parse>[number];

/** What a text can name. None may be said by a signer: texts go to addresses that a stranger may have typed. */
export const PLACEHOLDERS = ['petition', 'organization'] as const;
export type PlaceholderValues = Record<(typeof PLACEHOLDERS)[number], string>;

const PLACEHOLDER = /\{([^{}\n]*)\}/g;

/** A plain text with its placeholders filled in. */
export const fillIn = (text: string, values: PlaceholderValues): string =>
  text.replace(PLACEHOLDER, (whole, name: string) => values[name as keyof PlaceholderValues] ?? whole);

/** The same for HTML of `wordsHtml`. */
export const fillInHtml = (html: string, values: PlaceholderValues): string =>
  fillIn(html, { petition: escapeHtml(values.petition), organization: escapeHtml(values.organization) });

/** The placeholders that do not exist. */
export function checkPlaceholders(pointer: string, text: string): FieldError[] {
  const unknown = [...text.matchAll(PLACEHOLDER)].map(([, name = '']) => name);
  return [...new Set(unknown)]
    .filter((name) => !(PLACEHOLDERS as readonly string[]).includes(name))
    .map((name) => ({
      pointer,
      code: 'unknown_placeholder',
      detail: `{${name}} is no placeholder: write {petition} or {organization}.`,
    }));
}

/** What a Markdown text must not have, each said once. */
export function checkMarkdown(pointer: string, text: string): FieldError[] {
  const inline = markdown.parse(text, {}).flatMap(({ children }) => children ?? []);
  const faults = [
    ...checkPlaceholders(pointer, text),
    ...(inline.some(({ type }) => type === 'image')
      ? [{ pointer, code: 'image', detail: 'Pictures cannot be mailed: leave them out.' }]
      : []),
    ...(inline.some(({ type, content }) => type === 'text' && HTML.test(content))
      ? [{ pointer, code: 'html', detail: 'HTML is not possible here: write Markdown, like **bold**.' }]
      : []),
    ...linksIn(inline).flatMap((link) => faultsOf(link).map((fault) => ({ pointer, ...fault }))),
  ];
  return faults.filter(({ detail }, i) => faults.findIndex((one) => one.detail === detail) === i);
}

const HTML = /<\/?[a-z][^<]*>|<!--/i;

type Link = { href: string; text: string };

function linksIn(inline: readonly Token[]): Link[] {
  const links: Link[] = [];
  let open: Link | undefined;
  for (const token of inline) {
    if (token.type === 'link_open') links.push((open = { href: String(token.attrGet('href')), text: '' }));
    else if (token.type === 'link_close') open = undefined;
    else if (open) open.text += token.content;
  }
  return links;
}

function faultsOf({ href, text }: Link): Omit<FieldError, 'pointer'>[] {
  const url = URL.canParse(href) ? new URL(href) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    return [
      { code: 'link', detail: `A link leads to ${href}: write a whole URL that begins with https://.` },
    ];
  }
  if (/%7B|[{}]/i.test(href)) {
    return [{ code: 'link', detail: 'Links cannot hold placeholders: write the whole URL.' }];
  }
  const said = hostsIn(text).find((host) => host !== url.hostname && !url.hostname.endsWith(`.${host}`));
  if (said === undefined) return [];
  return [
    {
      code: 'disguised_link',
      detail: `A link says ${said} and leads to ${url.hostname}: let it say where it leads, or use other words.`,
    },
  ];
}

/** Finds what looks like an address of a site, with or without https. */
const addresses = new MarkdownIt().linkify.set({ fuzzyLink: true, fuzzyEmail: true });

const hostsIn = (text: string): string[] =>
  (addresses.match(text) ?? []).flatMap(({ url }) =>
    URL.canParse(url) ? [new URL(url).hostname.replace(/^www\./, '')] : [],
  );

/** Own words as HTML that is safe in any page, placeholders left as they are. */
export const wordsHtml = (text: string): string => safeHtml(markdown.render(text));

/** A paragraph or item of a list as plain text. `marker`: what stands before its first line, such as `- `. */
export type PlainPiece = { marker: string; depth: number; quoted: boolean; text: string };

/** Own words as plain text, placeholders left as they are: behind its text, a link says where it leads. */
export function plainPieces(text: string): PlainPiece[] {
  const pieces: PlainPiece[] = [];
  const lists: { next: number | null }[] = [];
  let [marker, quotes] = ['', 0];
  for (const token of markdown.parse(text, {})) {
    switch (token.type) {
      case 'bullet_list_open':
        lists.push({ next: null });
        break;
      case 'ordered_list_open':
        lists.push({ next: Number(token.attrGet('start') ?? 1) });
        break;
      case 'bullet_list_close':
      case 'ordered_list_close':
        lists.pop();
        break;
      case 'list_item_open':
        marker = markerOf(lists.at(-1));
        break;
      case 'blockquote_open':
        quotes += 1;
        break;
      case 'blockquote_close':
        quotes -= 1;
        break;
      case 'inline':
        pieces.push({
          marker,
          depth: lists.length,
          quoted: quotes > 0,
          text: plainText(token.children ?? []),
        });
        marker = '';
    }
  }
  return pieces;
}

function markerOf(list: { next: number | null } | undefined): string {
  if (!list || list.next === null) return '- ';
  return `${list.next++}. `;
}

function plainText(inline: readonly Token[]): string {
  const [texts, links] = [[] as string[], linksIn(inline)];
  let begun = 0;
  for (const { type, content } of inline) {
    if (type === 'link_open') begun = texts.length;
    else if (type === 'link_close') {
      const { href = '', text = '' } = links.shift() ?? {};
      const isSaid = text === href || `${text}/` === href;
      if (isSaid) texts.splice(begun, Infinity, href);
      else texts.push(` (${href})`);
    } else texts.push(type === 'softbreak' ? ' ' : type === 'hardbreak' ? '\n' : content);
  }
  return texts.join('');
}
