import type { PlainPiece } from '../core/words/words-markdown.js';
import type { Block, Blocks } from './blocks.js';

const WIDTH = 72;

/** A mail as plain text: lines of at most 72 characters, each link unbroken on its own line. */
export const toPlainText = ({ body, footer }: Blocks): string =>
  // "-- " is the separator by which mail programs recognise a footer.
  `${paragraphs(body)}\n\n-- \n${paragraphs(footer)}\n`;

const paragraphs = (blocks: readonly Block[]): string => blocks.map(render).join('\n\n');

function render(block: Block): string {
  switch (block.kind) {
    case 'heading': {
      const text = wrap(block.text);
      return `${text}\n${'='.repeat(Math.min(WIDTH, Math.max(...text.split('\n').map((line) => line.length))))}`;
    }
    case 'quote':
      return wrap(block.text, '> ');
    case 'code':
      return `    ${block.text}`;
    case 'words':
      return block.pieces.map((one, i) => gapBefore(one, block.pieces[i - 1]) + pieceOf(one)).join('');
    case 'agreement':
      return `${wrap(`${block.organization}:`)}\n${wrap(block.text, '> ')}`;
    case 'button':
    case 'link':
      return `${wrap(`${block.label}:`)}\n${block.link}`;
    default:
      return wrap(block.text);
  }
}

/** Items of a list stand together. */
function gapBefore({ marker }: PlainPiece, before: PlainPiece | undefined): string {
  if (!before) return '';
  return marker !== '' && before.depth > 0 ? '\n' : '\n\n';
}

/** Lines that go on below a marker are indented like the first. */
function pieceOf({ marker, depth, quoted, text }: PlainPiece): string {
  const indent = '  '.repeat(Math.max(0, depth - 1));
  const before = `${quoted ? '> ' : ''}${indent}`;
  const rest = before + ' '.repeat(marker.length || (depth > 0 ? 2 : 0));
  const wrapped = wrap(text, rest);
  return marker === '' ? wrapped : before + marker + wrapped.slice(rest.length);
}

/** Wraps lines between words, with `before` at the start of each. Words that are longer than a line stay whole. */
export function wrap(text: string, before = ''): string {
  const width = WIDTH - before.length;
  return cleanLines(text)
    .flatMap((line) => wrapLine(line, width))
    .map((line) => (before + line).trimEnd())
    .join('\n');
}

function wrapLine(line: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(/[ \t]+/).filter(Boolean)) {
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current];
}

/** The lines of a text, without control characters. */
export const cleanLines = (text: string): string[] =>
  text
    .trim()
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map((line) => line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, ''));
