/** A style sheet as text: scripts/embed.ts makes it small. */
declare module '*.css' {
  const css: string;
  export default css;
}
