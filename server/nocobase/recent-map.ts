/** A map of bounded size: of more entries, the ones that were not read or written for the longest time are dropped. */
export class RecentMap<Key, Value> extends Map<Key, Value> {
  constructor(private readonly max: number) {
    super();
  }

  override get(key: Key): Value | undefined {
    if (!this.has(key)) return undefined;
    const value = super.get(key) as Value;
    this.delete(key);
    super.set(key, value);
    return value;
  }

  override set(key: Key, value: Value): this {
    this.delete(key);
    super.set(key, value);
    for (const oldest of this.keys()) {
      if (this.size <= this.max) break;
      this.delete(oldest);
    }
    return this;
  }
}
