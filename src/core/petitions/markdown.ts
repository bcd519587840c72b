import MarkdownIt from 'markdown-it';
import sanitize from 'sanitize-html';

/* Renders a petition's background: Markdown to safe HTML, with citations of its references. */

const markdown = new MarkdownIt({ html: false, linkify: true, typographer: false }).disable('table');

/** `[^3]` is a citation: a link to the reference with that number. */
markdown.inline.ruler.before('link', 'citation', (state, silent) => {
  const match = /^\[\^(\d{1,3})\]/.exec(state.src.slice(state.pos, state.pos + 6));
  if (!match) return false;
  if (!silent) state.push('citation', '', 0).content = String(Number(match[1]));
  state.pos += match[0].length;
  return true;
});
markdown.renderer.rules.citation = (tokens, i) => {
  const number = tokens[i]?.content ?? '';
  return `<sup><a href="#reference-${number}">${number}</a></sup>`;
};

const RULES: sanitize.IOptions = {
  allowedTags: [
    'p',
    'br',
    'hr',
    'h2',
    'h3',
    'h4',
    'em',
    'strong',
    's',
    'blockquote',
    'ul',
    'ol',
    'li',
    'a',
    'sup',
    'code',
    'pre',
  ],
  allowedAttributes: { a: ['href', 'rel'], ol: ['start'] },
  allowedSchemes: ['http', 'https', 'mailto'],
  allowProtocolRelative: false,
  transformTags: {
    h1: 'h2',
    a: (tagName, attribs) => ({
      tagName,
      attribs: attribs['href']?.startsWith('#')
        ? attribs
        : { ...attribs, rel: 'nofollow noopener noreferrer' },
    }),
  },
};

/** The numbers of the references that a background cites, ascending, each once. */
export function citedNumbers(source: string): number[] {
  const cited = markdown
    .parse(source, {})
    .flatMap((token) => token.children ?? [])
    .filter((token) => token.type === 'citation')
    .map((token) => Number(token.content));
  return [...new Set(cited)].sort((a, b) => a - b);
}

/** Leaves of rendered Markdown what is safe in any page. */
export const safeHtml = (html: string): string => sanitize(html, RULES);

/** Renders Markdown to HTML that is safe in any page. */
export const renderBackground = (source: string): string => safeHtml(markdown.render(source));
