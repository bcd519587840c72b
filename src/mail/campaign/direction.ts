const RTL_LANGUAGES = ['ar', 'arc', 'ckb', 'dv', 'fa', 'he', 'khw', 'ps', 'sd', 'syr', 'ug', 'ur', 'yi'];
const RTL_SCRIPTS = ['Adlm', 'Arab', 'Hebr', 'Nkoo', 'Rohg', 'Syrc', 'Thaa'];

/** In which direction a language is written: by its script, if the tag names one. */
export function directionOf(locale: string): 'ltr' | 'rtl' {
  const [language = '', script = ''] = locale.split('-');
  const isRtl = script.length === 4 ? RTL_SCRIPTS.includes(script) : RTL_LANGUAGES.includes(language);
  return isRtl ? 'rtl' : 'ltr';
}
