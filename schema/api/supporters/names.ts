import { nullable, optional, typedLine } from '../typebox.js';

/* The name of a person, and its parts where they are known. */

export const NAME_EXAMPLE = { name: 'Ada Okonkwo', given_name: 'Ada', family_name: 'Okonkwo' };

const NAME = { examples: [NAME_EXAMPLE.name] };
/** Two parts with a space between them make a name that fits. */
const [MOST, MOST_PART] = [200, 99];

export const name = () => typedLine(MOST, { ...NAME, description: 'Full name, as the signer wrote it.' });

export const partsOfName = {
  given_name: nullable(
    typedLine(MOST_PART, {
      description: 'Given name, where it is known apart.',
      examples: [NAME_EXAMPLE.given_name],
    }),
  ),
  family_name: nullable(
    typedLine(MOST_PART, {
      description: 'Family name, where it is known apart.',
      examples: [NAME_EXAMPLE.family_name],
    }),
  ),
};

export const optionalParts = {
  given_name: optional(partsOfName.given_name),
  family_name: optional(partsOfName.family_name),
};

/** The name of a new person; with the keyword `named`. */
export const nameOrParts = {
  name: optional(
    typedLine(MOST, {
      ...NAME,
      description:
        'Full name, as the signer wrote it: it is what is shown. Without it, `given_name` and `family_name` make it, in this order; one of the three is required.',
    }),
  ),
  ...optionalParts,
};
