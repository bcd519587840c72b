import { component, int, open } from '../typebox.js';

const many = (description: string) => int(0, 2_000_000_000, { description });

export const DeletedTestData = component(
  'DeletedTestData',
  open(
    {
      petitions: many('Petitions.'),
      signatures: many('Signatures, whatever their status.'),
      supporters: many('People who signed or subscribed.'),
      subscriptions: many('Subscriptions, with their records of consent.'),
      share_links: many('Share links.'),
      mails: many('Mails that waited, or were sent within the last 30 days.'),
      mailings: many('Mailings.'),
      imports: many('Imports.'),
    },
    {
      description: 'How much test data was deleted.',
      examples: [
        {
          petitions: 2,
          signatures: 40,
          supporters: 25,
          subscriptions: 12,
          share_links: 3,
          mails: 61,
          mailings: 1,
          imports: 1,
        },
      ],
    },
  ),
);
