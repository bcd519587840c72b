import { Type } from '@sinclair/typebox';
import { CONFIRMATIONS } from '../../db/tables/petitions.js';
import { SIGNATURE_STATUSES } from '../../db/tables/signatures.js';
import { exampleId, id } from '../common.js';
import { component, enumOf, instant, int, matching, nullable, open } from '../typebox.js';

/* The answers to signing. */

const MAX = 2_147_483_647;

const RECEIPT = 'rc_Vq0mJ2c1nXf8c0r6Zk3lY9wTgB5aDhS7eUoP4iKjM2NnRtQxWvCzLyAbEdG';
const receipt = () =>
  matching('^rc_[A-Za-z0-9_-]{59}$', 62, {
    rule: 'Send the receipt that signing returned.',
    description:
      'A sealed token, new each time, for making share links that are credited to this signature. It is good for nothing else.',
    examples: [RECEIPT],
  });
const next = () =>
  enumOf(['confirm_email', 'done'], {
    description: 'What the signer has to do next: open the mail that was sent, or nothing.',
  });

export const SignatureAccepted = component(
  'SignatureAccepted',
  open(
    {
      petition_id: id('pet', 'The petition.'),
      confirmation: enumOf(CONFIRMATIONS, { description: 'What makes a signature of this petition count.' }),
      next: next(),
      count: int(0, MAX, {
        description: 'How many have signed the petition (the `total` of its counts), as last published.',
      }),
      receipt: receipt(),
    },
    {
      description:
        'The answer to callers without a secret key: the same whether or not this address has signed before.',
      examples: [
        {
          petition_id: exampleId('pet'),
          confirmation: 'email',
          next: 'confirm_email',
          count: 4211,
          receipt: RECEIPT,
        },
      ],
    },
  ),
);

export const SignatureResult = component(
  'SignatureResult',
  open(
    {
      id: id('sig', 'The signature.'),
      petition_id: id('pet', 'The petition.'),
      status: enumOf(SIGNATURE_STATUSES, { description: 'The status of the signature.' }),
      created: Type.Boolean({
        description: 'False if this supporter had already signed, and nothing was added.',
      }),
      created_at: instant({ description: 'When it was signed.' }),
      confirmed_at: nullable(instant({ description: 'When it began to count; null if it does not yet.' })),
      next: next(),
      count: int(0, MAX, {
        description: 'How many have signed the petition now: the `total` of its counts.',
      }),
      receipt: receipt(),
    },
    {
      description: 'The answer to a secret key: what actually happened.',
      examples: [
        {
          id: exampleId('sig'),
          petition_id: exampleId('pet'),
          status: 'pending',
          created: true,
          created_at: '2026-11-23T19:04:05.678Z',
          confirmed_at: null,
          next: 'confirm_email',
          count: 4211,
          receipt: RECEIPT,
        },
      ],
    },
  ),
);
