type Attributes = Record<string, string | number | boolean | null | undefined>;
type Child = Node | string | null | undefined | false;

/** Makes an element. Attributes that are false, null or undefined are left out; strings become text, never HTML. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

export function button(
  text: Child,
  act: (event: Event) => unknown,
  attributes: Attributes = {},
): HTMLButtonElement {
  const made = h('button', { type: 'button', ...attributes }, text);
  made.addEventListener('click', (event) => void act(event));
  return made;
}

/** Focuses an element, also a folded one, or one that is not focusable otherwise: it stays out of the Tab order. */
export function focusOn(element: HTMLElement): void {
  element.closest('details')?.setAttribute('open', '');
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus();
}

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
