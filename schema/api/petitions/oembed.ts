import { Type, type Static } from '@sinclair/typebox';
import { component, enumOf, int, line, matching, open, optional, text, webUrl } from '../typebox.js';

const MOST = 10_000;

export const OEmbed = component(
  'OEmbed',
  open(
    {
      version: enumOf(['1.0'], { description: 'The version of oEmbed.' }),
      type: enumOf(['rich'], { description: 'HTML to put into a page.' }),
      title: line(200, { description: 'Headline of the petition.' }),
      author_name: line(200, { description: 'The lead organization.' }),
      author_url: optional(webUrl({ description: 'Its home page; absent without one.' })),
      provider_name: line(100, { description: 'This service.' }),
      provider_url: webUrl({ description: 'The URL of this service.' }),
      cache_age: int(0, 31_536_000, { description: 'For how many seconds you may cache this.' }),
      html: text(20_000, {
        description:
          'The petition as a custom element, with a link in it for pages where scripts do not run; with `iframe=true` an `<iframe>` of its page on this server. Title and URLs are escaped.',
      }),
      width: int(1, MOST, { description: 'In pixels: `maxwidth` at most.' }),
      height: int(1, MOST, {
        description: 'In pixels: `maxheight` at most. The element itself grows with its content.',
      }),
      thumbnail_url: webUrl({ description: 'The picture of the petition: see `getPetitionPicture`.' }),
      thumbnail_width: int(1, 1200, { description: 'The width to show it in: `maxwidth` at most.' }),
      thumbnail_height: int(1, 630, { description: 'The height to show it in: `maxheight` at most.' }),
    },
    {
      description: 'A petition as oEmbed 1.0.',
      examples: [
        {
          version: '1.0',
          type: 'rich',
          title: 'Keep the Old Mill Meadows a meadow',
          author_name: 'River Meadows Alliance',
          author_url: 'https://rivermeadows.example',
          provider_name: 'Undersigned',
          provider_url: 'https://petitions.example',
          cache_age: 3600,
          html: '<script src="https://petitions.example/embed/v1.js" defer></script><undersigned-petition slug="meadows"><a href="https://rivermeadows.example/meadows">Keep the Old Mill Meadows a meadow</a></undersigned-petition>',
          width: 600,
          height: 800,
          thumbnail_url: 'https://petitions.example/v1/petitions/pet_01kb1vq6h8er3ap3b6n2q4w5xk/og.png',
          thumbnail_width: 600,
          thumbnail_height: 315,
        },
      ],
    },
  ),
);
export type OEmbed = Static<typeof OEmbed>;

/** Unlike other queries it accepts unknown parameters: consumers send their own, such as `dnt`. */
export const OEmbedQuery = open({
  url: webUrl({
    description:
      'The page of a petition, its URL on this server (`/p/…` or `/v1/petitions/…`, by slug or id), or a share link. Query and fragment of a page are ignored.',
    examples: ['https://rivermeadows.example/meadows'],
  }),
  format: optional(
    matching('^[a-z]+$', 20, {
      rule: 'Write json.',
      description: 'Only `json`, which is the default.',
      examples: ['json'],
    }),
  ),
  maxwidth: optional(int(1, MOST, { description: 'The maximum width in pixels.', examples: [600] })),
  maxheight: optional(int(1, MOST, { description: 'The maximum height in pixels.', examples: [800] })),
  iframe: optional(
    Type.Boolean({
      description: 'Whether `html` is a frame, for sites that strip scripts. False if absent.',
      examples: [true],
    }),
  ),
});
