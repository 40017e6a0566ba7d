/** The account that may do everything in a new application, as it was when the application was created. */
export interface FirstAdministrator {
  nickname: string | null;
  username: string | null;
  email: string | null;
}

/** One line for a person, such as "Ann (ann, ann@example.com)"; a name that another one repeats is left out. */
export function administratorText({ nickname, username, email }: FirstAdministrator): string {
  const [first = '', ...others] = new Set([nickname, username, email].map((text) => text ?? '').filter(Boolean));
  return others.length > 0 ? `${first} (${others.join(', ')})` : first;
}
