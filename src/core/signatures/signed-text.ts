import { closestTo, translationFor } from '../petitions/languages.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import type { SignInput } from './sign-input.js';

/**
 * The translation that somebody signs whose form has this language, by the rule that has chosen what they read; null: the
 * petition's own text.
 */
export const signedText = (
  petition: Pick<PetitionHead, 'locale' | 'translations'>,
  { locale }: Pick<SignInput, 'locale'>,
): number | null => translationFor(petition, closestTo(locale))?.key ?? null;
