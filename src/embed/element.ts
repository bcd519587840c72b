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
import { tellHeight } from './frame.js';
import { LiveCount } from './live.js';
import { closedView, imprintView, petitionView } from './petition-view.js';
import { Progress } from './progress.js';
import { responsesView } from './responses.js';
import { networksOf } from './share.js';
import { signForm } from './sign-form.js';
import CSS from './style.css';
import { colorsOf, styleSheet } from './style.js';
import { thanks } from './thanks.js';
import { languageOf, type Language } from './language.js';
import { whyOf } from './why.js';

const FILE = '/embed/v1.js';

/** This script's element, which has the URL of the server. Modules have no currentScript: then by file name. */
const script =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>(`script[src*="${FILE}"]`);
const home = script?.src.split(FILE)[0] ?? location.origin;

type Loaded = { api: Api; petition: Petition; consents: ConsentText[]; language: Language };

let sheet: CSSStyleSheet | undefined;

/**
 * `<undersigned-petition slug="…" key="pk_…">`: a petition to read and to sign. Its children (a link, say) are shown
 * until it is loaded, and where it cannot be shown.
 */
class UndersignedPetition extends HTMLElement {
  static readonly observedAttributes = ['slug', 'key', 'api', 'locale'];
  readonly #root = this.attachShadow({ mode: 'open' });
  readonly #sheet = (sheet ??= styleSheet(CSS));
  #live: LiveCount | undefined;
  /** The number of the latest loading. Results of earlier ones are ignored. */
  #loading = 0;
  #queued = false;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [this.#sheet];
    this.#root.append(h('slot'));
  }

  connectedCallback(): void {
    // The element was moved within the page: what was typed stays.
    if (this.#live) this.#live.start();
    else this.#queueLoad();
  }

  disconnectedCallback(): void {
    this.#live?.stop();
  }

  attributeChangedCallback(_name: string, before: string | null, now: string | null): void {
    if (this.isConnected && before !== now) this.#queueLoad();
  }

  /** Loads once when several attributes change together. */
  #queueLoad(): void {
    if (this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      void this.#load((this.#loading += 1));
    });
  }

  #base(): string {
    return (this.getAttribute('api') ?? home).replace(/\/+$/, '');
  }

  async #load(loading: number): Promise<void> {
    this.#live?.stop();
    this.#live = undefined;
    let petition: Petition | undefined;
    let step = 'petition';
    try {
      const api = createApi(this.#base(), this.getAttribute('key'));
      const asked = this.getAttribute('slug');
      if (!asked) throw new Failure('no_slug');
      const wanted = this.getAttribute('locale');
      petition = await api.petition(asked, wanted);
      if (!this.hasAttribute('key') && !isListed(petition.origins, api.baseUrl)) {
        throw new Failure('origin_not_allowed');
      }
      const { open, slug } = petition;
      const locale = wanted ?? petition.locale;
      const loadingOf = <T>(what: string, promise: Promise<T>): Promise<T> =>
        promise.catch((error: unknown) => {
          step = what;
          throw error;
        });
      const [words, consents] = await Promise.all([
        loadingOf('words', api.words(locale)),
        open ? loadingOf('consent texts', api.consentTexts(slug)) : [],
      ]);
      if (loading === this.#loading) {
        this.#show({ api, petition, consents, language: languageOf(words, locale) });
      }
    } catch (error) {
      if (loading === this.#loading) this.#fallBack(error, petition, step);
    }
  }

  #show(loaded: Loaded): void {
    const { api, petition, language } = loaded;
    const { slug, open } = petition;
    const progress = new Progress(language, petition);
    const article = h('article', { lang: language.locale, dir: language.dir, part: 'petition' });
    const choose = (locale: string) => {
      this.setAttribute('locale', locale);
      // The button goes with all else that was shown.
      focusOn(this);
    };
    article.append(petitionView(petition, language, choose), progress.element);
    article.append(responsesView(api, petition, language) ?? '');
    if (open) {
      const form = signForm({
        ...loaded,
        signed: (accepted, typed) => {
          const panel = this.#thank(loaded, form, accepted, typed);
          form.hidden = true;
          form.after(panel.element);
          focusOn(panel.heading);
          const { next, count } = accepted;
          this.#tell('signed', { slug, next, count });
        },
        refused: (failure) => this.#fallBack(failure, petition),
      });
      article.append(form);
    } else {
      article.append(closedView(petition, language));
    }
    article.append(imprintView(petition) || '');
    this.#root.adoptedStyleSheets = [this.#sheet, styleSheet(colorsOf(petition.organization))];
    this.#root.replaceChildren(article);
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
      confirmed: () => this.#tell('confirmed', { slug }),
      change: () => {
        panel.element.remove();
        form.hidden = false;
        focusOn(form.querySelector<HTMLElement>('[name="email"]') ?? form);
      },
    });
    return panel;
  }

  /** Dispatches an event for scripts of the page. It must never hold personal data. */
  #tell(what: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(`undersigned:${what}`, { detail, bubbles: true, composed: true }));
  }

  /** Shows the children, or else a link to the petition's own page. */
  #fallBack(error: unknown, petition?: Petition, step?: string): void {
    this.#live?.stop();
    this.#live = undefined;
    const code = error instanceof Failure ? error.code : '';
    console.warn(`<undersigned-petition slug="${this.getAttribute('slug') ?? ''}">: ${whyOf(error, step)}`);
    const hasChildren = this.childElementCount > 0 || this.textContent.trim() !== '';
    const url = petition && (petition.page_url ?? `${this.#base()}/p/${petition.slug}`);
    this.#root.replaceChildren(
      hasChildren || !url ? h('slot') : h('a', { href: url, part: 'link' }, petition?.title ?? url),
    );
    if (code === 'offline') window.addEventListener('online', () => this.#queueLoad(), { once: true });
  }
}

/** Whether this page may sign without a key: otherwise the form is not shown, since the server would refuse it. */
const isListed = (origins: readonly string[], server: string): boolean =>
  origins.length === 0 ||
  [...origins, server].some((entry) => {
    const [before = '', after] = entry.split('*');
    if (after !== undefined) return location.origin.startsWith(before) && location.origin.endsWith(after);
    return new URL(entry).origin === location.origin;
  });

if ('adoptedStyleSheets' in Document.prototype && !customElements.get('undersigned-petition')) {
  customElements.define('undersigned-petition', UndersignedPetition);
  // Only this server's own page has nothing but the petition in it.
  if (parent !== window && location.href.startsWith(`${home}/p/`)) tellHeight();
}
