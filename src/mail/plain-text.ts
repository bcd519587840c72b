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
    case 'agreement':
      return `${wrap(`${block.organization}:`)}\n${wrap(block.text, '> ')}`;
    case 'button':
    case 'link':
      return `${wrap(`${block.label}:`)}\n${block.link}`;
    default:
      return wrap(block.text);
  }
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
