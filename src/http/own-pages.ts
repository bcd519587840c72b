/** What `ownPages` of the server is: see src/http/auth.ts. */
export const ownPagesOf = ({
  publicUrl,
  secretKeysInDocs = false,
}: {
  publicUrl: string;
  secretKeysInDocs?: boolean | undefined;
}) => ({
  origin: new URL(publicUrl).origin,
  base: new URL(publicUrl).pathname.replace(/\/$/, ''),
  sendSecretKeys: secretKeysInDocs,
});
