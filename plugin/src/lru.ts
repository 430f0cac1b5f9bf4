// Memory with a limit: what was used longest ago is forgotten first.

export class LruMap<K, V> {
  readonly #map = new Map<K, V>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#map.size;
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  get(key: K): V | undefined {
    const value = this.#map.get(key);
    if (value !== undefined) {
      this.#map.delete(key);
      this.#map.set(key, value);
    }
    return value;
  }

  set(key: K, value: V): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size > this.#limit) this.#map.delete(this.#map.keys().next().value as K);
  }

  delete(key: K): boolean {
    return this.#map.delete(key);
  }

  entries(): [K, V][] {
    return [...this.#map.entries()];
  }
}

export class LruSet<K> {
  readonly #map: LruMap<K, true>;

  constructor(limit: number) {
    this.#map = new LruMap(limit);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  /** True when the key is new. */
  add(key: K): boolean {
    const fresh = !this.#map.has(key);
    this.#map.set(key, true);
    return fresh;
  }
}
