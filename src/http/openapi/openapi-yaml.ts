import { Document, isMap, isScalar, isSeq, visit } from 'yaml';

const made = new WeakMap<object, string>();

/** The document as YAML, in a compact style: references and lists of short strings take one line. */
export function toYaml(document: object): string {
  const known = made.get(document);
  if (known !== undefined) return known;
  const yaml = new Document(document, { aliasDuplicateObjects: false, compat: 'yaml-1.1' });
  visit(yaml, {
    Scalar: (_key, scalar) => {
      // YAML 1.1 parsers would read an unquoted timestamp as a date.
      if (typeof scalar.value === 'string' && /^\d{4}-\d\d-\d\d/.test(scalar.value)) {
        scalar.type = 'QUOTE_DOUBLE';
      }
    },
    Map: (_key, map) => {
      if (map.items.length === 1 && map.has('$ref')) map.flow = true;
    },
    Seq: (_key, list) => {
      if (list.items.every((item) => isScalar(item) && String(item.value).length < 40)) list.flow = true;
      if (list.items.every((item) => isMap(item) && item.items.every(({ value }) => isSeq(value)))) {
        list.flow = true;
      }
    },
  });
  const text = yaml.toString({ lineWidth: 120, flowCollectionPadding: false });
  made.set(document, text);
  return text;
}
