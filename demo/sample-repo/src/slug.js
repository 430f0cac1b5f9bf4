const ACCENTS = /\p{Mark}/gu;
const WORDS = /[a-z0-9]+/g;

/** Turns a title into a slug of at most `maxLength` characters, cut between words where possible. */
export function slugify(title, { maxLength = 60 } = {}) {
  const words = title.normalize('NFKD').replace(ACCENTS, '').toLowerCase().match(WORDS) ?? [];
  let slug = '';
  for (const word of words) {
    const next = slug === '' ? word.slice(0, maxLength) : `${slug}-${word}`;
    if (next.length > maxLength) break;
    slug = next;
  }
  return slug;
}

/** A slug for `title` that is not among `taken`. */
export function uniqueSlug(title, taken, options) {
  const used = new Set(taken);
  const slug = slugify(title, options);
  if (!used.has(slug)) return slug;
  let n = 2;
  while (used.has(`${slug}-${n}`)) n += 1;
  return `${slug}-${n}`;
}
