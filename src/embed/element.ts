import {
  createApi,
  Failure,
  type Accepted,
  type Api,
  type ConsentText,
  type Petition,
  type SignatureInput,
} from './api.js';
import { focusOn, h } from './dom.js';
import { LiveCount } from './live.js';
import { closedView, petitionView } from './petition-view.js';
import { Progress } from './progress.js';
import { networksOf } from './share.js';
import { signForm } from './sign-form.js';
import { styleSheet } from './style.js';
import { thanks } from './thanks.js';
import { languageOf, type Language } from './words.js';

const FILE = '/embed/v1.js';

/** Where the script came from. A module has no currentScript: then by its name. */
const script =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>(`script[src*="${FILE}"]`);
const home = script?.src.split(FILE)[0] ?? location.origin;

type Loaded = { api: Api; petition: Petition; consents: ConsentText[]; language: Language };

let sheet: CSSStyleSheet | undefined;

/**
 * `<undersigned-petition slug="…" key="pk_…">`: a petition to read and to sign. Until it is there, and where it cannot
 * be, its children are shown: a link, say.
 */
class UndersignedPetition extends HTMLElement {
  static readonly observedAttributes = ['slug', 'key', 'api', 'locale'];
  readonly #root = this.attachShadow({ mode: 'open' });
  #live: LiveCount | undefined;
  /** Which loading it is: an earlier one that is still on its way counts no more. */
  #turn = 0;
  #asked = false;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [(sheet ??= styleSheet())];
    this.#root.append(h('slot'));
  }

  connectedCallback(): void {
    // Moved within the page: what was typed stays.
    if (this.#live) this.#live.start();
    else this.#ask();
  }

  disconnectedCallback(): void {
    this.#live?.stop();
  }

  attributeChangedCallback(_name: string, before: string | null, now: string | null): void {
    if (this.isConnected && before !== now) this.#ask();
  }

  /** Once, however many attributes change at a time. */
  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    queueMicrotask(() => {
      this.#asked = false;
      void this.#load((this.#turn += 1));
    });
  }

  async #load(turn: number): Promise<void> {
    this.#live?.stop();
    this.#live = undefined;
    let petition: Petition | undefined;
    try {
      const api = createApi((this.getAttribute('api') ?? home).replace(/\/+$/, ''), this.getAttribute('key'));
      petition = await api.petition(this.getAttribute('slug') ?? '');
      if (!this.hasAttribute('key') && !isListed(petition.origins)) throw new Failure('origin_not_allowed');
      const { open, slug, locale } = petition;
      const [words, consents] = await Promise.all([
        api.words(this.getAttribute('locale') ?? locale),
        open ? api.consentTexts(slug) : [],
      ]);
      if (turn === this.#turn) this.#show({ api, petition, consents, language: languageOf(words) });
    } catch (error) {
      if (turn === this.#turn) this.#fallBack(error, petition);
    }
  }

  #show({ api, petition, consents, language }: Loaded): void {
    const { slug, counts, open } = petition;
    const progress = new Progress(language, counts, petition.status === 'published');
    const page = h('article', { lang: language.locale, dir: language.dir, part: 'petition' });
    page.append(petitionView(petition, language), progress.element);
    if (open) {
      const form = signForm({
        api,
        petition,
        consents,
        language,
        signed: (accepted, typed) => {
          const panel = this.#thank({ api, petition, consents, language }, form, accepted, typed);
          form.hidden = true;
          form.after(panel.element);
          focusOn(panel.heading);
          const { next, count } = accepted;
          this.#tell('signed', { slug, next, count });
        },
        refused: (failure) => this.#fallBack(failure, petition),
      });
      page.append(form);
    } else {
      page.append(closedView(petition, language));
    }
    this.#root.replaceChildren(page);
    this.#live = new LiveCount(api, slug, progress.show);
    if (this.isConnected) this.#live.start();
  }

  #thank(
    { api, petition, language }: Loaded,
    form: HTMLFormElement,
    accepted: Accepted,
    typed: SignatureInput,
  ) {
    const { slug } = petition;
    const panel = thanks({
      petition,
      accepted,
      email: typed.email,
      language,
      share: {
        api,
        networks: networksOf(this.getAttribute('networks')),
        shared: (network) => this.#tell('shared', { slug, network }),
      },
      change: () => {
        panel.element.remove();
        form.hidden = false;
        form.querySelector<HTMLElement>('[name="email"]')?.focus();
      },
    });
    return panel;
  }

  /** For the page's own scripts: never who it was. */
  #tell(what: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(`undersigned:${what}`, { detail, bubbles: true, composed: true }));
  }

  /** Shows the children, or else a link to the petition's own page. */
  #fallBack(error: unknown, petition: Petition | undefined): void {
    this.#live?.stop();
    this.#live = undefined;
    const code = error instanceof Failure ? error.code : String(error);
    console.warn(`<undersigned-petition slug="${this.getAttribute('slug') ?? ''}"> cannot be shown: ${code}`);
    const hasChildren = this.childElementCount > 0 || this.textContent.trim() !== '';
    const url = petition?.page_url;
    this.#root.replaceChildren(
      hasChildren || !url ? h('slot') : h('a', { href: url, part: 'link' }, petition?.title ?? url),
    );
    if (code === 'offline') window.addEventListener('online', () => this.#ask(), { once: true });
  }
}

/** Whether a form without a key may stand here: then it is not shown to be refused in the end. */
const isListed = (origins: readonly string[]): boolean =>
  origins.length === 0 ||
  origins.some((entry) => {
    const [before = '', after] = entry.split('*');
    if (after !== undefined) return location.origin.startsWith(before) && location.origin.endsWith(after);
    return new URL(entry).origin === location.origin;
  });

if ('adoptedStyleSheets' in Document.prototype && !customElements.get('undersigned-petition')) {
  customElements.define('undersigned-petition', UndersignedPetition);
}
