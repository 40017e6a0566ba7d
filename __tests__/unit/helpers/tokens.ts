// The package with which NocoBase signs tokens; it brings no types.
// eslint-disable-next-line @typescript-eslint/no-require-imports
const jsonwebtoken = require('jsonwebtoken') as {
  sign(payload: object, secret: string | Buffer, options?: object): string;
};

/** A token as NocoBase would sign it. */
export function signToken(payload: object, secret: string | Buffer, options: object = {}): string {
  return jsonwebtoken.sign(payload, secret, options);
}
