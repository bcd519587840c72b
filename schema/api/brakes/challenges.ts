import { Type } from '@sinclair/typebox';
import { component, enumOf, int, matching, nullableRef, open } from '../typebox.js';

const ALTCHA_EXAMPLE = {
  algorithm: 'SHA-256',
  challenge: '12b2bb3f62929dd74fadf1ce6cb39d0e7b7fb1b0cbd1d7a9e5c1c0b6a4d3e2f1',
  salt: '6d0f0c1b2a394857f6e5d4c3?petition=pet_01kb1vq6h8er3ap3b6n2q4w5xk&expires=1795546000&',
  signature: '9c3e6d1f0a2b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5',
  maxnumber: 50_000,
};
const hex = (description: string) => matching('^[0-9a-f]{64}$', 64, { description });

export const AltchaChallenge = component(
  'AltchaChallenge',
  open(
    {
      algorithm: enumOf(['SHA-256'], { description: 'The hash to compute.' }),
      challenge: hex('The hash to find, in hexadecimal.'),
      salt: matching('^[0-9A-Za-z?=&_-]+$', 300, {
        description: 'The text before the number. Use it unchanged.',
      }),
      signature: hex('Shows that this server made the challenge. Send it back.'),
      maxnumber: int(1, 1_000_000, { description: 'The largest number to try.' }),
    },
    {
      description:
        'A proof-of-work challenge of ALTCHA (version 1). Find the `number`, from 0 on, for which SHA-256 of `salt` followed by the number in decimal equals `challenge`. Then send `altcha` with the signature: base64 of the JSON `{algorithm, challenge, number, salt, signature}`.',
      examples: [ALTCHA_EXAMPLE],
    },
  ),
);

export const Challenge = component(
  'Challenge',
  open(
    {
      required: Type.Boolean({ description: 'Whether signing needs a proof of work at the moment.' }),
      form_token: matching('^ft_[A-Za-z0-9_-]{59}$', 62, {
        description: 'Records when the form was opened. Send it with the signature. Valid for 48 hours.',
      }),
      altcha: nullableRef(AltchaChallenge, {
        description:
          'The challenge to solve within 20 minutes, valid for one signature; null if none is needed.',
      }),
    },
    {
      description: 'What a form needs besides the fields that people fill in.',
      examples: [
        {
          required: true,
          form_token: 'ft_Vq0mJ2c1nXf8c0r6Zk3lY9wTgB5aDhS7eUoP4iKjM2NnRtQxWvCzLyAbEdG',
          altcha: ALTCHA_EXAMPLE,
        },
      ],
    },
  ),
);
