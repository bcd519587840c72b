import MarkdownIt from 'markdown-it';

/* Markdown as paragraphs, headings and items that can be drawn. Pictures and HTML are not. */

export type Span = { text: string; isBold: boolean; isSlanted: boolean };
/** `lines`: as their writer broke them; most have one. */
export type Block = { type: 'H' | 'P' | 'LI'; level: number; marker: string; lines: Span[][] };

const markdown = new MarkdownIt({ html: false, linkify: false, typographer: false }).disable([
  'table',
  'image',
]);
type Token = ReturnType<typeof markdown.parse>[number];

/** The blocks of a text in Markdown. Headings have levels from 1; what is quoted or in a list has a depth as its level. */
export function blocksOf(source: string): Block[] {
  const blocks: Block[] = [];
  const lists: (number | null)[] = [];
  let [depth, heading, marker] = [0, 0, ''];
  for (const token of markdown.parse(source, {})) {
    if (token.type === 'heading_open') heading = Number(token.tag.slice(1));
    else if (token.type === 'heading_close') heading = 0;
    else if (token.type === 'bullet_list_open') lists.push(null);
    else if (token.type === 'ordered_list_open') lists.push(Number(token.attrGet('start') ?? 1));
    else if (/_list_close$/.test(token.type)) lists.pop();
    else if (token.type === 'list_item_open') marker = nextMarker(lists);
    else if (token.type === 'blockquote_open') depth += 1;
    else if (token.type === 'blockquote_close') depth -= 1;
    else if (token.type === 'inline' || token.type === 'fence' || token.type === 'code_block') {
      const lines =
        token.type === 'inline'
          ? linesOf(token.children ?? [])
          : token.content
              .trimEnd()
              .split('\n')
              .map((line) => [plainSpan(line)]);
      const type = heading > 0 ? 'H' : lists.length > 0 ? 'LI' : 'P';
      blocks.push({ type, level: heading || lists.length + depth, marker, lines });
      marker = '';
    }
  }
  return blocks;
}

function nextMarker(lists: (number | null)[]): string {
  const next = lists.at(-1);
  if (next === null || next === undefined) return '•';
  lists[lists.length - 1] = next + 1;
  return `${next}.`;
}

const plainSpan = (text: string): Span => ({ text, isBold: false, isSlanted: false });

/** What a line says, and where its links lead: paper has nothing to click on. */
function linesOf(inline: readonly Token[]): Span[][] {
  const lines: Span[][] = [[]];
  let [bold, slanted, href, label] = [0, 0, '', ''];
  const say = (text: string) => {
    label += text;
    lines.at(-1)?.push({ text, isBold: bold > 0, isSlanted: slanted > 0 });
  };
  for (const token of inline) {
    if (token.type === 'strong_open') bold += 1;
    else if (token.type === 'strong_close') bold -= 1;
    else if (token.type === 'em_open') slanted += 1;
    else if (token.type === 'em_close') slanted -= 1;
    else if (token.type === 'link_open') [href, label] = [String(token.attrGet('href')), ''];
    else if (token.type === 'link_close') {
      if (label !== href) say(` (${href})`);
    } else if (token.type === 'hardbreak') lines.push([]);
    else if (token.type === 'softbreak') say(' ');
    else say(token.content.replace(/\[\^(\d{1,3})\]/g, '[$1]'));
  }
  return lines;
}
