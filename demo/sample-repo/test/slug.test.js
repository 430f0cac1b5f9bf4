import assert from 'node:assert/strict';
import { test } from 'node:test';

import { slugify, uniqueSlug } from '../src/slug.js';

test('words are joined by hyphens, in lower case', () => {
  assert.equal(slugify('Hello, World'), 'hello-world');
});

test('accents are dropped', () => {
  assert.equal(slugify('Crème brûlée'), 'creme-brulee');
});

test('punctuation at either end leaves no hyphen', () => {
  assert.equal(slugify('  “Quoted!” '), 'quoted');
});

test('long titles are cut between words', () => {
  assert.equal(slugify('A very long title', { maxLength: 9 }), 'a-very');
});

test('a single long word is cut inside', () => {
  assert.equal(slugify('Donaudampfschifffahrt', { maxLength: 10 }), 'donaudampf');
});

test('a slug that is taken gets a number', () => {
  assert.equal(uniqueSlug('News', ['news', 'news-2']), 'news-3');
});
