import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import t from 'tap';
import { packageRoot } from '../src/package.js';

/** The widget's own code, as the browser has it. */
async function languageOf(locale: string, words: Record<string, string>): Promise<any> {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL('src/embed/language.ts', packageRoot))],
    bundle: true,
    format: 'esm',
    write: false,
  });
  const code = outputFiles[0]?.text ?? '';
  const module = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  return module.languageOf({ locale, dir: 'ltr', words });
}

t.test('the widget counts as the language does', async (t) => {
  const counted = async (locale: string, words: Record<string, string>, numbers: number[]) => {
    const { count } = await languageOf(locale, words);
    return numbers.map((number) => count(number).replace(/.* /, ''));
  };

  const polish = {
    count_one: '{{ count }} podpis',
    count_few: '{{ count }} podpisy',
    count_many: '{{ count }} podpisów',
    count_other: '{{ count }} podpisu',
  };
  t.same(await counted('pl', polish, [1, 2, 4, 5, 12, 22, 25, 1002]), [
    'podpis',
    'podpisy',
    'podpisy',
    'podpisów',
    'podpisów',
    'podpisy',
    'podpisów',
    'podpisy',
  ]);

  const arabic = Object.fromEntries(
    ['zero', 'one', 'two', 'few', 'many', 'other'].map((form) => [`count_${form}`, `{{ count }} ${form}`]),
  );
  t.same(await counted('ar', arabic, [0, 1, 2, 3, 11, 100]), ['zero', 'one', 'two', 'few', 'many', 'other']);

  const english = { count_one: '{{ count }} signature', count_other: '{{ count }} signatures' };
  t.same(await counted('en', english, [0, 1, 2]), ['signatures', 'signature', 'signatures']);
  t.same(
    await counted('pl', english, [1, 3, 5]),
    ['signature', 'signatures', 'signatures'],
    'a form is not there',
  );
});
