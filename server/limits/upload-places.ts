/** Uploads of signed-in users that are under way without a request slot; as many files as a few pages send at once. */
const SIGNED = 16;
/** Uploads of other visitors, such as those of public forms. */
const ANONYMOUS = 8;

/** The places of one application for uploads that take no request slot. */
export class UploadPlaces {
  private readonly taken = { signed: 0, anonymous: 0 };

  /**
   * @param signed whether the request has a validly signed token
   * @returns what gives the place back, once; undefined if there is none
   */
  take(signed: boolean): (() => void) | undefined {
    const kind = signed ? 'signed' : 'anonymous';
    if (this.taken[kind] >= (signed ? SIGNED : ANONYMOUS)) return undefined;
    this.taken[kind] += 1;
    let held = true;
    return () => {
      if (held) this.taken[kind] -= 1;
      held = false;
    };
  }
}
