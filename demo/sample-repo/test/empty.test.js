import assert from 'node:assert/strict';
import { test } from 'node:test';

import { slugify } from '../src/slug.js';

// Reported from the blog: a post called "🎉🎉🎉" was published under /posts/ and hid the index page.
test('a title without letters or digits does not give an empty slug', () => {
  assert.notEqual(slugify('🎉🎉🎉'), '');
});
