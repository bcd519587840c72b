/**
 * Tells the page around a frame how high this one is, so that the frame needs no scrolling of its own. Any page may
 * hear it: it says nothing about the visitor. The body is measured, since the document is at least as high as the frame.
 */
export function tellHeight(): void {
  const { body } = document;
  new ResizeObserver(() =>
    parent.postMessage({ type: 'undersigned:height', height: body.offsetHeight }, '*'),
  ).observe(body);
}
