/** The address of the picture of a petition; `translation`: the language of a translation that it shows. */
export const pictureUrl = (publicUrl: string, petitionId: string, translation: string | null): string =>
  `${publicUrl}/v1/petitions/${petitionId}/og.png${translation === null ? '' : `?locale=${translation}`}`;
