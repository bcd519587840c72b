import type { Api, Network, Petition, ShareLink } from './api.js';
import { button, h } from './dom.js';
import { say, type Language } from './language.js';

/** Names of networks; those without one (OTHERS) have translated labels. */
const NAMES: Partial<Record<Network, string>> = Object.fromEntries(
  'Facebook X WhatsApp Telegram Bluesky Mastodon Threads LinkedIn Reddit Signal'
    .split(' ')
    .map((name) => [name.toLowerCase(), name]),
);
const OTHERS = ['email', 'sms', 'copy'] as const;
const USUAL = 'whatsapp,facebook,telegram,bluesky,x,email,copy';

/** The networks of the attribute, in its order. Unknown names are left out. */
export const networksOf = (attribute: string | null): Network[] =>
  (attribute ?? USUAL)
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name): name is Network => name in NAMES || (OTHERS as readonly string[]).includes(name));

export type ShareOptions = {
  api: Api;
  petition: Petition;
  networks: Network[];
  language: Language;
  /** The receipt of the signature, to which the links are credited. */
  receipt: string;
  shared: (network: Network) => void;
};

/** Buttons for sharing. A share link is made when its button is first pressed. */
export class ShareButtons {
  readonly #options: ShareOptions;
  readonly #links = new Map<Network, Promise<ShareLink>>();
  readonly #said = h('div', { role: 'status', class: 'said' });
  readonly element: HTMLElement;

  constructor(options: ShareOptions) {
    this.#options = options;
    const { networks, language } = options;
    const { words } = language;
    const buttons = networks.map((network) => this.#button(network));
    if ('share' in navigator) {
      const share = () => this.#attempt(() => this.#shareByDevice());
      buttons.push(button(words.share_device, share, { part: 'share-button' }));
    }
    this.element = h(
      'div',
      { class: 'share', part: 'share' },
      h('h3', {}, words.share_heading),
      h('p', {}, words.share_text),
      h('div', { class: 'buttons' }, ...buttons),
      this.#said,
    );
  }

  #button(network: Network): HTMLButtonElement {
    const { words } = this.#options.language;
    const name = NAMES[network];
    return button(
      name ?? words[`share_${network as (typeof OTHERS)[number]}`],
      () => this.#attempt(() => this.#share(network)),
      {
        part: `share-button share-${network}`,
        'aria-label': name && say(words.share_on, { network: name }),
      },
    );
  }

  async #attempt(act: () => Promise<void>): Promise<void> {
    this.#said.replaceChildren();
    try {
      await act();
    } catch {
      this.#say(this.#options.language.words.share_failed);
    }
  }

  #link(network: Network): Promise<ShareLink> {
    const { api, petition, receipt } = this.#options;
    const known = this.#links.get(network);
    if (known) return known;
    const made = api.shareLink(petition.slug, { network, receipt, locale: petition.locale });
    this.#links.set(network, made);
    made.catch(() => this.#links.delete(network));
    return made;
  }

  async #share(network: Network): Promise<void> {
    if (network === 'copy' || network === 'signal') return this.#copy(network);
    const stays = network === 'email' || network === 'sms';
    // Browsers allow a new window only during a click, so it is opened now, and navigated when the link is there.
    const opened = stays ? null : window.open('about:blank', '_blank', 'width=640,height=640');
    if (opened) opened.opener = null;
    try {
      const { composer_url, url } = await this.#link(network);
      const target = composer_url ?? url;
      if (opened) opened.location.replace(target);
      else if (stays) location.assign(target);
      else this.#offer(target, this.#options.language.words.share_blocked);
      this.#options.shared(network);
    } catch (error) {
      opened?.close();
      throw error;
    }
  }

  async #copy(network: Network): Promise<void> {
    const { words } = this.#options.language;
    const url = this.#link(network).then((link) => link.url);
    try {
      // A promise is written, since some browsers allow clipboard access only during a click.
      const text = url.then((made) => new Blob([made], { type: 'text/plain' }));
      await navigator.clipboard.write([new ClipboardItem({ 'text/plain': text })]);
      this.#say(words.copied, await url);
    } catch {
      const link = h('input', { value: await url, readonly: true, 'aria-label': words.share_link_label });
      this.#said.replaceChildren(h('label', {}, words.share_link_label), link);
      link.select();
    }
    this.#options.shared(network);
  }

  async #shareByDevice(): Promise<void> {
    const { url, text } = await this.#link('copy');
    try {
      await navigator.share({ title: this.#options.petition.title, url, ...(text === null ? {} : { text }) });
      this.#options.shared('copy');
    } catch (error) {
      // The person closed the dialog.
      if ((error as Error).name === 'AbortError') return;
      this.#offer(url, this.#options.language.words.share_link_label);
    }
  }

  #say(text: string, more = ''): void {
    this.#said.replaceChildren(h('p', {}, h('strong', {}, text), more && ` ${more}`));
  }

  #offer(url: string, text: string): void {
    const link = h('a', { href: url, target: '_blank', rel: 'noopener' }, url);
    this.#said.replaceChildren(h('p', {}, text, ' ', link));
  }
}
